# SPDX-License-Identifier: Apache-2.0
"""Parameter files, launch files and the RViz configuration agree with the nodes they are for."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from genima.driver import DriverParameters
from genima.errors import InvalidParameter, LaunchError
from genima.franka import HoldingGains
from genima.launching.description import Entity, Group, Include
from genima.launching.evaluator import arguments, evaluate
from genima.launching.node_spec import NodeSpec
from genima.launching.parser import parse_file
from genima.launching.substitution import Scope, perform
from genima.policy import Policy
from genima_controller_node.driver_parameters import DriverNodeParameters
from genima_controller_node.parameters import ControllerParameters
from genima_diffusion_node.parameters import DiffusionParameters
from genima_recorder.board_tracker_parameters import BoardTrackerParameters
from genima_recorder.camera_parameters import CameraParameters
from genima_recorder.recorder_parameters import RecorderParameters
from genima_recorder.teleop_parameters import TeleopNodeParameters
from genima_ros.parameters import check_parameters
from genima_sim_bridge.episode_runner import RunnerParameters
from genima_sim_bridge.expert_commander import CommanderParameters
from genima_sim_bridge.parameters import SimParameters

ROOT = Path(__file__).parent.parent
FILES = {
    "controller.yaml": ControllerParameters,
    "diffusion.yaml": DiffusionParameters,
    "panda.yaml": DriverNodeParameters,
    "realsense.yaml": CameraParameters,
    "recorder.yaml": RecorderParameters,
    "teleop.yaml": TeleopNodeParameters,
    "sim.yaml": SimParameters,
}
FRACTIONS = {"velocity_fraction", "acceleration_fraction"}
#: The parameters of each executable that a launch file may start; None: not a node of ours.
EXECUTABLES: dict[str, type | None] = {
    "board_tracker_node": BoardTrackerParameters,
    "camera_node": CameraParameters,
    "controller_node": ControllerParameters,
    "diffusion_node": DiffusionParameters,
    "panda_driver_node": DriverNodeParameters,
    "recorder_node": RecorderParameters,
    "sim_bridge_node": SimParameters,
    "teleop_node": TeleopNodeParameters,
    "episode_runner": RunnerParameters,
    "expert_commander": CommanderParameters,
    "view": None,
}
_SERIALS = ("front_serial", "wrist_serial", "left_shoulder_serial", "right_shoulder_serial")
REQUIRED = {"evaluation_dir": "out", "recordings_dir": "out", "settle_steps": "8"} | dict.fromkeys(
    _SERIALS, "831612073525"
)
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.xml"))
BUILT = pytest.mark.skipif(
    not os.environ.get("AMENT_PREFIX_PATH"), reason="the workspace is not built and sourced"
)


def values_of(path: Path) -> dict[str, Any]:
    (section,) = yaml.safe_load(path.read_text()).values()
    return section["ros__parameters"]


def nodes_of(path: Path, **given: str) -> tuple[NodeSpec, ...]:
    launch_file = parse_file(path)
    required = [arg.name for arg in arguments(launch_file) if arg.default is None]
    return evaluate(launch_file, {n: REQUIRED[n] for n in required} | given, os.environ)


def parameters_of(node: NodeSpec) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for param in node.params:
        values |= values_of(param) if isinstance(param, Path) else {param[0]: param[1]}
    return values


@pytest.mark.parametrize("name", FILES)
def test_parameter_file_has_exactly_the_declared_keys(name: str) -> None:
    declared = {field.name for field in dataclasses.fields(FILES[name])}
    if name == "controller.yaml":  # it would hide what a real arm is given
        declared -= FRACTIONS
    assert sorted(values_of(ROOT / "config" / name)) == sorted(declared)


def test_what_a_real_arm_is_given_are_its_fractions() -> None:
    assert set(values_of(ROOT / "config" / "robot.yaml")) == FRACTIONS


@pytest.mark.parametrize("name", ["panda.yaml", "teleop.yaml"])
def test_an_arm_is_held_alike_whoever_moves_it(name: str) -> None:
    values, defaults = values_of(ROOT / "config" / name), FILES[name]()
    for gain in ("stiffness", "damping"):
        assert values[gain] == getattr(defaults, gain) == list(getattr(HoldingGains(), gain))
    told = f"with {HoldingGains().damping[0]:g} Nms/rad"
    assert told in (ROOT / "docs" / "robot.md").read_text()


@pytest.mark.parametrize("name", FILES)
def test_parameter_file_has_valid_values(name: str) -> None:
    check_parameters(values_of(ROOT / "config" / name), FILES[name], name)


@pytest.mark.parametrize("name", FILES)
def test_parameter_file_addresses_a_node_of_any_name_in_any_namespace(name: str) -> None:
    assert list(yaml.safe_load((ROOT / "config" / name).read_text())) == ["/**"]


@pytest.mark.parametrize("schema", FILES.values())
def test_defaults_are_valid_themselves(schema: type) -> None:
    check_parameters(dataclasses.asdict(schema()), schema, schema.__name__)


@BUILT
@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_launch_file_gives_each_node_parameters_that_it_takes(path: Path) -> None:
    nodes = nodes_of(path)
    assert nodes
    for node in nodes:
        schema = EXECUTABLES[node.executable.name]
        if schema is None:
            assert node.params == ()
        else:
            check_parameters(parameters_of(node), schema, node.label)


@BUILT
def test_wrong_argument_of_a_launch_file_is_refused_by_the_node() -> None:
    (bridge, *_) = nodes_of(ROOT / "launch" / "sim.launch.xml", pacing="lockstepp")
    with pytest.raises(InvalidParameter, match="'pacing' is 'lockstepp'; it takes one of"):
        check_parameters(parameters_of(bridge), SimParameters, bridge.label)


@BUILT
def test_arguments_of_the_loop_reach_all_nodes_that_share_them() -> None:
    nodes = nodes_of(ROOT / "launch" / "sim.launch.xml", pacing="lockstep", namespace="lab")
    assert {node.label for node in nodes} == {"sim_bridge", "diffusion", "controller"}
    for node in nodes:
        values = parameters_of(node)
        assert values["pacing"] == "lockstep"
        assert Path(values["cameras_file"]).is_file()
        assert node.namespace == "/lab"


@BUILT
def test_what_an_evaluation_asks_for_reaches_its_nodes() -> None:
    given = {"agent": "policy", "diffusion_steps": "3", "worker": "1"}
    nodes = nodes_of(ROOT / "launch" / "eval.launch.xml", **given)
    values = {node.label: parameters_of(node) for node in nodes}
    assert (values["diffusion"]["agent"], values["diffusion"]["steps"]) == ("policy", 3)
    assert values["episode_runner"]["worker"] == 1


@BUILT
def test_arguments_of_a_recording_reach_its_nodes() -> None:
    given = {"robot_ip": "10.0.0.2", "leader_ip": "10.0.0.3", "dataset": "/d", "resume": "true"}
    nodes = nodes_of(ROOT / "launch" / "record.launch.xml", namespace="lab", **given)
    values = {node.executable.name: parameters_of(node) for node in nodes}
    assert sorted(values) == ["camera_node", "recorder_node", "teleop_node"]
    assert {node.namespace for node in nodes} == {"/lab"}
    teleop, recorder = values["teleop_node"], values["recorder_node"]
    assert (teleop["robot_ip"], teleop["leader_ip"]) == ("10.0.0.2", "10.0.0.3")
    assert (recorder["dataset"], recorder["resume"]) == ("/d", True)
    assert recorder["leader_rate_hz"] == teleop["rate_hz"]
    assert Path(recorder["cameras_file"]).is_file()
    patience_s = {n.executable.name: (n.sigterm_timeout_s, n.sigkill_timeout_s) for n in nodes}
    assert patience_s["recorder_node"] == (30.0, 30.0)


@BUILT
@pytest.mark.parametrize(
    ("given", "executables"),
    [
        ({"cameras": "none"}, {"teleop_node", "recorder_node"}),
        ({"teleop": "false"}, {"camera_node", "recorder_node"}),
        ({"recorder": "false"}, {"camera_node", "teleop_node"}),
    ],
)
def test_parts_of_a_recording_can_be_left_out(
    given: dict[str, str], executables: set[str]
) -> None:
    nodes = nodes_of(ROOT / "launch" / "record.launch.xml", **given)
    assert {node.executable.name for node in nodes} == executables
    for node in nodes:
        if node.executable.name == "recorder_node":
            leads = "teleop_node" in executables
            assert (parameters_of(node)["leader_rate_hz"] > 0) == leads


@BUILT
def test_leader_of_somebody_else_can_be_recorded() -> None:
    given = {"teleop": "false", "cameras": "none", "leader_rate_hz": "50.0"}
    (recorder,) = nodes_of(ROOT / "launch" / "record.launch.xml", **given)
    assert parameters_of(recorder)["leader_rate_hz"] == 50.0


@BUILT
def test_cameras_of_a_recording_are_one_of_what_is_listed() -> None:
    with pytest.raises(LaunchError, match=r"cameras_by_webcam.*cameras_by_realsense_ros"):
        nodes_of(ROOT / "launch" / "record.launch.xml", cameras="webcam")


@BUILT
def test_realsense_ros_is_included_once_a_camera_and_asks_for_serial_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own launch file is Python, which only ros2 launch reads; here XML stands for it."""
    share = tmp_path / "share"
    marker = share / "ament_index/resource_index/packages/realsense2_camera"
    included = share / "realsense2_camera/launch/rs_launch.xml"
    for file in (marker, included):
        file.parent.mkdir(parents=True)
    marker.touch()
    included.write_text(
        """<launch>
          <arg name="camera_name" default="camera"/> <arg name="serial_no" default=""/>
          <arg name="camera_namespace" default="camera"/>
          <arg name="enable_depth" default="true"/>
          <arg name="rgb_camera.color_profile" default=""/>
          <node pkg="genima_recorder" exec="camera_node" name="$(var camera_name)"
                namespace="$(var camera_namespace)"
                args="$(var serial_no) $(var rgb_camera.color_profile) $(var enable_depth)"/>
        </launch>"""
    )
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}:{os.environ['AMENT_PREFIX_PATH']}")
    for name in ("cameras", "record"):
        text = (ROOT / "launch" / f"{name}.launch.xml").read_text()
        (tmp_path / f"{name}.launch.xml").write_text(text.replace("rs_launch.py", "rs_launch.xml"))
    file = tmp_path / "record.launch.xml"
    given = {"cameras": "realsense_ros", "teleop": "false", "recorder": "false"}
    serials = {name: REQUIRED[name] for name in _SERIALS}
    nodes = nodes_of(file, namespace="lab", **given, **serials)
    cameras = {node.name: (node.namespace, *node.args) for node in nodes}
    expected = ("/lab", "_831612073525", "640x480x30", "false")
    assert cameras == dict.fromkeys(Policy().cameras, expected)
    with pytest.raises(LaunchError, match=r"'front_serial'.* is required"):
        evaluate(parse_file(file), given, os.environ)


