# SPDX-License-Identifier: Apache-2.0
"""The loop with the arm's driver in it, on a simulated arm; the MuJoCo world sees what it does."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from genima_msgs.action import ExecuteInstruction
from genima_msgs.msg import DriverStatus, EmergencyStop
from trajectory_msgs.msg import JointTrajectory

from genima.evaluation.domain import claim_domain
from genima.franka.simulated import SimulatedArm
from genima.kinematics import JOINT_NAMES
from genima.sim.mujoco_world import Q_START
from genima_ros.conversions import FINGER_JOINTS
from genima_ros.qos import RELIABLE_LATEST

from .driven_graph import BRIDGE, BUTTON, CONTROLLER, DIFFUSION, DrivenGraph

pytest.importorskip("franky", reason="franky-control is not installed")
pytest.importorskip("franky_sim", reason="franky-sim is not installed")
pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(
        not os.environ.get("AMENT_PREFIX_PATH"), reason="the workspace is not built and sourced"
    ),
]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenGraph]:
    """One graph; the tests take it from one state to the next, in their order."""
    with claim_domain() as domain, SimulatedArm() as arm:
        graph = DrivenGraph(tmp_path_factory.mktemp("driven"), domain, arm)
        try:
            yield graph
        finally:
            graph.close()


def test_the_driver_publishes_joints_by_name_and_moves_nothing(graph: DrivenGraph) -> None:
    graph.start_driver()
    graph.until_driver(DriverStatus.IDLE)
    graph.until(lambda: graph.joints.name, "joint_states")
    assert tuple(graph.joints.name) == (*JOINT_NAMES, *FINGER_JOINTS)
    graph.until_at_rest()


def test_a_stream_is_followed_and_its_end_brakes_the_arm(graph: DrivenGraph) -> None:
    graph.stream_until_it_moves()
    graph.end_stream()
    graph.until_driver(DriverStatus.HOLDING, "no joint_trajectory came for")
    assert graph.driver.cause == DriverStatus.TRAJECTORIES_STOPPED
    graph.until_health("panda_driver", DiagnosticStatus.WARN, "no joint_trajectory came for")
    graph.stream_until_it_moves()
    assert graph.driver.reason == ""


def test_hold_stops_the_arm_until_it_is_recovered(graph: DrivenGraph) -> None:
    assert graph.order("hold").success
    graph.until_driver(DriverStatus.HALTED, "hold was called; then call recover")
    assert graph.driver.cause == DriverStatus.ORDERED
    graph.end_stream()
    graph.until_at_rest()
    refused = graph.order("home")
    assert not refused.success and "hold was called" in refused.message
    assert graph.order("recover").success
    graph.until_driver(DriverStatus.IDLE)


def test_an_emergency_stop_halts_and_is_released_first(graph: DrivenGraph) -> None:
    graph.stream_until_it_moves()
    graph.button.publish(EmergencyStop(pressed=True, source="desk"))
    graph.until_driver(DriverStatus.HALTED, "'desk' is pressed")
    assert graph.driver.cause == DriverStatus.EMERGENCY_STOP
    graph.end_stream()
    graph.until_at_rest()
    refused = graph.order("recover")
    assert not refused.success and "'desk' is pressed" in refused.message
    timer = graph.node.create_timer(
        0.05, lambda: graph.button.publish(EmergencyStop(pressed=False, source="desk"))
    )
    graph.until(lambda: graph.order("recover").success, "a recovery")
    graph.node.destroy_timer(timer)
    graph.until_driver(DriverStatus.HALTED, "'desk' has been silent")
    graph.kill("panda_driver")  # which forgets the button
    graph.node.destroy_publisher(graph.button)
    graph.start_driver()
    graph.until_driver(DriverStatus.IDLE)


def test_two_commanders_halt_the_arm(graph: DrivenGraph) -> None:
    graph.stream_until_it_moves()
    other = graph.node.create_publisher(JointTrajectory, "joint_trajectory", RELIABLE_LATEST)
    graph.until_driver(DriverStatus.HALTED, "2 nodes publish joint_trajectory; stop all but one")
    assert graph.driver.cause == DriverStatus.TWO_COMMANDERS
    graph.end_stream()
    graph.until_at_rest()
    graph.node.destroy_publisher(other)


def test_an_arm_that_loses_power_is_told_of_and_connected_anew(graph: DrivenGraph) -> None:
    assert graph.order("recover").success
    graph.arm.kill()
    graph.until_driver(DriverStatus.DISCONNECTED, "then recover")
    assert graph.driver.cause == DriverStatus.NETWORK
    graph.until_health("panda_driver", DiagnosticStatus.ERROR, "then recover")
    refused = graph.order("recover")
    assert not refused.success and "activate FCI in Desk" in refused.message
    graph.arm.start()
    assert graph.order("recover").success
    graph.until_driver(DriverStatus.IDLE)


def test_a_signal_in_motion_brings_the_arm_to_rest_and_ends_well(graph: DrivenGraph) -> None:
    graph.stream_until_it_moves()
    assert graph.end("panda_driver", signal.SIGTERM) == 0
    graph.end_stream()
    assert "halted: the driver was deactivated" in graph.log("panda_driver")
    assert "Traceback" not in graph.log("panda_driver")


def test_a_dry_run_takes_trajectories_and_moves_nothing(graph: DrivenGraph) -> None:
    graph.start_driver(dry_run=True)
    graph.until_driver(DriverStatus.IDLE)
    assert graph.driver.dry_run
    graph.until_at_rest()
    before = np.array(graph.joints.position[:7])
    assert graph.order("home").success
    graph.until_driver(DriverStatus.HOLDING)
    assert np.abs(np.array(graph.joints.position[:7]) - before).max() < 0.01


def test_a_robot_that_does_not_answer_leaves_a_driver_that_says_so(graph: DrivenGraph) -> None:
    graph.kill("panda_driver")
    graph.start_driver(robot_ip="127.255.255.254")
    graph.until_driver(DriverStatus.DISCONNECTED, "activate FCI in Desk")
    assert graph.driver.cause == DriverStatus.NETWORK
    assert graph.end("panda_driver", signal.SIGINT) == 0


def test_an_episode_begins_only_where_the_arm_is(graph: DrivenGraph) -> None:
    graph.start_driver()
    graph.start("sim_bridge", **BRIDGE)
    graph.until(
        lambda: "rad from where an episode begins" in graph.reset("push_button").message,
        "a refusal",
    )
    graph.go_home()
    assert np.abs(np.array(graph.joints.position[:7]) - Q_START).max() < 0.1
    graph.until(lambda: graph.reset("push_button", seed=3).success, "a new episode")


def test_the_loop_does_its_task_with_the_driver_in_it(graph: DrivenGraph) -> None:
    graph.start("diffusion", **DIFFUSION)
    graph.start("controller", **CONTROLLER)
    handle = graph.give_goal_until_accepted(BUTTON)
    graph.until_driver(DriverStatus.FOLLOWING)
    graph.until(lambda: graph.episode().succeeded, "success of the task")
    result = graph.cancel(handle)
    assert result.outcome == ExecuteInstruction.Result.CANCELLED
    graph.until_at_rest()
    graph.until(lambda: graph.driver.state in (DriverStatus.HOLDING, DriverStatus.IDLE), "a hold")
    assert graph.driver.reason == ""


def test_a_controller_that_is_killed_leaves_an_arm_that_brakes(graph: DrivenGraph) -> None:
    graph.set_in_motion()
    graph.kill("controller")
    graph.until_driver(DriverStatus.HOLDING, "no joint_trajectory came for")
    assert graph.driver.cause == DriverStatus.TRAJECTORIES_STOPPED
    graph.until_at_rest()
