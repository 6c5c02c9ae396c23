# SPDX-License-Identifier: Apache-2.0
"""What nodes tell of an arm."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from genima.kinematics import JOINT_NAMES
from genima_ros.arm_status import StatusPublisher, Weight, arm_joint_state
from genima_ros.conversions import FINGER_JOINTS, seconds
from genima_ros.lifecycle import GenimaNode
from genima_ros.parameters import parameter

Q = np.linspace(0.0, 0.6, 7)


@dataclass(frozen=True)
class Schema:
    autostart: bool = parameter(False, "Configure and activate without being told.")


class State(Enum):
    IDLE = 0
    HALTED = 1


class Messages:
    """A node that keeps what it publishes."""

    def __init__(self, node: GenimaNode) -> None:
        self.published: list[JointState] = []
        node.advertise = lambda *_: self
        self.statuses = StatusPublisher(node, JointState, "status", lambda: 5.0, State.IDLE)

    def publish(self, message: JointState) -> None:
        self.published.append(message)

    def poll(self, state: State, reason: str, weight: Weight) -> None:
        self.statuses.poll(state, reason, weight, JointState)


@pytest.fixture
def messages(ros: None) -> Iterator[Messages]:
    node = GenimaNode("arm", Schema)
    yield Messages(node)
    node.destroy_node()


def test_changes_of_any_weight_are_logged_and_published(messages: Messages) -> None:
    for weight in (*Weight, *Weight):  # by the node's own logger, which is particular
        messages.poll(State.HALTED, f"a reflex ({weight.value})", weight)
        messages.poll(State.IDLE, "", Weight.INFO)
    assert len(messages.published) == 4 * len(Weight)
    assert seconds(messages.published[0].header.stamp) == 5.0


def test_what_stays_is_repeated_now_and_then(messages: Messages) -> None:
    for _ in range(41):
        messages.poll(State.IDLE, "", Weight.INFO)
    assert len(messages.published) == 3


def test_an_arm_without_a_gripper_has_no_fingers() -> None:
    assert tuple(arm_joint_state(Q, Q, float("nan"), 1.0).name) == JOINT_NAMES
    with_fingers = arm_joint_state(Q, Q, 0.5, 1.0)
    assert tuple(with_fingers.name) == (*JOINT_NAMES, *FINGER_JOINTS)
    assert list(with_fingers.position[7:]) == [0.02, 0.02]
