# SPDX-License-Identifier: Apache-2.0
"""Publishes what teleoperation sees and does: both arms' joints, and what was commanded."""

from collections.abc import Callable

import numpy as np
from genima_msgs.msg import GripperCommand, TeleopStatus
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from genima.arrays import Array, Float
from genima.kinematics import JOINT_NAMES
from genima.teleop import types
from genima.teleop.session import Tick
from genima.teleop.types import TeleopCommand
from genima_ros.conversions import FINGER_JOINTS, joint_state, time_message, trajectory
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import JOINT_STATES_PUBLISHER, LATCHED

#: A finger of the Franka Hand travels this far [m].
_FINGER_TRAVEL_M = 0.04
#: Polls after which an unchanged status is published again.
_REPEAT_POLLS = 20


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
        self._follower_s = self._leader_s = -np.inf
        self._gripper_open: bool | None = None

    def forget(self) -> None:
        """Begin anew: the gripper's command is sent again, whatever it was."""
        self._gripper_open = None

    def publish(self, tick: Tick, opening: float, ros_now_s: float) -> None:
        """Publish what is new in a tick.

        Args:
            tick: What was seen and done.
            opening: Of the follower's gripper, 0 to 1; NaN without one.
            ros_now_s: The time of the tick by the ROS clock [s].
        """
        offset_s = ros_now_s - tick.now_s
        follower, leader = tick.follower, tick.leader
        # An arm that died is not published again and again as if it stood.
        if follower is not None and follower.stamp_s > self._follower_s:
            self._follower_s = follower.stamp_s
            stamp_s = follower.stamp_s + offset_s
            self._joints.publish(_with_fingers(follower.q, follower.dq, opening, stamp_s))
        if self._leader is not None and leader is not None and leader.stamp_s > self._leader_s:
            self._leader_s = leader.stamp_s
            stamp_s = leader.stamp_s + offset_s
            self._leader.publish(
                _with_fingers(leader.q, leader.dq, leader.gripper_opening, stamp_s)
            )
        if tick.command is not None:
            self._publish_command(tick.command, ros_now_s)

    def _publish_command(self, command: TeleopCommand, now_s: float) -> None:
        times_s = [now_s + self._period_s]
        q, dq = command.q[None], command.dq[None]
        self._trajectories.publish(trajectory(JOINT_NAMES, now_s, times_s, q, dq))
        if command.gripper_open is not None and command.gripper_open != self._gripper_open:
            self._gripper_open = command.gripper_open
            message = GripperCommand(open=command.gripper_open)
            message.header.stamp = time_message(now_s)
            self._grippers.publish(message)


class StatusPublisher:
    """Publishes `teleop/status` when it changes and every so many polls, and logs the changes."""

    def __init__(self, node: GenimaNode, now_s: Callable[[], float]) -> None:
        self._publisher = node.advertise(TeleopStatus, "teleop/status", LATCHED)
        self._logger = node.get_logger()
        self._now_s = now_s
        self._last = types.TeleopStatus()
        self._polls = _REPEAT_POLLS

    def poll(self, status: types.TeleopStatus) -> None:
        """Publish if there is something new to say."""
        self._polls += 1
        same = (status.state, status.reason) == (self._last.state, self._last.reason)
        if same and self._polls < _REPEAT_POLLS:
            return
        if not same:
            self._log(status)
        self._last, self._polls = status, 0
        age_s = status.leader_age_s
        message = TeleopStatus(
            state=status.state.value,
            reason=status.reason,
            error_rad=status.error_rad,
            leader_age_s=age_s if np.isfinite(age_s) else -1.0,
        )
        message.header.stamp = time_message(self._now_s())
        self._publisher.publish(message)

    def _log(self, status: types.TeleopStatus) -> None:
        text = f"{status.state.name.lower()}: {status.reason}".removesuffix(": ")
        if status.state is types.TeleopState.HALTED:
            self._logger.error(text)
        else:
            self._logger.info(text)


def _with_fingers(
    q: Float[Array, "7"], dq: Float[Array, "7"], opening: float, stamp_s: float
) -> JointState:
    """An arm's joint state, with its fingers if it has them."""
    if np.isnan(opening):
        return joint_state(JOINT_NAMES, q, dq, stamp_s)
    fingers = np.full(2, opening * _FINGER_TRAVEL_M)
    names = (*JOINT_NAMES, *FINGER_JOINTS)
    return joint_state(names, np.append(q, fingers), np.append(dq, np.zeros(2)), stamp_s)
