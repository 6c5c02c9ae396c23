# SPDX-License-Identifier: Apache-2.0
"""Nodes that die, and goals that cannot be: the others cope, say why, and recover."""

import os
import signal
from collections.abc import Iterator

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from genima_msgs.action import ExecuteInstruction
from genima_msgs.msg import ControllerStatus
from rclpy.action.client import ClientGoalHandle
from trajectory_msgs.msg import JointTrajectory

from genima.evaluation.domain import claim_domain
from genima_ros.qos import RELIABLE_LATEST

from .node_graph import NodeGraph

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(
        not os.environ.get("AMENT_PREFIX_PATH"), reason="the workspace is not built and sourced"
    ),
]

BUTTON = "push the maroon button"
IDLE, WAITING = ControllerStatus.IDLE, ControllerStatus.WAITING
RUNNING, HOLDING = ControllerStatus.RUNNING, ControllerStatus.HOLDING
HALTED = ControllerStatus.HALTED
#: Time-outs for machines that do several things at once.
CONTROLLER = {
    "joint_state_timeout_s": 1.0,
    "max_target_age_s": 2.5,
    "target_timeout_s": 2.0,
    "first_target_timeout_s": 60.0,
    "tracking_tolerance_rad": 1.0,
}
DIFFUSION = {"max_image_age_s": 2.0}
BRIDGE = {"image_quality": "fast", "camera_rate_hz": 5.0}
#: How often a goal is given before it is no stall of the machine that halts the arm.
ATTEMPTS = 4


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeGraph]:
    """One graph in real time; the tests take it from one state to the next, in their order."""
    with claim_domain() as domain:
        graph = NodeGraph(tmp_path_factory.mktemp("realtime"), domain, "realtime")
        yield graph
        graph.close()


def refused(graph: NodeGraph, words: str, instruction: str, time_limit_s: float = 0.0) -> None:
    """A goal is refused, and status and log say why; other causes may have to go away first."""

    def for_that_reason() -> bool:
        assert not graph.give_goal(instruction, time_limit_s).accepted
        return graph.status.state == IDLE and f"goal refused: {words}" in graph.status.reason

    graph.until(for_that_reason, f"refusal: {words}")
    assert f"goal refused: {words}" in graph.log("controller")


def test_goal_before_anything_flows_is_refused_with_a_sentence(graph: NodeGraph) -> None:
    graph.start("controller", **CONTROLLER)
    refused(graph, "no usable camera_info from ['front', 'left_shoulder'", BUTTON)


def test_unknown_task_is_refused_with_those_there_are(graph: NodeGraph) -> None:
    graph.start("sim_bridge", **BRIDGE)
    graph.start("diffusion", **DIFFUSION)
    answer = graph.reset("make_coffee")
    assert not answer.success
    assert "make_coffee" in answer.message and "push_button" in answer.message
    assert graph.reset("push_button", seed=1).success


def test_bad_goals_are_refused_with_sentences(graph: NodeGraph) -> None:
    refused(graph, "the instruction is empty; say what the arm should do", "  ")
    refused(graph, "time_limit_s is -1.0; give seconds, or 0 for no limit", BUTTON, -1.0)


def test_second_commander_on_the_arm_is_noticed(graph: NodeGraph) -> None:
    other = graph.node.create_publisher(JointTrajectory, "joint_trajectory", RELIABLE_LATEST)

    def refused_because_of_it() -> bool:
        handle = graph.give_goal(BUTTON)
        if handle.accepted:  # the controller has not discovered it yet
            graph.cancel(handle)
        return "2 nodes publish joint_trajectory; stop all but one" in graph.status.reason

    graph.until(refused_because_of_it, "refusal because of the second commander")
    graph.node.destroy_publisher(other)
    handle = graph.give_goal_until_accepted(BUTTON)
    graph.until_state(RUNNING)
    assert not graph.give_goal("open the bottom drawer").accepted
    assert "already executing" in graph.log("controller")
    result = graph.cancel(handle)
    assert result.outcome == ExecuteInstruction.Result.CANCELLED
    graph.until_at_rest()


def set_in_motion(graph: NodeGraph, seed: int) -> ClientGoalHandle:
    """Give a goal in a new episode and wait until the arm moves; again if the machine stalled."""
    for _ in range(ATTEMPTS):
        assert graph.reset("push_button", seed=seed).success
        handle = graph.give_goal_until_accepted(BUTTON)
        graph.until(lambda: graph.status.state in (WAITING, RUNNING, HOLDING), "work on the goal")
        graph.speeds.clear()
        graph.until(lambda: graph.moving or graph.status.state == HALTED, "motion of the arm")
        if graph.moving:
            return handle
        graph.until_at_rest()
    raise AssertionError(f"halted {ATTEMPTS} times before it moved: {graph.status.reason}")


