# SPDX-License-Identifier: Apache-2.0
"""A world's arm that does what another arm does."""

import numpy as np
import pytest

from genima.errors import NotReady
from genima.sim.mirrored_arm import MirroredArm
from genima.sim.mujoco_world import Q_START


def test_it_stands_where_episodes_begin_until_something_is_heard() -> None:
    arm = MirroredArm(Q_START)
    assert (arm.sample(0.0).q == Q_START).all()
    with pytest.raises(NotReady, match="start the driver of the arm first"):
        arm.require_start()


def test_it_is_where_the_other_arm_was_heard_last_whatever_the_time() -> None:
    arm = MirroredArm(Q_START)
    arm.hear(Q_START + 0.05)
    arm.reset(Q_START, 100.0)
    for t_s in (0.0, 100.0, 50.0):
        assert arm.sample(t_s).q == pytest.approx(Q_START + 0.05)
        assert not arm.sample(t_s).dq.any()
    arm.require_start()


def test_an_episode_does_not_begin_elsewhere() -> None:
    arm = MirroredArm(Q_START)
    arm.hear(Q_START + np.array([0, 0, 0, 0.5, 0, 0, 0]))
    with pytest.raises(NotReady, match=r"joint 4 is 0\.50 rad from where an episode begins; move"):
        arm.require_start()
