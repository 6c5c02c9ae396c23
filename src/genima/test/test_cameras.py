# SPDX-License-Identifier: Apache-2.0
"""Projection, crop and resize, RLBench's convention, and the file that describes a rig."""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from genima.cameras import (
    Camera,
    CameraRig,
    CameraView,
    Intrinsics,
    load_rig,
    rlbench_to_ros,
    square_image,
)
from genima.errors import CalibrationError, InvalidImage, InvalidParameter
from genima.geometry import apply, invert, rotation_from_quat_xyzw, rotation_z, transform
from genima.kinematics import Q_HOME, base_T_tcp

SHIPPED = Path(__file__).parents[3] / "config" / "cameras.yaml"
WORLD_T_BASE = transform(np.eye(3), np.array([-0.3075, 0.0, 0.752]))
VGA = Intrinsics(640, 480, 610.0, 612.0, 322.5, 239.0)

# RLBench's cameras as published, to five digits: rotation and position in its world.
RLBENCH = {
    "front": (
        [[0, -0.42262, -0.90631], [-1, 0, 0], [0, 0.90631, -0.42262]],
        [1.35, 0, 1.58],
    ),
    "left_shoulder": (
        [[0.17365, 0.89254, 0.41620], [0.98481, -0.15738, -0.07339], [0, 0.42262, -0.90631]],
        [-0.175, 0.2, 1.98],
    ),
    "right_shoulder": (
        [[-0.17365, 0.89254, 0.41620], [0.98481, 0.15738, 0.07339], [0, 0.42262, -0.90631]],
        [-0.175, -0.2, 1.98],
    ),
}
K_RLBENCH = np.array([[-351.6771, 0, 128], [0, -351.6771, 128], [0, 0, 1.0]])


def looking_at_points(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random pose of a CoppeliaSim sensor and points in front of it, in the world."""
    world_T_sim = transform(rotation_from_quat_xyzw(rng.normal(size=4)), rng.normal(size=3))
    points_sim = rng.uniform([-0.5, -0.5, 0.5], [0.5, 0.5, 3.0], (50, 3))
    return world_T_sim, apply(world_T_sim, points_sim)


def project_like_rlbench(
    world_T_sim: np.ndarray, K_sim: np.ndarray, points_world: np.ndarray
) -> np.ndarray:
    """PyRep's own formula: K (R^T | -R^T t) X with its negative focal lengths."""
    extrinsics = np.linalg.inv(world_T_sim)[:3]
    homogeneous = np.concatenate([points_world, np.ones((len(points_world), 1))], axis=1)
    uvw = homogeneous @ (K_sim @ extrinsics).T
    return uvw[:, :2] / uvw[:, 2:]


def test_rlbench_camera_projects_the_same_in_both_conventions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        world_T_sim, points_world = looking_at_points(rng)
        theirs = project_like_rlbench(world_T_sim, K_RLBENCH, points_world)
        world_T_optical, intrinsics = rlbench_to_ros(world_T_sim, K_RLBENCH)
        uv, depth = CameraView(intrinsics, world_T_optical).project(points_world)
        np.testing.assert_allclose(uv, theirs, atol=1e-6)
        assert np.all(depth > 0)
        assert np.linalg.det(world_T_optical[:3, :3]) == pytest.approx(1.0)
        assert (intrinsics.width, intrinsics.height) == (256, 256)


def test_camera_that_is_not_rlbenchs_is_not_converted() -> None:
    with pytest.raises(InvalidParameter, match="negative"):
        rlbench_to_ros(np.eye(4), np.abs(K_RLBENCH))


def test_optical_axes_are_right_down_and_forward() -> None:
    view = CameraView(VGA, np.eye(4))
    uv, depth = view.project(np.array([[0, 0, 2.0], [0.1, 0, 2.0], [0, 0.1, 2.0]]))
    np.testing.assert_allclose(uv[0], [VGA.cx, VGA.cy])
    np.testing.assert_allclose(uv[1] - uv[0], [VGA.fx * 0.05, 0])
    np.testing.assert_allclose(uv[2] - uv[0], [0, VGA.fy * 0.05])
    np.testing.assert_allclose(depth, 2.0)


def test_point_that_is_not_in_front_projects_nowhere() -> None:
    uv, depth = CameraView(VGA, np.eye(4)).project(np.array([[0, 0, -1.0], [0.1, 0, 0.0]]))
    assert np.isnan(uv).all()
    assert depth.tolist() == [-1.0, 0.0]


def test_ray_through_a_pixel_meets_the_point_that_projects_there() -> None:
    base_T_cam = transform(rotation_from_quat_xyzw([0.1, 0.5, -0.3, 0.8]), np.array([1.0, 2, 3]))
    view = CameraView(VGA, base_T_cam)
    directions = view.ray_directions()
    assert directions.shape == (480, 640, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1.0)
    uv, _ = view.project(base_T_cam[:3, 3] + 1.7 * directions[12, 34])
    np.testing.assert_allclose(uv, [34.5, 12.5])


def test_field_of_view_reaches_the_edge_of_the_image() -> None:
    intrinsics = Intrinsics.from_fovy(math.radians(40), 256, 256)
    assert intrinsics.fx == pytest.approx(351.6771, abs=1e-4)
    uv, _ = CameraView(intrinsics, np.eye(4)).project(
        np.array([0, math.tan(math.radians(20)), 1.0])
    )
    np.testing.assert_allclose(uv, [128.0, 256.0])


def test_matrix_of_ros_counts_from_the_centre_of_the_first_pixel() -> None:
    assert VGA.K_ros[0, 2] == VGA.cx - 0.5
    assert Intrinsics.from_ros(VGA.K_ros, 640, 480) == VGA
    assert Intrinsics.from_matrix(VGA.K, 640, 480) == VGA


@given(
    x=st.integers(0, 300),
    y=st.integers(0, 200),
    width=st.integers(1, 340),
    height=st.integers(1, 280),
    new_width=st.integers(1, 512),
    new_height=st.integers(1, 512),
)
def test_crop_and_resize_move_a_projected_point_like_its_pixel(
    x: int, y: int, width: int, height: int, new_width: int, new_height: int
) -> None:
    point = np.array([0.2, -0.1, 1.3])
    (u, v), _ = CameraView(VGA, np.eye(4)).project(point)
    smaller = VGA.crop(x, y, width, height).resize(new_width, new_height)
    moved, _ = CameraView(smaller, np.eye(4)).project(point)
    expected = [(u - x) * new_width / width, (v - y) * new_height / height]
    np.testing.assert_allclose(moved, expected, atol=1e-9)
    assert (smaller.width, smaller.height) == (new_width, new_height)


def test_square_is_cut_from_the_centre() -> None:
    square = Intrinsics.from_fovy(math.radians(40), 640, 480).square(256)
    assert (square.cx, square.cy) == (128.0, 128.0)
    assert square.fx == pytest.approx(351.6771, abs=1e-4)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (641, 480), (256, 256)])
