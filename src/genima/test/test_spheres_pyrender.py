# SPDX-License-Identifier: Apache-2.0
"""Pixel by pixel against OpenGL: only edges may differ from what pyrender draws."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from genima.arrays import Array, Bool, Float, Int, UInt8
from genima.cameras import Camera, load_rig
from genima.errors import MissingDependency
from genima.geometry import rotation_x, rotation_z, transform
from genima.intrinsics import Intrinsics
from genima.limits import RobotModel, limits_of
from genima.spheres import SphereLayer, render_spheres, sphere_poses
from genima.spheres_pyrender import PyrenderSpheres, TextureFilter
from genima.view import CameraView

RADII_M = {"wrist": 0.03, "front": 0.08, "right_shoulder": 0.065, "left_shoulder": 0.065}
FINE = (64, 128)  # subdivision at which the polygons are far smaller than an edge's tolerance
EDGE_PX = 1.5
SUBPIXELS = 4


@contextmanager
def reference(
    intrinsics: Intrinsics,
    radius_m: float,
    texture_filter: TextureFilter = TextureFilter.SHARP,
    z_near_m: float = 1e-5,
) -> Iterator[PyrenderSpheres]:
    try:
        spheres = PyrenderSpheres(intrinsics, radius_m, texture_filter, FINE, z_near_m)
    except MissingDependency as error:
        pytest.skip(str(error))
    with closing(spheres):
        yield spheres


def labels(layer: SphereLayer) -> UInt8[Array, "h w"]:
    """A number for each sphere and stripe colour."""
    return (2 * (layer.index + 1) + layer.rgb.any(axis=-1)).astype(np.uint8)


def away_from_edges(
    base_T_spheres: Float[Array, "4 4 4"], view: CameraView, radius_m: float
) -> Bool[Array, "h w"]:
    """Pixels that no silhouette and no stripe edge is near, in a drawing with finer pixels."""
    pinhole = view.intrinsics
    finer = pinhole.resize(pinhole.width * SUBPIXELS, pinhole.height * SUBPIXELS)
    drawn = render_spheres(base_T_spheres, True, CameraView(finer, view.base_T_cam), radius_m)
    side = int(2 * EDGE_PX * SUBPIXELS) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    edges = cv2.morphologyEx(labels(drawn), cv2.MORPH_GRADIENT, disc)
    return edges[SUBPIXELS // 2 :: SUBPIXELS, SUBPIXELS // 2 :: SUBPIXELS] == 0


def over_white(layer: SphereLayer) -> Int[Array, "h w 3"]:
    return np.where(layer.mask[..., None], layer.rgb, 255).astype(int)


def random_arms(camera: Camera, count: int) -> list[tuple[Float[Array, "4 4 4"], CameraView]]:
    """Targets within a second's motion of random configurations, and what the camera then sees."""
    rng = np.random.default_rng(7)
    limits = limits_of(RobotModel.PANDA)
    q_now = rng.uniform(limits.q_min, limits.q_max, size=(count, 7))
    q_target = limits.clamp(q_now + rng.uniform(-0.5, 0.5, size=q_now.shape))
    return [(sphere_poses(t), camera.view(q)) for q, t in zip(q_now, q_target, strict=True)]


@pytest.fixture(params=list(RADII_M))
def camera(request: pytest.FixtureRequest) -> Camera:
    rig = load_rig(Path(__file__).parents[3] / "config" / "cameras.yaml")
    return rig.cameras[request.param]


def test_only_edges_differ_from_opengl(camera: Camera) -> None:
    radius_m = RADII_M[camera.name]
    compared = 0
    with reference(camera.intrinsics, radius_m) as opengl:
        for i, (base_T_spheres, view) in enumerate(random_arms(camera, 12)):
            gripper_open = i % 2 == 0
            rgb, _ = opengl.draw_persistent(base_T_spheres, gripper_open, view)
            ours = render_spheres(base_T_spheres, gripper_open, view, radius_m)
            inner = away_from_edges(base_T_spheres, view, radius_m)
            assert abs(over_white(ours) - rgb)[inner].max() <= 1, f"arm {i}"
            compared += (inner & ours.mask).sum()
    assert compared > 2_000  # the arms must not all have been out of sight


