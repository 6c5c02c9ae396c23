# SPDX-License-Identifier: Apache-2.0
"""What the controller sends, and what it takes in; the topics are lists."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from genima_msgs.msg import TargetTile

from genima.control.joint_history import JointHistory
from genima.control.planner import Plan, Seen
from genima.control.session_types import SessionState, SessionStatus, Setpoint
from genima.kinematics import Q_HOME
from genima.policy import Policy
from genima_controller_node.command_publisher import CommandPublisher
from genima_controller_node.target_intake import TargetIntake
from genima_ros.conversions import seconds
from genima_ros.tiles import tile_message

POLICY = Policy(image_size_px=32)
PATIENCE_S = 30.0


class FakeNode:
    """Topics as lists."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = {}
        self.complaints: list[str] = []

    def advertise(self, kind: type, topic: str, qos: object) -> Any:
        self.sent[topic] = []

        class Publisher:
            publish = staticmethod(self.sent[topic].append)

        return Publisher

    def complain(self, about: str, error: Exception) -> None:
        self.complaints.append(f"{about}: {error}")


def points(*times_s: float) -> list[Setpoint]:
    return [Setpoint(t, np.full(7, t), np.zeros(7)) for t in times_s]


def test_trajectory_holds_all_setpoints_that_lie_ahead() -> None:
    node: Any = FakeNode()
    commands = CommandPublisher(node, repeat_gripper=False)
    commands.publish(points(10.02, 10.04, 10.06), True, 10.0)
    commands.publish(points(10.08), True, 10.03)
    message = node.sent["joint_trajectory"][-1]
    stamps = [10.03 + seconds(point.time_from_start) for point in message.points]
    np.testing.assert_allclose(stamps, [10.04, 10.06, 10.08], atol=1e-8)
    np.testing.assert_allclose([p.positions[0] for p in message.points], [10.04, 10.06, 10.08])


def test_setpoints_that_are_sent_anew_replace_the_old_ones() -> None:
    node: Any = FakeNode()
    commands = CommandPublisher(node, repeat_gripper=False)
    commands.publish(points(10.02, 10.04, 10.06), True, 10.0)
    commands.publish(points(10.05, 10.07), True, 10.03)
    message = node.sent["joint_trajectory"][-1]
    np.testing.assert_allclose([p.positions[0] for p in message.points], [10.04, 10.05, 10.07])


@pytest.mark.parametrize(("repeat", "count"), [(False, 2), (True, 4)])
def test_gripper_is_sent_when_it_changes_or_always(repeat: bool, count: int) -> None:
    node: Any = FakeNode()
    commands = CommandPublisher(node, repeat_gripper=repeat)
    for i, is_open in enumerate((True, True, False, False)):
        commands.publish(points(10.02 + i), is_open, 10.0 + i)
    sent = [message.open for message in node.sent["gripper_command"]]
    assert len(sent) == count
    assert (sent[0], sent[-1]) == (True, False)


def test_dry_run_sends_nothing_and_is_no_publisher() -> None:
    node: Any = FakeNode()
    commands = CommandPublisher(node, repeat_gripper=True, dry_run=True)
    commands.publish(points(10.02), False, 10.0)
    commands.forget()
    assert node.sent == {}


def test_new_goal_sends_the_gripper_whatever_it_was() -> None:
    node: Any = FakeNode()
    commands = CommandPublisher(node, repeat_gripper=False)
    commands.publish(points(10.02), True, 10.0)
    commands.forget()
    commands.publish(points(11.02), True, 11.0)
    assert len(node.sent["gripper_command"]) == 2


class FakeSession:
    """Wants targets or not, as the test says."""

    def __init__(self) -> None:
        self.history = JointHistory()
        self.history.add(Q_HOME, 10.0)
        self.status = SessionStatus(SessionState.WAITING, instruction="push")
        self.wants, self.oldest_s = True, 10.0
        self.gripper_is_open = False
        self.heard_s: list[float] = []
        self.refusals: list[str] = []

    def wants_target(self, now_s: float) -> bool:
        return self.wants

    def not_before_s(self) -> float:
        return self.oldest_s

    def hear_target(self, now_s: float) -> None:
        self.heard_s.append(now_s)

    def refuse(self, reason: str, now_s: float) -> None:
        self.refusals.append(reason)


