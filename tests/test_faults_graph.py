# SPDX-License-Identifier: Apache-2.0
"""Stops, rivals, consent and dry runs in a running graph.

All but the dry run is in lockstep, where a busy machine changes nothing but the time it takes.
"""

import os
import signal
from collections.abc import Iterator

import pytest
import rclpy
from genima_msgs.msg import ControllerStatus, EmergencyStop, TargetTile
from rclpy.action.client import ClientGoalHandle
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from genima.evaluation.domain import claim_domain
from genima_ros.qos import EMERGENCY_STOP, LATCHED, RELIABLE_LATEST

from .node_graph import NodeGraph

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(
        not os.environ.get("AMENT_PREFIX_PATH"), reason="the workspace is not built and sourced"
    ),
]

BUTTON = "push the maroon button"
RUNNING, HOLDING = ControllerStatus.RUNNING, ControllerStatus.HOLDING
HALTED, AWAITING = ControllerStatus.HALTED, ControllerStatus.AWAITING_APPROVAL
BRIDGE = {"image_quality": "fast", "images_on_request": True}
#: Of the dry run, which is in real time, on machines that do several things at once.
PATIENT = {
    "joint_state_timeout_s": 1.0,
    "max_target_age_s": 2.5,
    "target_timeout_s": 2.0,
    "first_target_timeout_s": 60.0,
}
#: A subscriber that wants every message and takes none.
GREEDY = QoSProfile(
    history=HistoryPolicy.KEEP_ALL, depth=0, reliability=ReliabilityPolicy.RELIABLE
)


class Button:
    """An emergency stop with its heartbeat."""

    def __init__(self, graph: NodeGraph) -> None:
        self._node = graph.node
        self._publisher: Publisher = graph.node.create_publisher(
            EmergencyStop, "estop", EMERGENCY_STOP
        )
        self._pressed = False
        self._timer = graph.node.create_timer(0.2, self._beat)

    def press(self, pressed: bool) -> None:
        self._pressed = pressed
        self._beat()

    def fall_silent(self) -> None:
        self._node.destroy_timer(self._timer)

    def unplug(self) -> None:
        self._node.destroy_publisher(self._publisher)

    def _beat(self) -> None:
        self._publisher.publish(EmergencyStop(pressed=self._pressed, source="pendant"))


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeGraph]:
    """One graph; the tests take it from one state to the next, in their order."""
    with claim_domain() as domain:
        graph = NodeGraph(tmp_path_factory.mktemp("faults"), domain, "lockstep")
        for name in ("diffusion", "controller"):
            graph.start(name)
        graph.start("sim_bridge", task="push_button", seed=1, **BRIDGE)
        yield graph
        graph.close()


@pytest.fixture(scope="module")
def arm(graph: NodeGraph) -> "Arm":
    return Arm(graph)


def answer(graph: NodeGraph, service: str) -> Trigger.Response:
    """What the controller says to `approve` or `reject`."""
    client = graph.node.create_client(Trigger, service)
    graph.until(client.service_is_ready, service)
    response = graph.result(client.call_async(Trigger.Request()), f"an answer of {service}")
    graph.node.destroy_client(client)
    return response


def restart_controller(graph: NodeGraph, **parameters: object) -> None:
    assert graph.end("controller", signal.SIGINT) == 0
    assert graph.reset("push_button", seed=1).success
    graph.start("controller", **parameters)


def set_to_work(graph: NodeGraph) -> ClientGoalHandle:
    """Give goals until one is worked on; the heartbeat of a busy machine may miss a beat."""
    while True:
        handle = graph.give_goal_until_accepted(BUTTON)
        over = handle.get_result_async()
        graph.until(lambda over=over: graph.status.state == RUNNING or over.done(), "work")
        if not over.done():
            return handle


class Arm:
    """What the arm is told; the world waits once it is told to stand, and measures no more."""

    def __init__(self, graph: NodeGraph) -> None:
        self._graph = graph
        self._speed = 0.0
        graph.node.create_subscription(
            JointTrajectory, "joint_trajectory", self._on_trajectory, RELIABLE_LATEST
        )

    def until_moving(self) -> None:
        self._graph.until(lambda: self._speed > 0.05, "motion")

    def until_standing(self) -> None:
        self._graph.until(lambda: self._speed == 0.0, "the end of the motion")

    def _on_trajectory(self, message: JointTrajectory) -> None:
        self._speed = max(abs(v) for v in message.points[-1].velocities)


def test_controller_keeps_its_rhythm_beside_subscribers_that_take_nothing(
    graph: NodeGraph, arm: Arm
) -> None:
    deaf = rclpy.create_node("deaf", context=graph.node.context)  # nobody spins it
    for kind, topic in ((JointTrajectory, "joint_trajectory"), (TargetTile, "target_tile")):
        deaf.create_subscription(kind, topic, lambda message: None, GREEDY)
    handle = graph.give_goal_until_accepted("  " + BUTTON + " 押す 🔴 ")
    graph.until(lambda: graph.status.chunks >= 2, "two chunks")
    assert graph.status.instruction == BUTTON + " 押す 🔴"
    graph.cancel(handle)
    deaf.destroy_node()
    arm.until_standing()


