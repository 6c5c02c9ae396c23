# SPDX-License-Identifier: Apache-2.0
"""The bridge taken through its life in this process, with the real world in lockstep."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from genima_msgs.msg import GripperCommand
from genima_msgs.srv import QueryExpert, QuerySuccess, ResetWorld
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from trajectory_msgs.msg import JointTrajectory

from genima.evaluation.domain import claim_domain
from genima.kinematics import JOINT_NAMES
from genima.sim.mujoco_world import Q_START
from genima_ros.conversions import joint_state
from genima_ros.diagnostics import Level
from genima_sim_bridge.sim_bridge_node import SimBridgeNode

CAMERAS = Path(__file__).parents[3] / "config" / "cameras.yaml"
#: Longest wait for anything [s]; a test that needs it has failed.
PATIENCE_S = 60.0
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@pytest.fixture
def bridge() -> Iterator[Any]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with claim_domain() as domain:
        words = [f"cameras_file:={CAMERAS}", "pacing:=lockstep", "images_on_request:=true"]
        words += ["image_quality:=fast"]
        given = [part for word in words for part in ("-p", word)]
        rclpy.init(args=["--ros-args", *given], domain_id=domain)
        node = SimBridgeNode()
        node.said = []
        logger = node.get_logger()
        logger.error = node.said.append  # type: ignore[method-assign]
        node.get_logger = lambda: logger  # type: ignore[method-assign]
        yield node
        if not node.finalized:
            node.trigger_shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


def reset(bridge: Any, **request: Any) -> ResetWorld.Response:
    return bridge._world_services._on_reset(ResetWorld.Request(**request), ResetWorld.Response())


def set_parameter(bridge: Any, name: str, value: object) -> None:
    bridge.set_parameters([Parameter(name, value=value)])


def test_missing_camera_file_fails_configuration_with_a_sentence(bridge: Any) -> None:
    set_parameter(bridge, "cameras_file", "/nowhere/cameras.yaml")
    assert bridge.trigger_configure() is FAILURE
    assert "cannot configure: /nowhere/cameras.yaml" in bridge.said[0]
    set_parameter(bridge, "cameras_file", str(CAMERAS))
    assert bridge.trigger_configure() is SUCCESS


def test_rlbench_that_is_not_installed_fails_configuration(
    bridge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENIMA_RLBENCH_PYTHON", raising=False)
    set_parameter(bridge, "backend", "rlbench")
    assert bridge.trigger_configure() is FAILURE
    assert "parameter 'tasks_file' is empty" in bridge.said[-1]
    set_parameter(bridge, "tasks_file", str(CAMERAS.parent / "tasks" / "rlbench.yaml"))
    assert bridge.trigger_configure() is FAILURE
    assert "'./genima doctor rlbench' says what is missing" in bridge.said[-1]
    set_parameter(bridge, "pacing", "realtime")
    set_parameter(bridge, "follow_joint_states", True)
    assert bridge.trigger_configure() is FAILURE
    assert "follow_joint_states needs backend mujoco" in bridge.said[-1]


@pytest.mark.parametrize("pacing", ["lockstep", "realtime"])
def test_rlbench_is_a_world_as_the_embedded_one_is(
    bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pacing: str
) -> None:
    """The real server on a stand-in for RLBench, whose task `press_switch` crashes."""
    stand_in = CAMERAS.parents[1] / "src" / "genima" / "test"
    folders = (stand_in / "rlbench_double", stand_in, stand_in.parent)
    monkeypatch.setenv("GENIMA_RLBENCH_PYTHON", sys.executable)
    monkeypatch.setenv("GENIMA_RLBENCH_PYTHONPATH", os.pathsep.join(map(str, folders)))
    monkeypatch.setenv("COPPELIASIM_ROOT", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":0")
    set_parameter(bridge, "backend", "rlbench")
    set_parameter(bridge, "pacing", pacing)
    set_parameter(bridge, "tasks_file", str(CAMERAS.parent / "tasks" / "rlbench.yaml"))
    assert bridge.trigger_configure() is SUCCESS
    assert bridge.trigger_activate() is SUCCESS
    answer = reset(bridge, task="press_switch", seed=1)
    assert list(answer.instructions) == ["touch the thing", "reach for it"], answer.message
    ask = bridge._world_services._on_query_expert
    assert len(ask(QueryExpert.Request(horizon_steps=20), QueryExpert.Response()).q) == 140
    query = bridge._world_services._on_query_success
    if pacing == "realtime":  # it goes by itself, into the crash
        end_s = time.monotonic() + PATIENCE_S
        while not query(QuerySuccess.Request(), QuerySuccess.Response()).error:
            assert time.monotonic() < end_s
        assert "the episode is lost: RLBench's simulator" in bridge._health().message
    assert reset(bridge, task="push_button", seed=1).success
    assert query(QuerySuccess.Request(), QuerySuccess.Response()).error == ""
    assert bridge.trigger_deactivate() is SUCCESS


def test_unknown_first_task_fails_activation_and_can_be_mended(bridge: Any) -> None:
    set_parameter(bridge, "task", "make_coffee")
    assert bridge.trigger_configure() is SUCCESS
    assert bridge.trigger_activate() is FAILURE
    assert "make_coffee" in bridge.said[0] and "push_button" in bridge.said[0]
    bridge.trigger_cleanup()
    set_parameter(bridge, "task", "push_button")
    assert bridge.trigger_configure() is SUCCESS
    assert bridge.trigger_activate() is SUCCESS


def test_world_can_be_stopped_and_started_again(bridge: Any) -> None:
    bridge.trigger_configure()
    for _ in range(2):
        assert bridge.trigger_activate() is SUCCESS
        answer = reset(bridge, task="push_button", seed=1)
        assert answer.success and answer.instructions[0] == "push the maroon button"
        assert bridge.trigger_deactivate() is SUCCESS
        answer = reset(bridge, task="push_button")
        assert (answer.success, answer.message) == (
            False,
            "the sim bridge is not active; activate it first",
        )


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"task": "make_coffee"}, "push_button"),
        ({"task": "push_button", "variation": 99}, "variation"),
    ],
)
def test_reset_that_cannot_be_says_why(bridge: Any, request_: dict[str, Any], words: str) -> None:
    bridge.trigger_configure()
    bridge.trigger_activate()
    answer = reset(bridge, **request_)
    assert not answer.success
    assert words in answer.message


def test_expert_is_asked_for_a_sensible_horizon(bridge: Any) -> None:
    bridge.trigger_configure()
    bridge.trigger_activate()
    ask = bridge._world_services._on_query_expert
    before = ask(QueryExpert.Request(horizon_steps=20), QueryExpert.Response())
    assert not before.success and "reset" in before.message
    reset(bridge, task="push_button", seed=2)
    good = ask(QueryExpert.Request(horizon_steps=20), QueryExpert.Response())
    assert good.success
    assert (len(good.q), len(good.gripper_open)) == (140, 20)
    for steps in (0, 4_000_000_000):
        bad = ask(QueryExpert.Request(horizon_steps=steps), QueryExpert.Response())
        assert (bad.success, bad.message) == (False, f"horizon_steps is {steps}; give 1 to 1000")


def test_progress_can_be_asked_before_there_is_a_world(bridge: Any) -> None:
    bridge.trigger_configure()
    answer = bridge._world_services._on_query_success(
        QuerySuccess.Request(), QuerySuccess.Response()
    )
    assert (answer.task, answer.succeeded, answer.steps) == ("", False, 0)


def test_malformed_commands_are_counted_and_change_nothing(bridge: Any) -> None:
    bridge.trigger_configure()
    bridge.trigger_activate()
    reset(bridge, task="push_button")
    before = bridge._runner.call(lambda: bridge._world.state().q)
    bridge._on_trajectory(JointTrajectory())
    bridge._on_trajectory(JointTrajectory(joint_names=["panda_joint1"]))
    bridge._on_gripper(GripperCommand(open=False))
    assert bridge._refused == 2
    assert bridge._health().values["trajectories refused"] == 2
    np.testing.assert_array_equal(bridge._runner.call(lambda: bridge._world.state().q), before)


def test_defect_of_the_world_is_an_error_in_the_diagnostics(bridge: Any) -> None:
    bridge.trigger_configure()
    bridge.trigger_activate()
    reset(bridge, task="push_button")
    assert bridge._health().level is Level.OK
    bridge.on_defect(ValueError("the physics broke"))
    health = bridge._health()
    assert (health.level, health.message) == (
        Level.ERROR,
        "the world has stopped: the physics broke",
    )
    bridge.trigger_deactivate()
    bridge.trigger_activate()
    reset(bridge, task="push_button")
    assert bridge._health().level is Level.OK


def test_world_without_an_episode_says_what_is_missing(bridge: Any) -> None:
    bridge.trigger_configure()
    bridge.trigger_activate()
    health = bridge._health()
    assert (health.level, health.message) == (
        Level.WARN,
        "no episode was begun, so no images are sent; call reset_world, or set parameter task",
    )
    reset(bridge, task="push_button", max_steps=1)
    assert bridge._health().level is Level.OK
    bridge._runner.episode = replace(bridge._runner.episode, steps=1)
    assert bridge._health().message == "the episode has ended; reset_world begins another"


def test_world_follows_the_joint_states_of_an_arm_elsewhere(bridge: Any) -> None:
    set_parameter(bridge, "follow_joint_states", True)
    assert bridge.trigger_configure() is FAILURE
    assert "follow_joint_states needs pacing realtime" in bridge.said[0]
    set_parameter(bridge, "pacing", "realtime")
    assert bridge.trigger_configure() is SUCCESS
    assert bridge.trigger_activate() is SUCCESS
    assert not bridge.count_publishers("joint_states")
    assert bridge.count_subscribers("joint_states") and not bridge.count_subscribers(
        "joint_trajectory"
    )
    assert "start the driver of the arm first" in reset(bridge, task="push_button").message
    q = Q_START + 0.05
    bridge._on_joint_state(joint_state(JOINT_NAMES, q, np.zeros(7), 1.0))
    assert reset(bridge, task="push_button").success
    world = bridge._world
    end_s = time.monotonic() + PATIENCE_S
    while np.abs(bridge._runner.call(lambda: world.state().q) - q).max() > 0.02:
        assert time.monotonic() < end_s
