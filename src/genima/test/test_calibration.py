# SPDX-License-Identifier: Apache-2.0
"""Calibration files of both formats, and every way in which one can be wrong."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from genima.calibration import load_calibration
from genima.cameras import load_rig
from genima.errors import CalibrationError
from genima.geometry import rotation_x

HALF = math.sqrt(0.5)


def easy_handeye2() -> dict[str, Any]:
    return {
        "parameters": {
            "name": "front",
            "calibration_type": "eye_on_base",
            "robot_base_frame": "panda_link0",
            "robot_effector_frame": "panda_hand",
            "tracking_base_frame": "front_color_optical_frame",
            "tracking_marker_frame": "aruco_marker",
            "freehand_robot_movement": True,
            "move_group_namespace": "/",
            "move_group": "manipulator",
        },
        "transform": {
            "translation": {"x": 1.2, "y": -0.1, "z": 0.6},
            "rotation": {"x": HALF, "y": 0.0, "z": 0.0, "w": HALF},
        },
    }


def easy_handeye() -> dict[str, Any]:
    return {
        "parameters": {
            "namespace": "/front_eye_on_base/",
            "eye_on_hand": False,
            "robot_base_frame": "panda_link0",
            "robot_effector_frame": "panda_hand",
            "tracking_base_frame": "front_color_optical_frame",
            "tracking_marker_frame": "aruco_marker",
        },
        "transformation": {
            **{"x": 1.2, "y": -0.1, "z": 0.6},
            **{"qx": HALF, "qy": 0.0, "qz": 0.0, "qw": HALF},
        },
    }


FORMATS = [(easy_handeye2, "front.calib"), (easy_handeye, "front.yaml")]


def write(folder: Path, content: object, name: str = "front.calib") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(("make", "name"), FORMATS)
def test_both_formats_give_the_same_camera(
    tmp_path: Path, make: Callable[[], dict[str, Any]], name: str
) -> None:
    calibration = load_calibration(write(tmp_path, make(), name))
    assert calibration.parent_frame == "panda_link0"
    assert calibration.child_frame == "front_color_optical_frame"
    np.testing.assert_allclose(calibration.parent_T_cam[:3, 3], [1.2, -0.1, 0.6])
    np.testing.assert_allclose(
        calibration.parent_T_cam[:3, :3], rotation_x(math.pi / 2), atol=1e-12
    )


def test_camera_in_the_hand_hangs_on_the_effector(tmp_path: Path) -> None:
    two, one = easy_handeye2(), easy_handeye()
    two["parameters"]["calibration_type"] = "eye_in_hand"
    one["parameters"]["eye_on_hand"] = True
    assert load_calibration(write(tmp_path, two)).parent_frame == "panda_hand"
    assert load_calibration(write(tmp_path, one)).parent_frame == "panda_hand"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda c: c["parameters"].update(robot_base_frame="world"), "'world'.*no frame"),
        (lambda c: c["parameters"].pop("robot_base_frame"), "lacks 'robot_base_frame'"),
        (lambda c: c["parameters"].pop("tracking_base_frame"), "lacks 'tracking_base_frame'"),
        (lambda c: c["parameters"].pop("calibration_type"), "lacks 'calibration_type'"),
        (lambda c: c["parameters"].update(calibration_type="eye_to_hand"), "eye_to_hand"),
        (lambda c: c["parameters"].update(robot_base_frame=7), "must be text"),
        (lambda c: c.pop("parameters"), "lacks the section 'parameters'"),
        (lambda c: c.pop("transform"), "neither 'transform'"),
        (lambda c: c["transform"].pop("rotation"), "lacks the section 'rotation'"),
        (lambda c: c["transform"]["translation"].pop("z"), r"lacks \['z'\]"),
        (lambda c: c["transform"]["rotation"].update(w=1.0), "length 1.225 and must have 1"),
        (lambda c: c["transform"]["rotation"].update(x=0, w=0), "length 0 and must"),
        (lambda c: c["transform"]["translation"].update(x=1200.0), "millimetres; give metres"),
        (lambda c: c["transform"]["translation"].update(x=math.nan), "finite numbers"),
        (lambda c: c["transform"]["rotation"].update(w=math.inf), "finite numbers"),
        (lambda c: c["transform"]["translation"].update(x="1.2"), "finite numbers"),
    ],
)
def test_wrong_calibration_is_refused_with_a_sentence(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    content = easy_handeye2()
    spoil(content)
    assert_refused(write(tmp_path, content), sentence)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda c: c["parameters"].pop("eye_on_hand"), "eye_on_hand is None"),
        (lambda c: c["parameters"].update(eye_on_hand="yes"), "true or false"),
        (lambda c: c["transformation"].pop("qw"), r"lacks \['qw'\]"),
        (lambda c: c["transformation"].update(qw=0.0), "must have 1"),
        (lambda c: c["transformation"].update(z=600), "millimetres"),
    ],
)
def test_wrong_calibration_of_the_older_format_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    content = easy_handeye()
    spoil(content)
    assert_refused(write(tmp_path, content, "front.yaml"), sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("parameters: [unclosed", "not plain YAML"),
        ("- a list", "mapping of keys, got list"),
        ("", "mapping of keys, got NoneType"),
        ("{[1, 2]: pose}", "not plain YAML"),
        ("recorded: 2024-02-30", "not plain YAML: day is out of range"),
        pytest.param("[" * 5000, "not plain YAML", id="nested too deep"),
        ("parameters: {}\nparameters: {}", "given twice in line 2"),
    ],
)
def test_unreadable_file_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "front.calib"
    path.write_text(text)
    assert_refused(path, sentence)


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "front.calib"
    path.write_bytes(b"\xff\xfe\x00\x81")
    assert_refused(path, "text file")


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none.calib", "cannot be read")
    assert_refused(tmp_path, "cannot be read")


def test_tags_of_a_file_are_never_executed(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    path = tmp_path / "front.calib"
    path.write_text(f"parameters: !!python/object/apply:pathlib.Path.touch [{str(mark)!r}]\n")
    assert_refused(path, "not plain YAML")
    path.write_text(f"parameters: !!python/object/apply:os.mkdir [{str(mark)!r}]\n")
    assert_refused(path, "not plain YAML")
    assert not mark.exists()


def assert_refused(path: Path, sentence: str) -> None:
    with pytest.raises(CalibrationError, match=sentence) as error:
        load_calibration(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def rig_with_calibration(folder: Path, parent_frame: str, frame_id: str) -> Path:
    camera = {
        "frame_id": frame_id,
        "parent_frame": parent_frame,
        "intrinsics": {"width": 640, "height": 480, "fx": 600, "fy": 600, "cx": 320, "cy": 240},
        "calibration": "calibrations/front.calib",
    }
    (folder / "calibrations").mkdir()
    write(folder / "calibrations", easy_handeye2())
    return write(folder, {"cameras": {"front": camera}}, "cameras.yaml")


def test_rig_finds_calibrations_beside_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rig_with_calibration(tmp_path, "panda_link0", "front_color_optical_frame")
    monkeypatch.chdir("/")
    camera = load_rig(path).cameras["front"]
    np.testing.assert_allclose(camera.parent_T_cam[:3, 3], [1.2, -0.1, 0.6])


@pytest.mark.parametrize(
    ("parent_frame", "frame_id", "sentence"),
    [
        ("panda_hand", "front_color_optical_frame", "'panda_link0'.*'panda_hand'"),
        ("panda_link0", "wrist_color_optical_frame", "'front_color.*'wrist_color"),
    ],
)
def test_rig_refuses_the_calibration_of_other_frames(
    tmp_path: Path, parent_frame: str, frame_id: str, sentence: str
) -> None:
    path = rig_with_calibration(tmp_path, parent_frame, frame_id)
    with pytest.raises(CalibrationError, match=sentence):
        load_rig(path)
