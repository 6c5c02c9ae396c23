# SPDX-License-Identifier: Apache-2.0
"""What is published with a lock is sent without it: in its sequence, and never lost."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from genima_msgs.msg import EmergencyStop
from rclpy.lifecycle import TransitionCallbackReturn

from genima.control.planner import Plan
from genima.control.session_types import SessionState
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima_controller_node.late_node import LateLock, LatePublisher
from genima_ros.conversions import joint_state

PATIENCE_S = 30.0
SUCCESS = TransitionCallbackReturn.SUCCESS


class SlowTopic:
    """Notes what is sent; blocks while the test says so."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.begun, self.free = threading.Event(), threading.Event()
        self.free.set()

    def publish(self, message: Any) -> None:
        self.begun.set()
        assert self.free.wait(PATIENCE_S)
        if message == "bad":
            raise ValueError(message)
        self.sent.append(message)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_lock_is_free_while_a_topic_blocks_and_the_sequence_is_kept(
    pool: ThreadPoolExecutor,
) -> None:
    lock, topic, other = LateLock(), SlowTopic(), SlowTopic()
    publisher, other_publisher = (LatePublisher(lock, each) for each in (topic, other))  # type: ignore[arg-type]

    def publish(number: int) -> None:
        with lock:
            publisher.publish(number)

    topic.free.clear()
    slow = [pool.submit(publish, 0)]
    assert topic.begun.wait(PATIENCE_S)
    for number in (1, 2, 3):
        slow.append(pool.submit(publish, number))
        while len(publisher._waiting) < number:
            with lock:  # whoever has nothing to send there never waits
                pass
    other_publisher.publish("at once")
    assert other.sent == ["at once"] and topic.sent == []
    topic.free.set()
    for each in slow:
        each.result(PATIENCE_S)
    assert topic.sent == [0, 1, 2, 3]


def test_what_is_published_within_an_inner_lock_is_sent_when_the_outer_one_is_free() -> None:
    lock, topic = LateLock(), SlowTopic()
    publisher = LatePublisher(lock, topic)  # type: ignore[arg-type]
    with lock:
        with lock:
            publisher.publish(1)
        assert topic.sent == []
    assert topic.sent == [1]


def test_message_that_cannot_be_sent_keeps_no_other_one_back() -> None:
    lock, topic = LateLock(), SlowTopic()
    publisher = LatePublisher(lock, topic)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bad"), lock:
        for message in ("bad", 1, 2):
            publisher.publish(message)
    publisher.publish(3)
    assert topic.sent == [1, 2, 3]


def test_emergency_stop_and_deactivation_do_not_wait_for_a_trajectory_that_is_not_taken(
    clocked: Any, pool: ThreadPoolExecutor
) -> None:
    node, topic = clocked, SlowTopic()
    node._commands._trajectories._publisher = topic
    assert node.trigger_activate() is SUCCESS
    node._on_joint_state(joint_state(JOINT_NAMES, np.array(Q_HOME), np.zeros(7), 1.0))
    topic.free.clear()
    with node._lock:
        node._session.begin("push the maroon button", 1.0)
    node._on_plan(Plan(Q_HOME + 0.3, True, 0.9), 1.0)
    assert topic.begun.wait(PATIENCE_S)
    press = EmergencyStop(pressed=True, source="pendant")
    pool.submit(node._interlocks._on_emergency_stop, press).result(PATIENCE_S)
    assert node._status().state is SessionState.HALTED
    assert pool.submit(node.trigger_deactivate).result(PATIENCE_S) is SUCCESS
    topic.free.set()