def holds_and_goes_on(graph: NodeGraph, seed: int) -> bool:
    """Kill and restart the diffusion node; false if the machine stalled, which halts the arm."""
    handle = set_in_motion(graph, seed)
    graph.kill("diffusion")
    graph.until(
        lambda: (
            graph.status.state == HALTED
            or (graph.status.state == HOLDING and "no drawn target for" in graph.status.reason)
        ),
        "a hold",
    )
    graph.until_at_rest()
    chunks = graph.status.chunks
    graph.start("diffusion", **DIFFUSION)
    graph.until(
        lambda: graph.status.chunks > chunks or graph.status.state == HALTED,
        "the next chunk of the same goal",
    )
    went_on = graph.status.state in (RUNNING, HOLDING)
    graph.cancel(handle)
    graph.until_at_rest()
    return went_on


def test_arm_holds_when_the_diffusion_node_is_killed_and_goes_on_when_it_is_back(
    graph: NodeGraph,
) -> None:
    assert any(holds_and_goes_on(graph, seed) for seed in (2, 3, 4))


def test_arm_halts_when_the_world_is_killed_and_a_new_world_takes_a_new_goal(
    graph: NodeGraph,
) -> None:
    handle = set_in_motion(graph, 3)
    graph.kill("sim_bridge")
    result = graph.outcome(handle)
    assert result.outcome == ExecuteInstruction.Result.HALTED
    assert "no joint state for" in result.message
    graph.until_state(HALTED, "no joint state for")
    graph.start("sim_bridge", task="push_button", seed=4, **BRIDGE)
    graph.until_at_rest()
    handle = set_in_motion(graph, 4)
    graph.cancel(handle)


def test_arm_brakes_when_the_controller_is_killed_and_a_new_one_takes_a_new_goal(
    graph: NodeGraph,
) -> None:
    graph.until_at_rest()
    set_in_motion(graph, 5)
    graph.kill("controller")
    graph.until_at_rest()
    words = "no new joint_trajectory came while the arm moved"
    graph.until_health("sim_bridge", DiagnosticStatus.WARN, words)
    assert words in graph.log("sim_bridge")
    graph.start("controller", **CONTROLLER)
    graph.until_state(IDLE)
    graph.cancel(set_in_motion(graph, 6))


def test_signals_in_mid_episode_end_all_nodes_in_order(graph: NodeGraph) -> None:
    graph.until_at_rest()
    set_in_motion(graph, 7)
    trajectories: list[JointTrajectory] = []
    graph.node.create_subscription(
        JointTrajectory, "joint_trajectory", trajectories.append, RELIABLE_LATEST
    )
    graph.until(lambda: trajectories and any(trajectories[-1].points[-1].velocities), "motion")
    assert graph.end("controller", signal.SIGINT) == 0
    graph.until_state(IDLE, "the controller was deactivated")
    # It was the controller that brought the arm to rest.
    graph.until(lambda: not any(trajectories[-1].points[-1].velocities), "the end of the motion")
    graph.until_at_rest()
    assert graph.end("diffusion", signal.SIGTERM) == 0
    assert graph.end("sim_bridge", signal.SIGTERM) == 0
    for name in ("controller", "diffusion", "sim_bridge"):
        assert "Traceback" not in graph.log(name)


@pytest.fixture
def lockstep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeGraph]:
    with claim_domain() as domain:
        graph = NodeGraph(tmp_path_factory.mktemp("lockstep"), domain, "lockstep")
        yield graph
        graph.close()


def test_lockstep_goes_on_in_a_new_world_whose_time_begins_again(lockstep: NodeGraph) -> None:
    bridge = {"image_quality": "fast", "images_on_request": True, "task": "open_drawer"}
    for name in ("diffusion", "controller"):
        lockstep.start(name)
    lockstep.start("sim_bridge", **bridge)
    handle = lockstep.give_goal_until_accepted("open the bottom drawer")
    lockstep.until(lambda: lockstep.joint_stamp_s > 4.0 and lockstep.status.chunks, "some steps")
    lockstep.kill("sim_bridge")
    chunks, lockstep.joint_stamp_s = lockstep.status.chunks, 0.0
    lockstep.start("sim_bridge", **bridge)
    lockstep.until(lambda: "time went back" in lockstep.log("controller"), "the new world's time")
    # Neither node was started anew, and the goal is still the same one.
    lockstep.until(lambda: lockstep.joint_stamp_s > 3.5, "steps of the new world")
    lockstep.until(lambda: lockstep.status.chunks > chunks, "chunks in the new world")
    lockstep.cancel(handle)
    for name in ("controller", "diffusion", "sim_bridge"):
        assert lockstep.end(name, signal.SIGTERM) == 0
        assert "Traceback" not in lockstep.log(name)
