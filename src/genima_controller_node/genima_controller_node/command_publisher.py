# SPDX-License-Identifier: Apache-2.0
"""Sends what the session commits: trajectories at each tick, the gripper when it changes."""

from collections.abc import Sequence

from genima_msgs.msg import GripperCommand
from trajectory_msgs.msg import JointTrajectory

from genima.control.session_types import Setpoint
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
        dry_run: Neither send anything nor be a publisher of these topics.
    """

    def __init__(self, node: GenimaNode, repeat_gripper: bool, dry_run: bool = False) -> None:
        self._repeat_gripper = repeat_gripper
        self._silent = dry_run
        self.forget()
        if not dry_run:
            self._trajectories = node.advertise(
                JointTrajectory, "joint_trajectory", RELIABLE_LATEST
            )
            self._grippers = node.advertise(GripperCommand, "gripper_command", LATCHED)

    def forget(self) -> None:
        """Begin anew: a new goal sends the gripper's state whatever it was."""
        self._sent_gripper: bool | None = None
        self._window: list[Setpoint] = []

    def publish(self, setpoints: Sequence[Setpoint], gripper_open: bool, now_s: float) -> None:
        """Send setpoints and, if it is news, what the gripper should do from now on.

        A trajectory holds all setpoints that still lie ahead, since it replaces the one before.
        """
        if self._silent:
            return
        first_s = setpoints[0].time_s
        self._window = [point for point in self._window if now_s < point.time_s < first_s]
        self._window += setpoints
        if self._repeat_gripper or gripper_open != self._sent_gripper:
            message = GripperCommand(open=gripper_open)
            message.header.stamp = time_message(now_s)
            self._grippers.publish(message)
            self._sent_gripper = gripper_open
        times_s = [point.time_s for point in self._window]
        q, dq = [point.q for point in self._window], [point.dq for point in self._window]
        self._trajectories.publish(trajectory(JOINT_NAMES, now_s, times_s, q, dq))