class Bench:
    def __init__(self) -> None:
        self.node: Any = FakeNode()
        self.session: Any = FakeSession()
        self.planned: list[float] = []
        self.defects: list[Exception] = []
        self.halts: list[str] = []
        self.broken = False
        self._news = threading.Condition()
        self.intake = TargetIntake(
            self.node,
            self.session,
            POLICY,
            lambda rig: self,
            self._on_plan,
            self.halts.append,
            self._on_defect,
        )
        self.intake.set_rig(None)  # type: ignore[arg-type]

    def plan(self, tile: object, seen: object) -> Plan:
        if self.broken:
            raise ZeroDivisionError("the planner broke")
        assert isinstance(seen, Seen) and not seen.gripper_open and seen.instruction == "push"
        return Plan(np.array(Q_HOME), True, 1.0)

    def _on_plan(self, plan: Plan, stamp_s: float) -> None:
        with self._news:
            self.planned.append(stamp_s)
            self._news.notify_all()

    def _on_defect(self, error: Exception) -> None:
        with self._news:
            self.defects.append(error)
            self._news.notify_all()

    def until(self, count: int) -> None:
        with self._news:
            assert self._news.wait_for(
                lambda: len(self.planned) + len(self.defects) >= count, PATIENCE_S
            )

    def requests(self) -> list[float]:
        return [seconds(message.not_before) for message in self.node.sent["target_request"]]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.intake.stop()


def tile(stamp_s: float = 10.0, instruction: str = "push") -> TargetTile:
    picture = np.zeros((64, 64, 3), np.uint8)
    return tile_message(
        picture,
        POLICY,
        stamp_s=stamp_s,
        instruction=instruction,
        model="test",
        inference_s=0.0,
        seed=0,
    )


def test_target_is_requested_once_where_none_is_at_hand(bench: Bench) -> None:
    for _ in range(3):
        bench.intake.seek(10.0)
    assert bench.requests() == [10.0]
    bench.session.oldest_s = 10.5
    bench.intake.seek(10.5)
    assert bench.requests() == [10.0, 10.5]


def test_nothing_is_requested_while_nothing_is_wanted(bench: Bench) -> None:
    bench.session.wants = False
    bench.intake.seek(10.0)
    assert bench.requests() == []


def test_tile_is_planned_once(bench: Bench) -> None:
    bench.intake.take(tile(), 10.1)
    bench.until(1)
    bench.intake.seek(10.2)
    bench.intake.take(tile(10.3), 10.3)
    bench.until(2)
    assert bench.planned == pytest.approx([10.0, 10.3])


def test_tile_that_its_drawer_calls_bad_is_refused_and_the_next_one_followed(bench: Bench) -> None:
    bad = tile()
    bad.state, bad.fault = TargetTile.BAD, "no spheres"
    bench.intake.take(bad, 10.1)
    bench.intake.take(tile(10.3), 10.3)
    bench.until(1)
    assert bench.session.refusals == ["no spheres"] and bench.planned == pytest.approx([10.3])
    assert bench.halts == []


def test_broken_drawer_halts_the_arm_at_once_even_where_no_target_is_wanted(bench: Bench) -> None:
    bench.session.wants = False
    failed = tile()
    failed.state, failed.fault = TargetTile.FAILED, "out of memory"
    bench.intake.take(failed, 10.1)
    assert bench.halts == ["out of memory"]
    bench.session.wants = True
    bench.intake.seek(10.3)
    assert bench.planned == [] and bench.requests() == [10.0]


def test_tile_is_kept_until_it_is_wanted(bench: Bench) -> None:
    bench.session.wants = False
    bench.intake.take(tile(), 10.1)
    bench.session.wants = True
    bench.intake.seek(10.2)
    bench.until(1)


def test_tile_that_is_too_old_is_not_planned_but_another_requested(bench: Bench) -> None:
    bench.session.oldest_s = 10.5
    bench.intake.take(tile(10.0), 10.6)
    assert bench.requests() == [10.5]


def test_tile_of_another_instruction_is_heard_but_not_followed(bench: Bench) -> None:
    bench.intake.take(tile(instruction="pull"), 10.1)
    bench.intake.seek(10.2)
    assert bench.session.heard_s == [10.1]
    assert bench.requests() == [10.0]


def test_tile_of_another_policy_is_refused_with_a_sentence(bench: Bench) -> None:
    message = tile()
    message.cameras = list(reversed(message.cameras))
    bench.intake.take(message, 10.1)
    assert "in this order" in bench.session.refusals[0]
    assert bench.node.complaints[0].startswith("target_tile: tile of cameras")


def test_after_time_went_back_old_stamps_hinder_nothing(bench: Bench) -> None:
    bench.session.oldest_s = 57.0
    bench.session.history.add(Q_HOME, 57.0)
    bench.intake.take(tile(57.0), 57.0)
    bench.until(1)
    bench.intake.forget()
    bench.session.oldest_s = 2.0
    bench.session.history.add(Q_HOME, 2.0)
    bench.intake.seek(2.0)
    assert bench.requests()[-1] == 2.0
    bench.intake.take(tile(2.0), 2.0)
    bench.until(2)
    assert bench.planned[-1] == 2.0


def test_defect_of_the_planner_is_told(bench: Bench) -> None:
    bench.broken = True
    bench.intake.take(tile(), 10.1)
    bench.until(1)
    assert isinstance(bench.defects[0], ZeroDivisionError)
