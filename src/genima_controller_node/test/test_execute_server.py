# SPDX-License-Identifier: Apache-2.0
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import rclpy
from genima_msgs.action import ExecuteInstruction
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.executors import SingleThreadedExecutor

from genima.control.session_types import SessionState, SessionStatus
from genima.errors import InvalidCommand
from genima_controller_node.execute_server import ExecuteServer

PATIENCE_S = 30.0
Result = ExecuteInstruction.Result


class Bench:
    """A server over a session that only remembers, and a client."""

    def __init__(self) -> None:
        self.status = SessionStatus()
        self.refusals: list[str] = []
        self.ends: list[str] = []
        self.now_s = 10.0
        self.node = rclpy.create_node("server")
        self.server = ExecuteServer(
            self.node,
            self.begin,
            self.refusals.append,
            self.end,
            lambda: self.status,
            lambda: self.now_s,
        )
        self.client = ActionClient(self.node, ExecuteInstruction, "execute")
        self.feedback: list[Any] = []
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.until(self.client.server_is_ready)

    def begin(self, instruction: str) -> None:
        if instruction == "bad":
            raise InvalidCommand("this instruction is bad; give another")
        self.status = SessionStatus(SessionState.RUNNING, instruction=instruction)

    def end(self, reason: str) -> None:
        self.ends.append(reason)
        self.status = replace(self.status, state=SessionState.IDLE, reason=reason)

    def until(self, condition: Callable[[], object]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            self.executor.spin_once(timeout_sec=0.05)
            assert time.monotonic() < end_s, "it never came"

    def result_of(self, future: Any) -> Any:
        self.until(future.done)
        return future.result()

    def goal(self, instruction: str = "push", time_limit_s: float = 0.0) -> ClientGoalHandle:
        request = ExecuteInstruction.Goal(instruction=instruction, time_limit_s=time_limit_s)
        return self.result_of(
            self.client.send_goal_async(request, lambda m: self.feedback.append(m.feedback))
        )

    def result(self, handle: ClientGoalHandle) -> Result:
        return self.result_of(handle.get_result_async()).result


@pytest.fixture
def bench(ros: None) -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.client.destroy()
    bench.server.destroy()
    bench.executor.shutdown()
    bench.node.destroy_node()


def test_refused_goal_is_told_with_its_reason(bench: Bench) -> None:
    assert not bench.goal("bad").accepted
    assert bench.refusals == ["this instruction is bad; give another"]
    assert not bench.status.active


@pytest.mark.parametrize("limit_s", [-1.0, float("nan"), float("inf")])
def test_time_limit_that_makes_no_sense_is_refused(bench: Bench, limit_s: float) -> None:
    assert not bench.goal(time_limit_s=limit_s).accepted
    assert "give seconds, or 0 for no limit" in bench.refusals[0]


def test_cancelled_goal_ends_and_says_so(bench: Bench) -> None:
    handle = bench.goal()
    handle.cancel_goal_async()
    result = bench.result(handle)
    assert (result.outcome, result.message) == (Result.CANCELLED, "cancelled")
    assert bench.ends == ["cancelled"]


def test_goal_ends_when_its_time_is_over_on_the_sessions_clock(bench: Bench) -> None:
    handle = bench.goal(time_limit_s=5.0)
    bench.until(lambda: bench.feedback)
    assert bench.ends == []
    bench.now_s += 5.0
    result = bench.result(handle)
    assert (result.outcome, result.message) == (
        Result.TIME_LIMIT,
        "the time limit of 5.0 s is over",
    )


def test_halted_session_ends_its_goal(bench: Bench) -> None:
    handle = bench.goal()
    bench.status = replace(
        bench.status, state=SessionState.HALTED, reason="no joint state", chunks=3
    )
    result = bench.result(handle)
    assert (result.outcome, result.message, result.chunks) == (Result.HALTED, "no joint state", 3)


def test_feedback_tells_how_it_goes(bench: Bench) -> None:
    bench.goal()
    bench.status = replace(bench.status, state=SessionState.HOLDING, reason="bad fit", chunks=2)
    bench.now_s += 1.5
    bench.until(lambda: any(f.chunks == 2 for f in bench.feedback))
    feedback = bench.feedback[-1]
    assert (feedback.state, feedback.reason) == (SessionState.HOLDING.value, "bad fit")
    assert feedback.elapsed_s == pytest.approx(1.5)


def test_goal_that_has_just_ended_keeps_its_own_result(bench: Bench) -> None:
    first = bench.goal("first")
    # It halts, and before anybody has looked the next goal comes.
    bench.status = replace(bench.status, state=SessionState.HALTED, reason="stuck")
    request = ExecuteInstruction.Goal(instruction="second")
    bench.server._on_goal(request)
    assert bench.status.instruction == "second"
    result = bench.result(first)
    assert (result.outcome, result.message) == (Result.HALTED, "stuck")


def test_goal_whose_giver_went_away_is_given_up(bench: Bench) -> None:
    bench.server._on_goal(ExecuteInstruction.Goal(instruction="push"))  # and never accepted
    bench.until(lambda: bench.ends)
    assert "went away" in bench.ends[0]
