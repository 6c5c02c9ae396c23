# SPDX-License-Identifier: Apache-2.0
"""What RViz is shown of a plan, and for how long; topics are lists."""

from typing import Any

from visualization_msgs.msg import Marker, MarkerArray

from genima.control.planner import Plan
from genima.control.session_types import SessionState
from genima.kinematics import Q_HOME
from genima_controller_node.planned_markers import PlannedMarkers

PLAN = Plan(Q_HOME, True, 0.9)


class FakeNode:
    def __init__(self) -> None:
        self.published: list[MarkerArray] = []

    def advertise(self, kind: type, topic: str, qos: object) -> "FakeNode":
        return self

    def publish(self, message: MarkerArray) -> None:
        self.published.append(message)

    @property
    def shown(self) -> int:
        """How many spheres are to be seen."""
        markers = self.published[-1].markers
        return 0 if any(m.action == Marker.DELETEALL for m in markers) else len(markers)


def bench() -> tuple[Any, PlannedMarkers]:
    node: Any = FakeNode()
    return node, PlannedMarkers(node, 0.0)


def test_target_that_is_asked_about_stays_while_it_is_followed() -> None:
    node, markers = bench()
    markers.show(PLAN, 1.0, SessionState.AWAITING_APPROVAL)
    for state in (SessionState.AWAITING_APPROVAL, SessionState.RUNNING):
        markers.heed(state)
    assert node.shown == 4 and len(node.published) == 1


def test_target_that_was_rejected_timed_out_or_stopped_is_taken_away_once() -> None:
    for state in (SessionState.HOLDING, SessionState.WAITING, SessionState.HALTED):
        node, markers = bench()
        markers.show(PLAN, 1.0, SessionState.AWAITING_APPROVAL)
        markers.heed(state)
        markers.heed(state)
        assert node.shown == 0 and len(node.published) == 2


def test_refused_plan_is_not_shown() -> None:
    node, markers = bench()
    markers.show(PLAN, 1.0, SessionState.AWAITING_APPROVAL)
    markers.show(Plan(None, True, 0.1, "nothing drawn"), 2.0, SessionState.AWAITING_APPROVAL)
    assert node.shown == 0
    markers.show(PLAN, 3.0, SessionState.HOLDING)
    assert node.shown == 0
