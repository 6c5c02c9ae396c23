# SPDX-License-Identifier: Apache-2.0
"""A controller node in which something goes wrong that should not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from genima_msgs.msg import EmergencyStop, TargetTile
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from visualization_msgs.msg import Marker

from genima.control.planner import Plan
from genima.control.session_types import SessionState
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima_controller_node.controller_node import ControllerNode
from genima_ros.conversions import joint_state, time_message
from genima_ros.policies import make_rig
from genima_ros.qos import RELIABLE_LATEST

CAMERAS_FILE = str(Path(__file__).parents[3] / "config" / "cameras.yaml")
SUCCESS = TransitionCallbackReturn.SUCCESS
GOAL = "push the maroon button"


@pytest.fixture
def node(ros: None) -> Iterator[Any]:
    """An active controller; nobody spins it, so the test says what it hears, and when it is."""
    node: Any = ControllerNode()
    node.set_parameters(
        [Parameter("cameras_file", value=CAMERAS_FILE), Parameter("pacing", value="lockstep")]
    )
    assert node.trigger_configure() is SUCCESS
    assert node.trigger_activate() is SUCCESS
    drawer = rclpy.create_node("drawer")
    drawer.create_publisher(TargetTile, "target_tile", RELIABLE_LATEST)
    node._infos._waiting.clear()  # the cameras have reported
    while not node.count_publishers("target_tile"):
        rclpy.spin_once(drawer, timeout_sec=0.05)
    yield node
    drawer.destroy_node()
    node.trigger_shutdown()
    node.destroy_node()


def begin(node: Any) -> None:
    node._on_joint_state(joint_state(JOINT_NAMES, np.array(Q_HOME), np.zeros(7), 1.0))
    node._begin(GOAL)


def test_defect_halts_the_arm_and_the_node_takes_a_new_goal(node: Any) -> None:
    begin(node)
    node._on_defect(RuntimeError("CUDA out of memory"))
    status = node._status()
    assert status.state is SessionState.HALTED
    assert status.reason == "defect in the controller: CUDA out of memory"
    begin(node)
    assert node._status().state is SessionState.WAITING


@pytest.mark.parametrize("cause", ["a tile that failed", "a defect", "a press"])
def test_world_in_lockstep_that_is_halted_in_mid_motion_is_told_to_brake(
    node: Any, cause: str
) -> None:
    begin(node)
    node._on_plan(Plan(Q_HOME + 0.3, True, 0.9), 1.0)
    sent: list[Any] = []
    node._commands.publish = lambda setpoints, *_: sent.extend(setpoints)
    for time_s in (1.05, 1.1, 1.15, 1.2, 1.25):
        q = sent[-1].q if sent else np.array(Q_HOME)
        node._on_joint_state(joint_state(JOINT_NAMES, q, np.zeros(7), time_s))
    assert np.abs(sent[-1].dq).max() > 0.1
    if cause == "a tile that failed":
        tile = TargetTile(state=TargetTile.FAILED, instruction=GOAL, fault="out of memory")
        node._on_tile(tile)
    elif cause == "a defect":
        node._on_defect(RuntimeError("out of memory"))
    else:
        node._interlocks._on_emergency_stop(EmergencyStop(pressed=True, source="pendant"))
    assert node._status().state is SessionState.HALTED
    assert np.abs(sent[-1].dq).max() == 0.0  # though the world takes no further step


def test_lockstep_time_goes_on_after_a_tile_that_its_drawer_calls_bad(node: Any) -> None:
    begin(node)
    node._intake.set_rig(make_rig(CAMERAS_FILE))
    sent: list[Any] = []
    node._commands.publish = lambda setpoints, *_: sent.extend(setpoints)
    bad = TargetTile(state=TargetTile.BAD, instruction=GOAL, fault="no spheres")
    bad.header.stamp = time_message(1.0)
    node._on_tile(bad)
    assert node._status().reason == "no spheres" and sent


def test_deactivation_does_not_wait_for_a_clock_that_stands(clocked: Any) -> None:
    node = clocked
    assert node.trigger_activate() is SUCCESS
    node._on_joint_state(joint_state(JOINT_NAMES, np.array(Q_HOME), np.zeros(7), 1.0))
    with node._lock:
        node._session.begin(GOAL, 1.0)
    node._on_plan(Plan(Q_HOME + 0.3, True, 0.9), 1.0)
    assert node.trigger_deactivate() is SUCCESS  # the arm never stands
    assert node._control.alive
    assert node.trigger_activate() is not SUCCESS  # two threads would tick twice as often


@pytest.mark.parametrize("folded", [False, True])
def test_only_what_is_followed_is_shown_as_planned(node: Any, folded: bool) -> None:
    begin(node)
    shown: list[Any] = []
    node._markers._publisher.publish = shown.append
    q = np.array([0.0, -0.3, 0.0, -2.2, 0.0, 0.0, 2.3]) if folded else Q_HOME + 0.1
    node._on_plan(Plan(q, True, 0.9), 1.0)
    assert node._status().targets_refused == folded
    (markers,) = shown
    spheres = [m for m in markers.markers if m.action == Marker.ADD]
    assert bool(spheres) is not folded
    node._end("cancelled")
    node._publish_status()
    assert [m.action for m in shown[-1].markers] == [Marker.DELETEALL]


def test_emergency_stop_reaches_the_session_at_once(node: Any) -> None:
    begin(node)
    node._interlocks._on_emergency_stop(EmergencyStop(pressed=True, source="pendant"))
    assert node._status().state is SessionState.HALTED
    assert "'pendant' is pressed" in node._status().reason
