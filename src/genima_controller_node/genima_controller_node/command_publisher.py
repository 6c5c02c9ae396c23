# SPDX-License-Identifier: Apache-2.0
"""Sends what the session commits: trajectories at each tick, the gripper when it changes."""

from collections.abc import Sequence

from genima_msgs.msg import GripperCommand
from trajectory_msgs.msg import JointTrajectory

from genima.control.session import Setpoint
from genima.kinematics import JOINT_NAMES
from genima_ros.conversions import time_message, trajectory
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import LATCHED, RELIABLE_LATEST


class CommandPublisher:
    """Publishes `joint_trajectory` and `gripper_command`.

    Args:
        node: Publishes.
        repeat_gripper: Send the gripper's state with every trajectory: a waiting world takes its
            next step only when it knows both.
    """

    def __init__(self, node: GenimaNode, repeat_gripper: bool) -> None:
        self._trajectories = node.advertise(JointTrajectory, "joint_trajectory", RELIABLE_LATEST)
        self._grippers = node.advertise(GripperCommand, "gripper_command", LATCHED)
        self._repeat_gripper = repeat_gripper
        self._sent_gripper: bool | None = None

    def forget(self) -> None:
        """Send the gripper's state anew with the next setpoints."""
        self._sent_gripper = None

    def publish(self, setpoints: Sequence[Setpoint], gripper_open: bool, now_s: float) -> None:
        """Send setpoints and, if it is news, what the gripper should do from now on."""
        if self._repeat_gripper or gripper_open != self._sent_gripper:
            message = GripperCommand(open=gripper_open)
            message.header.stamp = time_message(now_s)
            self._grippers.publish(message)
            self._sent_gripper = gripper_open
        self._trajectories.publish(
            trajectory(
                JOINT_NAMES,
                now_s,
                [point.time_s for point in setpoints],
                [point.q for point in setpoints],
                [point.dq for point in setpoints],
            )
        )
