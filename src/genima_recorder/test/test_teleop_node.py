# SPDX-License-Identifier: Apache-2.0
"""What the teleoperation node refuses before an arm is asked."""

from dataclasses import replace

import pytest

from genima.errors import InvalidParameter
from genima_recorder.teleop_parameters import TeleopNodeParameters, gains, make_follower


def test_gains_that_no_follower_may_be_held_with_are_refused_with_joint_and_range() -> None:
    with pytest.raises(InvalidParameter, match=r"stiffness of joint 5 is 600 Nm/rad; .* most 500"):
        gains(TeleopNodeParameters(stiffness=[600.0] * 7))
    with pytest.raises(InvalidParameter, match="damping of joint 1 is 0 Nm s/rad"):
        gains(TeleopNodeParameters(damping=[0.0] + [30.0] * 6))
    assert gains(TeleopNodeParameters()).stiffness == (600.0,) * 4 + (240.0,) * 3


def test_collisions_that_no_joint_could_be_stopped_by_are_refused() -> None:
    given = TeleopNodeParameters(robot_ip="172.16.0.2")
    wrist_nm = make_follower(given).arm.settings.collision_torque_nm[6]
    assert wrist_nm < 12.0  # what joint 7 can exert
    with pytest.raises(InvalidParameter, match=r"follower: collision_torque_nm .* cannot exert"):
        make_follower(replace(given, collision_torque_nm=[40.0] * 7))