def area_and_centre(image: Int[Array, "h w 3"]) -> Float[Array, "3"]:
    """How much of the image is not white [px], and the centre of that (x, y) [px]."""
    ink = (255 - image.astype(float)).mean(axis=-1) / 255
    x, y = ink.sum(axis=0), ink.sum(axis=1)
    return np.array([ink.sum(), x @ np.arange(len(x)) / x.sum(), y @ np.arange(len(y)) / y.sum()])


def test_spheres_are_neither_larger_nor_shifted_by_a_part_of_a_pixel(camera: Camera) -> None:
    radius_m = RADII_M[camera.name]
    differences = []
    with reference(camera.intrinsics, radius_m) as opengl:
        for base_T_spheres, view in random_arms(camera, 12):
            rgb, _ = opengl.draw_persistent(base_T_spheres, True, view)
            ours = render_spheres(base_T_spheres, True, view, radius_m)
            if ours.mask.sum() > 500:
                ours_area, *ours_centre = area_and_centre(over_white(ours))
                area, *centre = area_and_centre(rgb)
                differences.append([ours_area / area - 1, *np.subtract(ours_centre, centre)])
    larger, right_px, down_px = np.mean(differences, axis=0)
    assert abs(larger) < 0.01
    assert abs(right_px) < 0.1 and abs(down_px) < 0.1


def test_texture_filter_of_the_original_only_smears(camera: Camera) -> None:
    radius_m = RADII_M[camera.name]
    same = []
    with reference(camera.intrinsics, radius_m, TextureFilter.ORIGINAL) as opengl:
        for base_T_spheres, view in random_arms(camera, 6):
            rgb, _ = opengl.draw_persistent(base_T_spheres, True, view)
            ours = render_spheres(base_T_spheres, True, view, radius_m)
            inner = away_from_edges(base_T_spheres, view, radius_m) & ours.mask
            same += (abs(over_white(ours) - rgb).max(axis=-1) < 64)[inner].tolist()
    assert np.mean(same) > 0.95


def test_spheres_anywhere_meet_and_are_cut_off_as_in_opengl() -> None:
    rng = np.random.default_rng(2)
    pinhole, radius_m = Intrinsics(256, 192, 200.0, 190.0, 120.0, 100.0), 0.3
    view = CameraView(pinhole, transform(rotation_x(0.3), np.array([0.1, 0.2, -0.1])))
    cut_off = 0
    with reference(pinhole, radius_m, z_near_m=0.1) as opengl:
        for i in range(10):
            centres = rng.uniform([-0.5, -0.5, 0.42], [0.5, 0.5, 3.5], size=(4, 3))
            cam_T_spheres = [transform(rotation_z(rng.uniform(-3, 3)), c) for c in centres]
            base_T_spheres = view.base_T_cam @ np.array(cam_T_spheres)
            rgb, _ = opengl.draw_persistent(base_T_spheres, True, view)
            ours = render_spheres(base_T_spheres, True, view, radius_m)
            inner = away_from_edges(base_T_spheres, view, radius_m)
            assert abs(over_white(ours) - rgb)[inner].max() <= 1, f"drawing {i}"
            cut_off += ((centres[:, 2] > 2.7) & (centres[:, 2] < 3.3)).sum()
    assert cut_off > 3


def test_rebuilt_and_moved_meshes_give_the_same_picture(camera: Camera) -> None:
    with reference(camera.intrinsics, RADII_M[camera.name]) as opengl:
        for base_T_spheres, view in random_arms(camera, 2):
            rebuilt, _ = opengl.draw_rebuilding(base_T_spheres, False, view)
            moved, _ = opengl.draw_persistent(base_T_spheres, False, view)
            assert (rebuilt == moved).all()
