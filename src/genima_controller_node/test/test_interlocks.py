# SPDX-License-Identifier: Apache-2.0
"""What forbids motion from outside, and the operator's answers; topics are lists."""

from collections.abc import Callable
from typing import Any

import pytest
from genima_msgs.msg import DriverStatus, EmergencyStop
from std_srvs.srv import Trigger

from genima.errors import InvalidCommand, NotReady
from genima_controller_node import interlocks
from genima_controller_node.consent_services import ConsentServices
from genima_controller_node.interlocks import Interlocks


class FakeNode:
    """Hears what it is told, and knows who publishes what."""

    def __init__(self) -> None:
        self.heard: dict[str, Callable[[Any], None]] = {}
        self.services: dict[str, Callable[[Any, Any], Any]] = {}
        self.publishers = {"target_tile": ["diffusion"], "joint_trajectory": ["controller"]}
        self.log: list[str] = []
        self.info = self.log.append

    def subscribe(self, kind: type, topic: str, callback: Any, qos: object) -> None:
        self.heard[topic] = callback

    def serve(self, kind: type, name: str, callback: Any) -> None:
        self.services[name] = callback

    def get_logger(self) -> "FakeNode":
        return self

    def resolve_topic_name(self, topic: str) -> str:
        return f"/lab/{topic}"

    def count_publishers(self, name: str) -> int:
        return len(self.publishers.get(name.removeprefix("/lab/"), []))

    def get_publishers_info_by_topic(self, name: str) -> list[Any]:
        class Info:
            def __init__(self, node_name: str) -> None:
                self.node_name = node_name

        return [Info(node) for node in self.publishers[name.removeprefix("/lab/")]]


class Bench:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, dry_run: bool = False) -> None:
        self.node: Any = FakeNode()
        self.now_s = 100.0
        self.stops: list[str] = []
        monkeypatch.setattr(interlocks.time, "monotonic", lambda: self.now_s)
        self.interlocks = Interlocks(self.node, dry_run, self.stops.append)

    def press(self, pressed: bool, source: str = "pendant") -> None:
        self.node.heard["estop"](EmergencyStop(pressed=pressed, source=source))

    def drive(self, state: int, reason: str = "") -> None:
        self.node.heard["driver_status"](DriverStatus(state=state, reason=reason))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_all_may_begin_where_nothing_forbids_it(bench: Bench) -> None:
    bench.press(False)
    bench.drive(DriverStatus.IDLE)
    bench.interlocks.require_flow([])
    assert bench.stops == []


def test_arm_is_held_where_its_driver_says_so_or_where_there_is_none(bench: Bench) -> None:
    assert bench.interlocks.arm_held()
    for state, held in (
        (DriverStatus.IDLE, False),
        (DriverStatus.HOLDING, True),
        (DriverStatus.FOLLOWING, True),
        (DriverStatus.HOMING, False),
    ):
        bench.drive(state)
        assert bench.interlocks.arm_held() is held
    bench.now_s += 3.5  # that driver is gone
    assert bench.interlocks.arm_held()


def test_dry_run_waits_for_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, dry_run=True)
    bench.drive(DriverStatus.IDLE)
    assert bench.interlocks.arm_held()


def test_pressed_stop_is_told_at_once_and_forbids_new_goals(bench: Bench) -> None:
    bench.press(True)
    assert "'pendant' is pressed" in bench.stops[0]
    with pytest.raises(NotReady, match="'pendant' is pressed"):
        bench.interlocks.require_flow([])
    bench.press(False)
    with pytest.raises(NotReady, match="give each stop a name of its own"):
        bench.interlocks.require_flow([])
    bench.now_s += 1.01
    bench.press(False)
    bench.interlocks.require_flow([])


def test_stop_without_heartbeat_counts_as_pressed(bench: Bench) -> None:
    bench.press(False)
    bench.now_s += 1.01
    assert "has been silent for more than 1.0 s" in bench.interlocks.stop_reason()


@pytest.mark.parametrize("state", [DriverStatus.HALTED, DriverStatus.DISCONNECTED])
def test_driver_that_cannot_move_the_arm_is_told_with_its_own_sentence(
    bench: Bench, state: int
) -> None:
    bench.drive(state, "the user stop is pressed; release it, then call recover")
    assert bench.stops == [
        "the arm's driver cannot move it: the user stop is pressed; release it, then call recover"
    ]
    bench.drive(DriverStatus.IDLE)
    assert bench.interlocks.stop_reason() == ""


def test_what_a_driver_said_that_is_gone_is_forgotten(bench: Bench) -> None:
    bench.drive(DriverStatus.HALTED, "reflex")
    bench.now_s += 3.1
    assert bench.interlocks.stop_reason() == ""


@pytest.mark.parametrize("topic", ["joint_trajectory", "target_tile", "instruction"])
def test_second_publisher_forbids_new_goals_and_is_named(bench: Bench, topic: str) -> None:
    bench.node.publishers[topic] = ["stranger", "ours"]
    with pytest.raises(NotReady, match=f"2 nodes publish {topic}; .* ours, stranger"):
        bench.interlocks.require_flow([])
    assert bool(bench.interlocks.rivals()) == (topic == "joint_trajectory")
    assert bool(bench.interlocks.strangers()) == (topic != "joint_trajectory")


def test_dry_run_leaves_the_arm_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, dry_run=True)
    bench.node.publishers["joint_trajectory"] = ["teleop", "somebody"]
    bench.interlocks.require_flow([])


def test_missing_cameras_and_targets_are_named(bench: Bench) -> None:
    with pytest.raises(NotReady, match=r"no usable camera_info from \['wrist'\]; start"):
        bench.interlocks.require_flow(["wrist"])
    bench.node.publishers["target_tile"] = []
    with pytest.raises(NotReady, match="nobody publishes target_tile"):
        bench.interlocks.require_flow([])


def test_operators_answers_reach_the_session_and_refusals_come_back() -> None:
    node: Any = FakeNode()
    answers: list[str] = []

    def reject() -> None:
        raise InvalidCommand("no drawn target waits for approval")

    ConsentServices(node, lambda: answers.append("yes"), reject)
    response = node.services["approve"](Trigger.Request(), Trigger.Response())
    assert response.success and answers == ["yes"]
    response = node.services["reject"](Trigger.Request(), Trigger.Response())
    assert not response.success
    assert response.message == "no drawn target waits for approval"