def robot_nodes(**given: str) -> dict[str, NodeSpec]:
    nodes = nodes_of(ROOT / "launch" / "robot.launch.xml", **given)
    return {node.executable.name: node for node in nodes}


@BUILT
def test_arguments_of_the_robot_reach_all_nodes_that_share_them() -> None:
    given = {
        "robot_ip": "172.16.0.2",
        "robot": "fr3",
        "namespace": "lab",
        "policy_file": "/p.yaml",
    }
    nodes = robot_nodes(dry_run="true", approve="true", **given)
    kinds = {"camera_node", "controller_node", "diffusion_node", "panda_driver_node"}
    assert set(nodes) == kinds
    assert {node.namespace for node in nodes.values()} == {"/lab"}
    driver, controller, diffusion = (
        parameters_of(nodes[name])
        for name in ("panda_driver_node", "controller_node", "diffusion_node")
    )
    assert driver["robot_ip"] == "172.16.0.2"
    assert (driver["robot"], controller["robot"]) == ("fr3", "fr3")
    assert (driver["dry_run"], controller["dry_run"], controller["approve"]) == (True, True, True)
    assert controller["policy_file"] == diffusion["policy_file"] == "/p.yaml"
    assert (
        nodes["panda_driver_node"].shutdown_on_exit and nodes["controller_node"].shutdown_on_exit
    )


