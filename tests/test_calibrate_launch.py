# SPDX-License-Identifier: Apache-2.0
"""What calibrate.launch.xml starts, with and without easy_handeye2."""

import os
from pathlib import Path

import pytest
from tests.test_config import BUILT, ROOT, nodes_of, parameters_of

from genima.errors import LaunchError

FILE = ROOT / "launch" / "calibrate.launch.xml"
FRAMES = (
    "name",
    "calibration_type",
    "robot_base_frame",
    "robot_effector_frame",
    "tracking_base_frame",
    "tracking_marker_frame",
)


@pytest.fixture
def with_easy_handeye2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The launch file beside a stand-in: its own is Python, which only ros2 launch reads."""
    share = tmp_path / "share"
    marker = share / "ament_index/resource_index/packages/easy_handeye2"
    included = share / "easy_handeye2/launch/calibrate.launch.xml"
    for file in (marker, included):
        file.parent.mkdir(parents=True)
    marker.touch()
    declared = "".join(f'<arg name="{name}"/>' for name in FRAMES)
    words = " ".join(f"$(var {name})" for name in FRAMES)
    included.write_text(
        f"""<launch>{declared}
          <node pkg="genima_recorder" exec="camera_node" name="handeye_server" args="{words}"/>
        </launch>"""
    )
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}:{os.environ['AMENT_PREFIX_PATH']}")
    copy = tmp_path / FILE.name
    copy.write_text(FILE.read_text().replace("calibrate.launch.py", "calibrate.launch.xml"))
    cameras = FILE.with_name("cameras.launch.xml")
    (tmp_path / cameras.name).write_text(cameras.read_text())
    return copy


@BUILT
def test_for_capture_it_starts_cameras_and_a_driver_that_only_reads() -> None:
    nodes = {n.executable.name: n for n in nodes_of(FILE, robot_ip="10.0.0.2", namespace="lab")}
    assert sorted(nodes) == ["camera_node", "panda_driver_node"]
    assert {node.namespace for node in nodes.values()} == {"/lab"}
    driver = parameters_of(nodes["panda_driver_node"])
    assert (driver["robot_ip"], driver["dry_run"]) == ("10.0.0.2", True)
    assert (driver["gripper"], driver["realtime"]) == ("none", "ignore")


@BUILT
def test_with_easy_handeye2_it_starts_that_and_a_tracker_of_the_same_frames(
    with_easy_handeye2: Path,
) -> None:
    given = {"procedure": "easy_handeye2", "camera": "wrist", "board_file": "/b.yaml"}
    given |= {"calibration_type": "eye_in_hand", "robot_effector_frame": "panda_hand_tcp"}
    nodes = {node.name: node for node in nodes_of(with_easy_handeye2, **given)}
    assert sorted(nodes) == ["board_tracker", "cameras", "handeye_server", "panda_driver"]
    tracker = parameters_of(nodes["board_tracker"])
    assert (tracker["camera"], tracker["board_file"]) == ("wrist", "/b.yaml")
    expected = ("wrist", "eye_in_hand", "panda_link0", "panda_hand_tcp")
    expected += ("wrist_color_optical_frame", "calibration_board")
    assert nodes["handeye_server"].args == expected
    assert tracker["effector_frame"] == "panda_hand_tcp"
    assert tracker["marker_frame"] == "calibration_board"
    assert Path(tracker["cameras_file"]).is_file()


@BUILT
def test_easy_handeye2_that_is_not_installed_is_named() -> None:
    with pytest.raises(LaunchError, match="easy_handeye2"):
        nodes_of(FILE, procedure="easy_handeye2")


@BUILT
@pytest.mark.parametrize(
    ("given", "executables"),
    [({"driver": "none"}, {"camera_node"}), ({"cameras": "none"}, {"panda_driver_node"})],
)
def test_driver_and_cameras_can_be_somebody_elses(
    given: dict[str, str], executables: set[str]
) -> None:
    assert {node.executable.name for node in nodes_of(FILE, **given)} == executables


@BUILT
@pytest.mark.parametrize(
    ("given", "listed"),
    [({"procedure": "moveit"}, "tracked_with_moveit"), ({"driver": "ur"}, "driven_by_ur")],
)
def test_choices_that_are_not_there_are_refused(given: dict[str, str], listed: str) -> None:
    with pytest.raises(LaunchError, match=listed):
        nodes_of(FILE, **given)
