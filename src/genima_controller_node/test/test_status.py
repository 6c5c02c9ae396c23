# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from genima_msgs.msg import ControllerStatus

from genima.control.session_types import SessionState, SessionStatus
from genima.timing import DeadlineLoop
from genima_controller_node.status import ControllerStatusPublisher, health_of
from genima_ros.conversions import seconds
from genima_ros.diagnostics import Level

LOOP = DeadlineLoop(0.02)
RUNNING = SessionStatus(SessionState.RUNNING, instruction="push", chunks=1, fit=0.9)


class Ear:
    """Publisher and logger in one."""

    def __init__(self) -> None:
        self.messages: list[ControllerStatus] = []
        self.log: list[str] = []
        self.publish = self.messages.append
        self.info = self.warning = self.error = self.log.append


class Bench:
    def __init__(self) -> None:
        self.ear: Any = Ear()
        self.publisher = ControllerStatusPublisher(self.ear, self.ear)

    def poll(self, status: SessionStatus, now_s: float = 5.0) -> int:
        """Returns how many messages were published."""
        before = len(self.ear.messages)
        self.publisher.poll(status, now_s, 0.25, LOOP)
        return len(self.ear.messages) - before


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_first_status_is_published_at_once(bench: Bench) -> None:
    assert bench.poll(SessionStatus()) == 1
    assert bench.ear.messages[0].state == ControllerStatus.IDLE


def test_change_is_published_at_once_and_no_change_now_and_then(bench: Bench) -> None:
    bench.poll(SessionStatus())
    assert bench.poll(RUNNING) == 1
    assert sum(bench.poll(RUNNING) for _ in range(100)) == 5
    message = bench.ear.messages[-1]
    assert (message.state, message.instruction, message.chunks) == (2, "push", 1)
    assert (message.target_age_s, message.fit, seconds(message.header.stamp)) == (0.25, 0.9, 5.0)


@pytest.mark.parametrize("jump_s", [1.0, -3.0])
def test_jump_of_time_is_published_at_once(bench: Bench, jump_s: float) -> None:
    bench.poll(RUNNING, 5.0)
    assert bench.poll(RUNNING, 5.2) == 0
    assert bench.poll(RUNNING, 5.0 + jump_s) == 1


def test_time_that_has_not_begun_is_zero_and_no_reason_to_publish_more(bench: Bench) -> None:
    bench.poll(SessionStatus(), float("-inf"))
    assert seconds(bench.ear.messages[0].header.stamp) == 0.0
    assert sum(bench.poll(SessionStatus(), float("-inf")) for _ in range(40)) == 2


def test_operator_is_told_of_changes_of_state_only(bench: Bench) -> None:
    bench.poll(SessionStatus())
    bench.poll(RUNNING)
    bench.poll(SessionStatus(SessionState.RUNNING, chunks=2))
    bench.poll(SessionStatus(SessionState.HOLDING, "the drawing fits badly"))
    bench.poll(SessionStatus(SessionState.HOLDING, "no target"))
    bench.poll(SessionStatus(SessionState.HALTED, "no joint state"))
    assert bench.ear.log == [
        "the arm follows drawn targets",
        "the arm holds: the drawing fits badly",
        "halted: no joint state",
    ]


@pytest.mark.parametrize(
    ("state", "level"),
    [
        (SessionState.IDLE, Level.OK),
        (SessionState.RUNNING, Level.OK),
        (SessionState.HOLDING, Level.WARN),
        (SessionState.HALTED, Level.ERROR),
    ],
)
def test_health_follows_the_state(state: SessionState, level: Level) -> None:
    health = health_of(SessionStatus(state, "a reason"), LOOP, ["front"])
    assert (health.level, health.message) == (level, "a reason")
    assert health.values["cameras without camera_info"] == "front"


def test_missed_deadlines_are_warned_of() -> None:
    health = health_of(RUNNING, LOOP, [], missed=7)
    assert health.level is Level.WARN
    assert health.message == "running; the control thread missed 7 deadlines just now"
    halted = SessionStatus(SessionState.HALTED, "a reason")
    assert health_of(halted, LOOP, [], missed=7).level is Level.ERROR


def test_operator_is_told_that_a_target_waits_for_approval(bench: Bench) -> None:
    bench.poll(SessionStatus(SessionState.AWAITING_APPROVAL, "approve or reject"))
    assert bench.ear.log == ["the arm waits: approve or reject"]
    assert bench.ear.messages[-1].state == ControllerStatus.AWAITING_APPROVAL
