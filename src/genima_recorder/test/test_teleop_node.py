# SPDX-License-Identifier: Apache-2.0
"""What the teleoperation node does by itself, without arms."""

from types import SimpleNamespace

import pytest

from genima.errors import InvalidParameter
from genima.teleop.session import Tick
from genima_recorder.teleop_node import TeleopNode
from genima_recorder.teleop_parameters import TeleopNodeParameters, gains


class SlowSession:
    """A session whose tick takes 7 ms of a clock that nothing else moves."""

    gripper_opening = 0.5

    def __init__(self) -> None:
        self.now_s = 100.0

    def tick(self) -> Tick:
        began_s = self.now_s
        self.now_s += 0.007
        return Tick(began_s, None, None, None)


def test_what_a_tick_saw_is_stamped_with_its_beginning() -> None:
    session, published = SlowSession(), []
    ticks = SimpleNamespace(publish=lambda tick, _, now_s: published.append(now_s - tick.now_s))
    TeleopNode._tick(SimpleNamespace(_session=session, _ticks=ticks, _now_s=lambda: session.now_s))
    assert published == [0.0]


def test_gains_that_no_follower_may_be_held_with_are_refused_with_joint_and_range() -> None:
    with pytest.raises(InvalidParameter, match=r"stiffness of joint 5 is 600 Nm/rad; .* most 500"):
        gains(TeleopNodeParameters(stiffness=[600.0] * 7))
    with pytest.raises(InvalidParameter, match="damping of joint 1 is 0 Nm s/rad"):
        gains(TeleopNodeParameters(damping=[0.0] + [30.0] * 6))
    assert gains(TeleopNodeParameters()).stiffness == (600.0,) * 4 + (240.0,) * 3