def test_square_image_and_square_intrinsics_agree(width: int, height: int) -> None:
    intrinsics = Intrinsics(width, height, 400.0, 400.0, width / 2 + 3, height / 2 - 4)
    point = np.array([0.05, -0.08, 1.0])
    (u, v), _ = CameraView(intrinsics, np.eye(4)).project(point)
    columns, rows = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    blob = 250 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * 8.0**2))
    image = np.repeat(np.round(blob).astype(np.uint8)[..., None], 3, axis=2)
    square = square_image(image, 256)
    assert square.shape == (256, 256, 3)
    mass = square[..., 0].astype(float)
    pixels = np.arange(256) + 0.5
    centroid = np.array([mass.sum(0) @ pixels, mass.sum(1) @ pixels]) / mass.sum()
    expected, _ = CameraView(intrinsics.square(256), np.eye(4)).project(point)
    np.testing.assert_allclose(centroid, expected, atol=0.05)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "float", "empty"],
)
def test_image_that_is_not_rgb8_is_not_squared(image: np.ndarray) -> None:
    with pytest.raises(InvalidImage, match="uint8"):
        square_image(image, 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Intrinsics(0, 480, 600, 600, 320, 240),
        lambda: Intrinsics(640, 480, -600, -600, 320, 240),
        lambda: Intrinsics(640, 480, math.nan, 600, 320, 240),
        lambda: Intrinsics(640, 480, 600, 600, math.inf, 240),
        lambda: Intrinsics.from_fovy(40.0, 256, 256),
        lambda: VGA.crop(400, 0, 300, 300),
        lambda: VGA.crop(-1, 0, 10, 10),
        lambda: Camera("front", VGA, "world", np.eye(4)),
        lambda: CameraRig({"front": Camera("wrist", VGA, "panda_link0", np.eye(4))}),
    ],
)
def test_impossible_camera_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidParameter):
        make()


def test_camera_on_the_hand_moves_with_the_arm_and_others_stay() -> None:
    rig = load_rig(SHIPPED)
    q = Q_HOME + np.array([0.5, 0, 0, 0, 0, 0, 0])
    before, after = rig.views(Q_HOME), rig.views(q)
    np.testing.assert_array_equal(before["front"].base_T_cam, after["front"].base_T_cam)
    turn = transform(rotation_z(0.5), np.zeros(3))
    np.testing.assert_allclose(
        after["wrist"].base_T_cam, turn @ before["wrist"].base_T_cam, atol=1e-12
    )


def test_intrinsics_of_one_camera_can_be_replaced() -> None:
    rig = load_rig(SHIPPED)
    changed = rig.with_intrinsics("front", VGA)
    assert changed.cameras["front"].intrinsics == VGA
    assert changed.cameras["front"].frame_id == rig.cameras["front"].frame_id
    assert rig.cameras["front"].intrinsics.width == 256
    with pytest.raises(InvalidParameter, match="overhead"):
        rig.with_intrinsics("overhead", VGA)


