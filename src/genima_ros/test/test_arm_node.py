# SPDX-License-Identifier: Apache-2.0
"""How a node that holds an arm ticks, and how it ends."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from genima_msgs.msg import EmergencyStop

from genima.timing import DeadlineLoop
from genima_ros import control_thread
from genima_ros.arm_node import ArmNode
from genima_ros.parameters import parameter

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Schema:
    autostart: bool = parameter(False, "Configure and activate without being told.")


class Session:
    """An arm that stands when the test says so."""

    def __init__(self) -> None:
        self.at_rest = True
        self.abandoned: list[str] = []
        self.closed = threading.Event()
        self.stops: list[tuple[bool, str]] = []

    def hear_emergency_stop(self, pressed: bool, source: str) -> None:
        self.stops.append((pressed, source))

    def abandon(self, defect: str) -> None:
        self.abandoned.append(defect)

    def close(self) -> None:
        self.closed.set()


class Node(ArmNode):
    """Keeps what it logs as an error."""

    def __init__(self) -> None:
        super().__init__("arm", Schema, "the driver")
        self.errors: list[str] = []
        self.ticked = threading.Event()
        self.body = lambda: None

    def get_logger(self) -> SimpleNamespace:
        return SimpleNamespace(error=self.errors.append, fatal=lambda _: None)

    def configure(self) -> None:
        self._session = Session()
        self._loop = DeadlineLoop(0.01)
        self.hear_emergency_stops()

    def activate(self) -> None:
        self.begin_ticks()

    def deactivate(self) -> None:
        self.end_ticks()

    def tick(self, offset_s: float) -> None:
        self.ticked.set()
        self.body()

    def poll_status(self) -> None:
        pass


@pytest.fixture
def node(ros: None) -> Iterator[Node]:
    node = Node()
    assert node.trigger_configure().name == "SUCCESS"
    yield node
    node.destroy_node()


def test_it_ticks_until_the_arm_stands(node: Node) -> None:
    session = node._session
    session.at_rest = False
    node.trigger_activate()
    assert node.ticked.wait(PATIENCE_S)
    ending = threading.Thread(target=node.trigger_deactivate)
    ending.start()
    node.ticked.clear()
    assert node.ticked.wait(PATIENCE_S)  # it brakes
    session.at_rest = True
    ending.join(PATIENCE_S)
    assert not node._control.alive and node.errors == []


def test_an_arm_that_never_stands_is_left_all_the_same_and_told_of(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_thread, "_LONGEST_BRAKING_S", 0.05)
    session = node._session
    session.at_rest = False
    node.trigger_activate()
    assert node.ticked.wait(PATIENCE_S)
    node.trigger_deactivate()
    assert "the control thread does not end" in node.errors[0]
    assert node.trigger_activate().name == "FAILURE"
    assert "cannot activate: the control thread of before still runs" in node.errors[-1]
    node.trigger_shutdown()
    assert session.closed.is_set()
    session.at_rest = True
    node._control._thread.join(PATIENCE_S)


def test_its_session_hears_emergency_stops_as_long_as_there_is_one(node: Node) -> None:
    (stops,) = [s for s in node.subscriptions if s.topic_name == "/estop"]
    session = node._session
    stops.callback(EmergencyStop(pressed=True, source="door"))
    assert session.stops == [(True, "door")]
    node.trigger_cleanup()
    assert not [s for s in node.subscriptions if s.topic_name == "/estop"]


def test_a_defect_in_a_tick_leaves_the_arm_alone(node: Node) -> None:
    node.body = lambda: 1 // 0
    node.trigger_activate()
    node._control._thread.join(PATIENCE_S)
    (told,) = node._session.abandoned
    assert "died of a defect (ZeroDivisionError" in told and told.endswith("restart the driver")
    node.trigger_deactivate()