@BUILT
def test_the_controller_stays_below_what_the_driver_lets_through() -> None:
    nodes = robot_nodes()
    driver = parameters_of(nodes["panda_driver_node"])
    controller = parameters_of(nodes["controller_node"])
    for name in FRACTIONS:
        assert 0.0 < float(controller[name]) < float(driver[name])


@BUILT
def test_the_fractions_that_an_operator_sets_are_those_of_the_nodes(tmp_path: Path) -> None:
    for path in (ROOT / "config").glob("*.yaml"):
        shutil.copy(path, tmp_path)
    for name in ("controller.yaml", "panda.yaml"):
        lines = (tmp_path / name).read_text().splitlines()
        kept = [line for line in lines if not line.strip().startswith(tuple(FRACTIONS))]
        slow = [f"    {fraction}: 0.2" for fraction in FRACTIONS]
        (tmp_path / name).write_text("\n".join(kept + slow))
    nodes = robot_nodes(config_dir=str(tmp_path))
    for node in (nodes["panda_driver_node"], nodes["controller_node"]):
        assert {name: parameters_of(node)[name] for name in FRACTIONS} == dict.fromkeys(
            FRACTIONS, 0.2
        )


def test_the_controllers_gate_is_stricter_than_the_drivers() -> None:
    controller, driver = (
        values_of(ROOT / "config" / f"{n}.yaml") for n in ("controller", "panda")
    )
    defaults = dataclasses.asdict(ControllerParameters())
    of_driver = dataclasses.asdict(DriverNodeParameters())
    for values in (driver, of_driver, dataclasses.asdict(DriverParameters())):
        assert values["workspace_min_m"][2] == 0.0  # the table top, whoever commands
    assert controller["tracking_tolerance_rad"] < driver["tracking_tolerance_rad"]
    for values in (controller, defaults):
        for name in ("position_margin_rad", "self_collision_margin_m"):
            assert values[name] > driver[name]
        for axis in range(3):
            assert values["workspace_min_m"][axis] > driver["workspace_min_m"][axis]
            assert values["workspace_max_m"][axis] < driver["workspace_max_m"][axis]


