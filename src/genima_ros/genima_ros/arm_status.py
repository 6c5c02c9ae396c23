# SPDX-License-Identifier: Apache-2.0
"""Publishes what nodes tell of an arm: its joints with its fingers, and a status that changes."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
from sensor_msgs.msg import JointState

from genima.arrays import Array, Float
from genima.kinematics import JOINT_NAMES
from genima_ros.conversions import FINGER_JOINTS, joint_state, time_message
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import LATCHED

#: A finger of the Franka Hand travels this far [m]; other grippers are told in its measure.
_FINGER_TRAVEL_M = 0.04
#: Polls after which an unchanged status is published again.
_REPEAT_POLLS = 20


class Weight(Enum):
    """How a status is logged."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class StatusPublisher:
    """Publishes a status when it changes and every so many polls, and logs the changes.

    Args:
        node: Publishes.
        kind: Of the message, which has a header.
        topic: Where.
        now_s: The ROS time [s].
        first: The state that is not worth a line in the log.
    """

    def __init__(
        self, node: GenimaNode, kind: type, topic: str, now_s: Callable[[], float], first: Enum
    ) -> None:
        self._publisher = node.advertise(kind, topic, LATCHED)
        self._logger = node.get_logger()
        self._now_s = now_s
        self._last = (first, "")
        self._polls = _REPEAT_POLLS

    def poll(
        self, state: Enum, reason: str, weight: Weight, make_message: Callable[[], Any]
    ) -> None:
        """Publish if there is something new to say."""
        self._polls += 1
        same = (state, reason) == self._last
        if same and self._polls < _REPEAT_POLLS:
            return
        if not same:
            self._log(f"{state.name.lower()}: {reason}".removesuffix(": "), weight)
        self._last, self._polls = (state, reason), 0
        message = make_message()
        message.header.stamp = time_message(self._now_s())
        self._publisher.publish(message)

    def _log(self, text: str, weight: Weight) -> None:
        # A line for each: rclpy refuses one whose severity changes.
        if weight is Weight.ERROR:
            self._logger.error(text)
        elif weight is Weight.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)


def arm_joint_state(
    q: Float[Array, "7"], dq: Float[Array, "7"], opening: float, stamp_s: float
) -> JointState:
    """An arm's joint state, with its fingers if it has them.

    Args:
        q: Joint positions [rad].
        dq: Joint velocities [rad/s].
        opening: Of its gripper, 0 to 1; NaN without one.
        stamp_s: When, by the ROS clock [s].
    """
    if np.isnan(opening):
        return joint_state(JOINT_NAMES, q, dq, stamp_s)
    fingers = np.full(2, opening * _FINGER_TRAVEL_M)
    names = (*JOINT_NAMES, *FINGER_JOINTS)
    return joint_state(names, np.append(q, fingers), np.append(dq, np.zeros(2)), stamp_s)
