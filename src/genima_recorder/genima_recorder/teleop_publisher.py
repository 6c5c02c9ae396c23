# SPDX-License-Identifier: Apache-2.0
"""Publishes what teleoperation sees and does: both arms' joints, and what was commanded."""

from collections.abc import Callable

import numpy as np
from genima_msgs.msg import GripperCommand, TeleopStatus
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from genima.franka.types import SentCommand
from genima.kinematics import JOINT_NAMES
from genima.teleop import types
from genima.teleop.session import Tick
from genima_ros.arm_status import StatusPublisher, Weight, arm_joint_state
from genima_ros.conversions import time_message, trajectory
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import JOINT_STATES_PUBLISHER, LATCHED


class TickPublisher:
    """Publishes `joint_states`, `joint_trajectory`, `gripper_command` and `leader/joint_states`.

    Args:
        node: Publishes.
        period_s: Time between two ticks [s].
        leader_too: Publish the leader's joints: nobody else does.
    """

    def __init__(self, node: GenimaNode, period_s: float, leader_too: bool) -> None:
        self._period_s = period_s
        # A recorder wants all of them; nobody else takes these trajectories.
        qos = JOINT_STATES_PUBLISHER
        self._joints = node.advertise(JointState, "joint_states", qos)
        self._trajectories = node.advertise(JointTrajectory, "joint_trajectory", qos)
        self._grippers = node.advertise(GripperCommand, "gripper_command", LATCHED)
        self._leader = (
            node.advertise(JointState, "leader/joint_states", qos) if leader_too else None
        )
        self._follower_s = self._leader_s = self._sent_s = -np.inf
        self._gripper_open: bool | None = None

    def forget(self) -> None:
        """Begin anew: the gripper's command is sent again, whatever it was."""
        self._gripper_open = None

    def publish(self, tick: Tick, opening: float, offset_s: float) -> None:
        """Publish what is new in a tick.

        Args:
            tick: What was seen and done.
            opening: Of the follower's gripper, 0 to 1; NaN without one.
            offset_s: What the ROS clock is ahead of the session's [s].
        """
        follower, leader = tick.follower, tick.leader
        # An arm that died is not published again and again as if it stood.
        if follower is not None and follower.stamp_s > self._follower_s:
            self._follower_s = follower.stamp_s
            stamp_s = follower.stamp_s + offset_s
            self._joints.publish(arm_joint_state(follower.q, follower.dq, opening, stamp_s))
        if self._leader is not None and leader is not None and leader.stamp_s > self._leader_s:
            self._leader_s = leader.stamp_s
            stamp_s = leader.stamp_s + offset_s
            self._leader.publish(
                arm_joint_state(leader.q, leader.dq, leader.gripper_opening, stamp_s)
            )
        if tick.sent is not None and tick.sent.stamp_s > self._sent_s:
            self._sent_s = tick.sent.stamp_s
            self._publish_command(tick.sent, offset_s)
        if tick.gripper_open is not None and tick.gripper_open != self._gripper_open:
            self._gripper_open = tick.gripper_open
            message = GripperCommand(open=tick.gripper_open)
            message.header.stamp = time_message(tick.now_s + offset_s)
            self._grippers.publish(message)

    def _publish_command(self, sent: SentCommand, offset_s: float) -> None:
        stamp_s = sent.stamp_s + offset_s
        times_s = [stamp_s + self._period_s]
        q, dq = sent.q[None], sent.dq[None]
        self._trajectories.publish(trajectory(JOINT_NAMES, stamp_s, times_s, q, dq))


class TeleopStatusPublisher:
    """Publishes `teleop/status`, and logs its changes."""

    def __init__(self, node: GenimaNode, now_s: Callable[[], float]) -> None:
        first = types.TeleopStatus().state
        self._statuses = StatusPublisher(node, TeleopStatus, "teleop/status", now_s, first)

    def poll(self, status: types.TeleopStatus) -> None:
        """Publish if there is something new to say."""
        halted = status.state is types.TeleopState.HALTED
        age_s = status.leader_age_s
        self._statuses.poll(
            status.state,
            status.reason,
            Weight.ERROR if halted else Weight.INFO,
            lambda: TeleopStatus(
                state=status.state.value,
                reason=status.reason,
                error_rad=status.error_rad,
                leader_age_s=age_s if np.isfinite(age_s) else -1.0,
            ),
        )