@BUILT
def test_a_robot_neither_runs_dry_nor_waits_for_consent_unless_told() -> None:
    nodes = robot_nodes()
    assert parameters_of(nodes["panda_driver_node"])["dry_run"] is False
    controller = parameters_of(nodes["controller_node"])
    assert (controller["dry_run"], controller["approve"]) == (False, False)


@BUILT
@pytest.mark.parametrize(
    ("given", "topic"),
    [
        ({}, "joint_trajectory"),
        ({"driver": "jtc"}, "joint_trajectory_controller/joint_trajectory"),
        ({"driver": "jtc", "jtc_topic": "/arm/joint_trajectory"}, "/arm/joint_trajectory"),
    ],
)
def test_the_controller_speaks_to_the_driver_that_was_chosen(
    given: dict[str, str], topic: str
) -> None:
    nodes = robot_nodes(cameras="none", **given)
    assert nodes["controller_node"].remaps == (("joint_trajectory", topic),)
    assert ("panda_driver_node" in nodes) == ("driver" not in given)


@BUILT
def test_two_computers_share_the_nodes_of_one() -> None:
    halves = [set(robot_nodes(machine=name)) for name in ("gpu", "realtime")]
    assert halves[0].isdisjoint(halves[1])
    assert halves[0] | halves[1] == set(robot_nodes())
    assert halves[0] == {"camera_node", "diffusion_node"}


@BUILT
@pytest.mark.parametrize(
    ("name", "value"), [("driver", "ur5"), ("machine", "laptop"), ("cameras", "webcam")]
)
def test_a_choice_that_the_robot_does_not_have_is_refused(name: str, value: str) -> None:
    with pytest.raises(LaunchError, match=f"_{value}"):
        robot_nodes(**{name: value})


