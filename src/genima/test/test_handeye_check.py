# SPDX-License-Identifier: Apache-2.0
"""Checks of calibrations: errors of marked points and of a board, and pictures of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from genima.arrays import Array, Float
from genima.cameras import Camera
from genima.errors import CalibrationError
from genima.handeye.check import (
    CheckedImage,
    MarkedPoint,
    check_folder,
    draw_robot,
    load_points,
    summary,
)
from genima.handeye.placed_board import PlacedBoard
from genima.handeye.samples import SampleFolder
from genima.handeye.simulated import BoardWorld
from genima.kinematics import base_T_frame
from genima.spheres import Sphere

from . import handeye_cases as cases

JOINTS = [sphere.value for sphere in Sphere]


def shifted(camera: Camera, metres: float) -> Camera:
    """The camera, thought to stand a little further to its right."""
    pose = camera.parent_T_cam.copy()
    pose[:3, 3] += metres * pose[:3, 0]
    return replace(camera, parent_T_cam=pose)


def folder_of(path: Path, setup: cases.Setup, *q: Float[Array, "7"]) -> SampleFolder:
    folder = SampleFolder(path, setup.samples)
    folder.save()
    for posture in q:
        folder = folder.add(np.full((480, 640, 3), 90, np.uint8), posture)
    return folder


def marked(camera: Camera, q: Float[Array, "7"], image: str = "") -> list[MarkedPoint]:
    """The joints, as somebody who sees perfectly marks them."""
    points = []
    for frame in JOINTS:
        uv, _ = camera.view(q).project(base_T_frame(q, frame)[:3, 3])
        points.append(MarkedPoint(frame, np.zeros(3), uv, image))
    return points


def only(checked: list[CheckedImage]) -> CheckedImage:
    (one,) = checked
    return one


def test_right_calibration_has_no_error_and_a_wrong_one_its_own(tmp_path: Path) -> None:
    setup = cases.eye_on_base()
    folder = folder_of(tmp_path, setup, setup.q_middle)
    points = marked(setup.camera, setup.q_middle)
    right = only(check_folder(folder, setup.camera, points, None))
    assert max(e.error_px for e in right.errors) < 1e-9
    wrong = only(check_folder(folder, shifted(setup.camera, 0.01), points, None))
    assert [e.name for e in wrong.errors] == JOINTS
    for error in wrong.errors:  # to the left of where the image has it, by 10 mm there
        assert error.at_point_m == pytest.approx(0.01, rel=0.01)
        assert (error.expected - error.seen)[0] < -3.0
        assert abs((error.expected - error.seen)[1]) < 0.01
    assert "4 points" in summary(wrong.errors) and "10.0 mm" in summary(wrong.errors)


def test_camera_in_the_hand_is_where_the_joints_of_each_image_put_it(tmp_path: Path) -> None:
    setup = cases.eye_in_hand()
    other = setup.q_middle + np.array([0.3, -0.1, 0.2, 0.1, -0.2, 0.2, 0.4])
    folder = folder_of(tmp_path, setup, setup.q_middle, other)
    on_table = np.array([0.5, 0.05, 0.0])
    points = []
    for sample in folder.samples:
        uv, _ = setup.camera.view(sample.q).project(on_table)
        points.append(MarkedPoint("panda_link0", on_table, uv, sample.image))
    checked = check_folder(folder, setup.camera, points, None)
    assert [len(c.errors) for c in checked] == [1, 1]
    assert max(e.error_px for c in checked for e in c.errors) < 1e-9


def test_spheres_are_drawn_where_the_joints_appear() -> None:
    setup = cases.eye_on_base()
    image = np.full((480, 640, 3), 90, np.uint8)
    drawn = draw_robot(image, setup.camera, setup.q_middle)
    changed = (drawn != image).any(2)
    for frame in JOINTS:
        point = base_T_frame(setup.q_middle, frame)[:3, 3]
        (u, v), _ = setup.camera.view(setup.q_middle).project(point)
        if 0 <= u < 640 and 0 <= v < 480:
            assert changed[int(v), int(u)]
    assert 0.005 < changed.mean() < 0.3
    assert (image == 90).all()


def test_board_whose_place_is_known_tells_whether_the_camera_was_moved(tmp_path: Path) -> None:
    setup = cases.eye_on_base()
    placed = PlacedBoard(setup.board, setup.board_frame, setup.frame_T_board)
    folder = SampleFolder(tmp_path, setup.samples)
    folder.save()
    with BoardWorld([setup.camera], setup.board, setup.board_frame, setup.frame_T_board) as world:
        folder = folder.add(world.images(setup.q_middle)["front"], setup.q_middle)
    right = only(check_folder(folder, setup.camera, [], placed))
    assert len(right.errors) == len(setup.board.corners)
    assert np.mean([e.error_px for e in right.errors]) < 0.2
    moved = only(check_folder(folder, shifted(setup.camera, 0.01), [], placed))
    assert np.mean([e.error_px for e in moved.errors]) > 4.0
    assert right.picture.shape == (960, 1280, 3)


def test_points_of_one_image_are_not_sought_in_another(tmp_path: Path) -> None:
    setup = cases.eye_on_base()
    folder = folder_of(tmp_path, setup, setup.q_middle, setup.q_middle + 0.1)
    points = marked(setup.camera, setup.q_middle, "000.png")
    checked = check_folder(folder, setup.camera, points, None)
    assert [len(c.errors) for c in checked] == [4, 0]
    strange = marked(setup.camera, setup.q_middle, "7.png")
    with pytest.raises(CalibrationError, match=r"marked in \['7.png'\]; the images are"):
        check_folder(folder, setup.camera, strange, None)


def test_point_behind_the_camera_means_another_cameras_calibration(tmp_path: Path) -> None:
    setup = cases.eye_on_base()
    folder = folder_of(tmp_path, setup, setup.q_middle)
    behind = shifted(setup.camera, 0.0)
    behind.parent_T_cam[:3, 3] += 3.0 * behind.parent_T_cam[:3, 2]
    with pytest.raises(CalibrationError, match="lies behind the camera"):
        check_folder(folder, behind, marked(setup.camera, setup.q_middle), None)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda c: c.pop("points"), r"lacks \['points'\]"),
        (lambda c: c.update(points=[]), "must be a list of points"),
        (lambda c: c["points"][0].update(frame="elbow"), "'elbow' is no frame"),
        (lambda c: c["points"][0].update(uv=[3]), "2 finite numbers"),
        (lambda c: c["points"][0].pop("uv"), r"point 0: lacks \['uv'\]"),
        (lambda c: c["points"][0].update(xyz=[1, 2]), "3 finite numbers"),
        (lambda c: c["points"][0].update(colour="red"), "unknown keys"),
    ],
)
def test_wrong_file_of_points_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    content = {"points": [{"frame": "panda_link4", "uv": [100.0, 200.0]}]}
    spoil(content)
    path = tmp_path / "points.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(CalibrationError, match=sentence):
        load_points(path)


def test_points_are_read_with_their_place_and_image(tmp_path: Path) -> None:
    path = tmp_path / "points.yaml"
    path.write_text(
        "points:\n"
        "- {frame: panda_hand_tcp, uv: [312.5, 208]}\n"
        "- {frame: panda_link4, xyz: [0, 0, 0.1], uv: [1, 2], image: 003.png}\n"
    )
    tip, elbow = load_points(path)
    assert (tip.frame, tip.image) == ("panda_hand_tcp", "")
    np.testing.assert_array_equal(tip.frame_p, [0, 0, 0])
    np.testing.assert_array_equal(tip.uv, [312.5, 208])
    np.testing.assert_array_equal(elbow.frame_p, [0, 0, 0.1])
    assert elbow.image == "003.png"