@pytest.mark.parametrize("name", list(RLBENCH))
def test_shipped_cameras_stand_where_rlbenchs_do(name: str) -> None:
    rotation, position = RLBENCH[name]
    world_T_optical, intrinsics = rlbench_to_ros(transform(rotation, position), K_RLBENCH)
    camera = load_rig(SHIPPED).cameras[name]
    assert camera.parent_frame == "panda_link0"
    np.testing.assert_allclose(
        camera.parent_T_cam, invert(WORLD_T_BASE) @ world_T_optical, atol=1e-5
    )
    assert camera.intrinsics == intrinsics


def test_shipped_wrist_camera_sees_both_fingertips_and_between_them_upright() -> None:
    view = load_rig(SHIPPED).cameras["wrist"].view(Q_HOME)
    tcp = base_T_tcp(Q_HOME)
    left, between, right = apply(tcp, np.array([[0, -0.04, 0], [0, 0, 0], [0, 0.04, 0]]))
    beyond = between + np.array([0.05, 0.0, -0.05])  # further from the robot, below the fingers
    uv, depth = view.project(np.stack([left, between, right, beyond]))
    assert np.all((uv > 0) & (uv < 256))
    assert np.all(depth > 0)
    assert uv[0, 0] < uv[1, 0] < uv[2, 0]
    assert uv[3, 1] < uv[1, 1]


def test_shipped_frame_ids_are_realsenses() -> None:
    for name, camera in load_rig(SHIPPED).cameras.items():
        assert camera.frame_id == f"{name}_color_optical_frame"


@pytest.fixture
def content() -> dict[str, Any]:
    one = {
        "frame_id": "front_color_optical_frame",
        "parent_frame": "panda_link0",
        "intrinsics": {"width": 640, "height": 480, "fx": 600, "fy": 600, "cx": 320, "cy": 240},
        "pose": {"xyz": [1.0, 0.0, 0.5], "quat_xyzw": [0.0, 0.0, 0.0, 1.0]},
    }
    two = copy.deepcopy(one) | {"frame_id": "side_color_optical_frame"}
    return {"cameras": {"front": one, "side": two}}


def write(folder: Path, content: object) -> Path:
    path = folder / "cameras.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_rig_file_is_read(tmp_path: Path, content: dict[str, Any]) -> None:
    rig = load_rig(write(tmp_path, content))
    assert list(rig.cameras) == ["front", "side"]
    np.testing.assert_array_equal(rig.cameras["front"].parent_T_cam[:3, 3], [1.0, 0.0, 0.5])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda c: c.update(camera={}), "unknown keys.*camera"),
        (lambda c: c.update(cameras=[]), "must map"),
        (lambda c: c["cameras"].update(front=None), "front.*must map"),
        (lambda c: c["cameras"]["front"].update(fovy=40), "front.*unknown keys.*fovy"),
        (lambda c: c["cameras"]["front"].pop("frame_id"), "front.*lacks.*frame_id"),
        (lambda c: c["cameras"]["front"].pop("pose"), "either"),
        (lambda c: c["cameras"]["front"].update(calibration="x.calib"), "either"),
        (lambda c: c["cameras"]["front"].update(parent_frame="world"), "world.*no frame"),
        (lambda c: c["cameras"]["front"].update(frame_id="side_color_optical_frame"), "several"),
        (lambda c: c["cameras"]["front"].update(frame_id=3), "text"),
        (lambda c: c["cameras"]["front"]["intrinsics"].pop("fx"), "lacks.*fx"),
        (lambda c: c["cameras"]["front"]["intrinsics"].update(fx=-600), "positive"),
        (lambda c: c["cameras"]["front"]["intrinsics"].update(fx=True), "finite numbers"),
        (lambda c: c["cameras"]["front"]["intrinsics"].update(width=640.5), "whole"),
        (lambda c: c["cameras"]["front"]["pose"].update(xyz=[1, 2]), "3 finite numbers"),
        (lambda c: c["cameras"]["front"]["pose"].update(xyz=[math.nan, 0, 0]), "finite"),
        (lambda c: c["cameras"]["front"]["pose"].update(xyz=[1000, 0, 500]), "millimetres"),
        (lambda c: c["cameras"]["front"]["pose"].update(quat_xyzw=[0, 0, 0, 2]), "length 2"),
        (lambda c: c["cameras"]["front"]["pose"].update(rpy=[0, 0, 0]), "unknown keys.*rpy"),
    ],
)
def test_wrong_rig_file_is_refused_with_a_sentence(
    tmp_path: Path, content: dict[str, Any], spoil: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    spoil(content)
    path = write(tmp_path, content)
    with pytest.raises(CalibrationError, match=sentence) as error:
        load_rig(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_camera_given_twice_is_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    one = yaml.safe_dump({"front": content["cameras"]["front"]}).replace("\n", "\n  ")
    path = tmp_path / "cameras.yaml"
    path.write_text(f"cameras:\n  {one}\n  {one}")
    with pytest.raises(CalibrationError, match="'front' is given twice in line"):
        load_rig(path)