@BUILT
def test_rviz_can_be_started_beside_the_robot() -> None:
    assert "view" in robot_nodes(view="true") and "view" not in robot_nodes()


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_included_files_declare_the_arguments_they_are_given(path: Path) -> None:
    launch_file = parse_file(path)
    for include in includes_of(launch_file.entities):
        try:
            file = Path(perform(include.file, Scope({}, {}, path.parent)))
        except LaunchError:  # of a package that is only on the robot
            continue
        declared = {arg.name for arg in arguments(parse_file(file))}
        assert {perform(name, Scope({}, {}, path.parent)) for name, _ in include.args} <= declared


def includes_of(entities: tuple[Entity, ...]) -> list[Include]:
    found = [entity for entity in entities if isinstance(entity, Include)]
    for entity in entities:
        if isinstance(entity, Group):
            found += includes_of(entity.entities)
    return found


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_each_argument_of_a_launch_file_is_described(path: Path) -> None:
    assert all(arg.description for arg in arguments(parse_file(path)))


def displays() -> list[dict[str, Any]]:
    config = yaml.safe_load((ROOT / "config" / "rviz" / "genima.rviz").read_text())
    return config["Visualization Manager"]["Displays"]


def topics(kind: str) -> list[str]:
    found = [d for d in displays() if d["Class"] == f"rviz_default_plugins/{kind}"]
    return sorted(d.get("Topic", d.get("Description Topic"))["Value"] for d in found)


def test_rviz_shows_robot_cameras_tile_and_both_sets_of_targets() -> None:
    assert topics("RobotModel") == ["/robot_description"]
    assert topics("MarkerArray") == ["/targets/drawn", "/targets/planned"]
    cameras = [f"/{name}/color/image_raw" for name in Policy().cameras]
    assert topics("Image") == sorted([*cameras, "/target_tile/image"])
    assert any(d["Class"] == "rviz_default_plugins/TF" for d in displays())


def test_rviz_has_the_robots_base_as_its_fixed_frame() -> None:
    config = yaml.safe_load((ROOT / "config" / "rviz" / "genima.rviz").read_text())
    assert config["Visualization Manager"]["Global Options"]["Fixed Frame"] == "panda_link0"


def test_rviz_hears_latched_topics_latched() -> None:
    for display in displays():
        if "MarkerArray" in display["Class"]:
            assert display["Topic"]["Durability Policy"] == "Transient Local"


@BUILT
@pytest.mark.parametrize(("namespace", "prefix"), [("", ""), ("/lab", "/lab")])
def test_view_remaps_every_topic_of_the_suite_into_the_namespace(
    namespace: str, prefix: str
) -> None:
    (view,) = nodes_of(ROOT / "launch" / "view.launch.xml", namespace=namespace)
    shown = topics("Image") + topics("MarkerArray")
    assert sorted(view.remaps) == sorted((topic, prefix + topic) for topic in shown)
    assert view.args[0] == "-d" and Path(view.args[1]).is_file()


@BUILT
@pytest.mark.graph
def test_view_says_what_to_install_where_there_is_no_rviz(tmp_path: Path) -> None:
    folder = str(Path(sys.executable).parent)
    done = subprocess.run(
        [sys.executable, "-m", "genima.cli", "launch", str(ROOT / "launch" / "view.launch.xml")],
        env=os.environ | {"PATH": f"{folder}:/usr/bin:/bin", "ROS_LOG_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("[rviz]")]
    assert "RViz is not installed" in line and "sudo apt install ros-jazzy-rviz2" in line


@BUILT
@pytest.mark.graph
def test_view_starts_rviz_with_its_configuration_where_there_is_one(tmp_path: Path) -> None:
    fake = tmp_path / "rviz2"
    fake.write_text('#!/bin/sh\necho "got $@"\n')
    fake.chmod(0o755)
    folder = str(Path(sys.executable).parent)
    done = subprocess.run(
        [sys.executable, "-m", "genima.cli", "launch", str(ROOT / "launch" / "view.launch.xml")],
        env=os.environ | {"PATH": f"{tmp_path}:{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "got -d " in done.stdout and "genima.rviz" in done.stdout