def refusal_names(graph: NodeGraph, names: str) -> bool:
    """Whether a goal is refused because all but one of these nodes must be stopped."""
    assert not graph.give_goal(BUTTON).accepted
    return f"goal refused: 2 nodes publish joint_trajectory; stop all but one of {names}" in (
        graph.log("controller")
    )


def test_second_commander_in_mid_motion_halts_the_arm(graph: NodeGraph, arm: Arm) -> None:
    set_to_work(graph)
    rival = graph.node.create_publisher(JointTrajectory, "joint_trajectory", RELIABLE_LATEST)
    graph.until_state(HALTED, "2 nodes publish joint_trajectory; stop all but one of")
    arm.until_standing()
    # Its name is discovered after its publisher; who wants to go on is told it.
    graph.until(lambda: refusal_names(graph, "controller, watcher"), "the second commander's name")
    graph.node.destroy_publisher(rival)


def test_targets_of_a_second_publisher_are_not_followed(graph: NodeGraph, arm: Arm) -> None:
    handle = set_to_work(graph)
    stranger = graph.node.create_publisher(TargetTile, "target_tile", RELIABLE_LATEST)
    graph.until_state(HOLDING, "2 nodes publish target_tile")
    arm.until_standing()
    chunks = graph.status.chunks
    graph.node.destroy_publisher(stranger)
    graph.until(lambda: graph.status.chunks > chunks, "chunks once the stranger is gone")
    graph.cancel(handle)
    arm.until_standing()


def test_pressed_emergency_stop_halts_and_is_latched(graph: NodeGraph, arm: Arm) -> None:
    button = Button(graph)
    set_to_work(graph)
    button.press(True)
    graph.until_state(HALTED, "the emergency stop 'pendant' is pressed")
    arm.until_standing()
    assert not graph.give_goal(BUTTON).accepted
    assert "goal refused: the emergency stop 'pendant' is pressed" in graph.log("controller")
    button.press(False)
    handle = set_to_work(graph)
    button.fall_silent()
    graph.until_state(HALTED, "'pendant' has been silent for more than 1.0 s")
    assert graph.outcome(handle).message.startswith("the emergency stop")
    arm.until_standing()
    button.unplug()


def test_nothing_moves_before_the_operator_has_approved_it(graph: NodeGraph) -> None:
    restart_controller(graph, approve=True)
    arm = Arm(graph)  # knows of nothing that an earlier controller sent
    shown: list[MarkerArray] = []
    graph.node.create_subscription(MarkerArray, "targets/planned", shown.append, LATCHED)
    handle = graph.give_goal_until_accepted(BUTTON)
    graph.until_state(AWAITING, "approve or reject the drawn target")
    graph.until(lambda: any(array.markers for array in shown), "the target that is asked about")
    arm.until_standing()
    assert graph.status.chunks == 0
    graph.until(lambda: answer(graph, "reject").success, "the rejection")
    graph.until(lambda: graph.status.targets_refused == 1, "the refusal")
    graph.until_state(AWAITING)
    graph.until(lambda: answer(graph, "approve").success, "the consent")
    arm.until_moving()
    graph.until(lambda: graph.status.chunks == 1, "the first chunk")
    graph.until_state(AWAITING)
    assert graph.status.chunks == 1
    graph.cancel(handle)
    refusal = answer(graph, "approve")
    assert not refusal.success and "no drawn target waits for approval" in refusal.message
    arm.until_standing()


@pytest.fixture
def realtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeGraph]:
    with claim_domain() as domain:
        graph = NodeGraph(tmp_path_factory.mktemp("dry_run"), domain, "realtime")
        graph.start(
            "sim_bridge", task="push_button", seed=1, image_quality="fast", camera_rate_hz=5.0
        )
        graph.start("diffusion", max_image_age_s=2.0)
        graph.start("controller", **PATIENT, dry_run=True)
        yield graph
        graph.close()


def test_dry_run_shows_all_and_sends_nothing(realtime: NodeGraph) -> None:
    graph = realtime
    shown: list[MarkerArray] = []
    graph.node.create_subscription(MarkerArray, "targets/planned", shown.append, LATCHED)
    set_to_work(graph)
    assert graph.status.reason == "dry run: nothing is sent to the arm"
    graph.until(lambda: any(array.markers for array in shown), "planned targets")
    graph.until_at_rest()
    assert graph.node.count_publishers("joint_trajectory") == 0
    assert graph.node.count_publishers("gripper_command") == 0
