# SPDX-License-Identifier: Apache-2.0
"""The torch twin draws what the NumPy renderer draws."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from genima.arrays import Array, Float
from genima.cameras import CameraRig, load_rig
from genima.errors import InvalidParameter
from genima.geometry import rotation_x, rotation_z, transform
from genima.intrinsics import Intrinsics
from genima.kinematics import Q_HOME
from genima.spheres import Z_FAR_M, SphereLayer, render_spheres, sphere_poses
from genima.spheres_torch import CameraBatch, SphereBatch, render_spheres_batch
from genima.view import CameraView

NAMES = ("wrist", "front", "right_shoulder", "left_shoulder")
RADII_M = (0.03, 0.08, 0.065, 0.065)
SIZE_PX = 128


@pytest.fixture(scope="module")
def rig() -> CameraRig:
    rig = load_rig(Path(__file__).parents[3] / "config" / "cameras.yaml")
    for name, camera in rig.cameras.items():
        rig = rig.with_intrinsics(name, camera.intrinsics.square(SIZE_PX))
    return rig


def batch_of(views: list[dict[str, CameraView]], radii_m: tuple[float, ...]) -> CameraBatch:
    """Cameras of several tiles; the intrinsics are those of the first."""
    pinholes = [view.intrinsics for view in views[0].values()]
    return CameraBatch(
        height=pinholes[0].height,
        width=pinholes[0].width,
        pinhole=torch.tensor([(p.fx, p.fy, p.cx, p.cy) for p in pinholes], dtype=torch.float64),
        base_T_cam=torch.tensor(
            np.array([[v.base_T_cam for v in tile.values()] for tile in views])
        ),
        radii_m=torch.tensor(radii_m),
    )


def different_pixels(batch: SphereBatch, layers: list[list[SphereLayer]]) -> int:
    """How many pixels of all images differ in any respect."""
    rgb = np.array([[layer.rgb for layer in tile] for tile in layers])
    index = np.array([[layer.index for layer in tile] for tile in layers])
    assert batch.rgb.dtype == torch.uint8 and batch.index.dtype == torch.int8
    assert (batch.mask == (batch.index >= 0)).all()
    differs = (batch.rgb.numpy() != rgb).any(axis=-1) | (batch.index.numpy() != index)
    return int(differs.sum())


def test_twin_draws_the_same_tiles_but_for_single_edge_pixels(rig: CameraRig) -> None:
    rng = np.random.default_rng(3)
    q_now = Q_HOME + rng.normal(scale=0.3, size=(8, 7))
    base_T_spheres = sphere_poses(q_now + rng.normal(scale=0.3, size=(8, 7)))
    gripper_open = np.arange(8) % 2 == 0
    views = [{name: rig.cameras[name].view(q) for name in NAMES} for q in q_now]
    batch = render_spheres_batch(
        torch.from_numpy(base_T_spheres), torch.from_numpy(gripper_open), batch_of(views, RADII_M)
    )
    layers = [
        [
            render_spheres(poses, bool(is_open), tile[name], radius_m)
            for name, radius_m in zip(NAMES, RADII_M, strict=True)
        ]
        for poses, is_open, tile in zip(base_T_spheres, gripper_open, views, strict=True)
    ]
    assert sum(layer.mask.sum() for tile in layers for layer in tile) > 10_000
    assert different_pixels(batch, layers) <= 20


def random_poses(rng: np.random.Generator, count: int) -> Float[Array, "count 4 4 4"]:
    """Anywhere: overlapping, beside and behind the camera, around it, beyond the far plane."""
    poses = np.empty((count, 4, 4, 4))
    for place in np.ndindex(count, 4):
        scale = rng.choice([0.1, 0.5, Z_FAR_M])
        rotation = rotation_z(rng.uniform(-3, 3)) @ rotation_x(rng.uniform(-3, 3))
        poses[place] = transform(rotation, rng.normal([0, 0, scale], scale))
    poses[0, 0, :3, 3] = (0.075, 0.075, 0.02)  # touches the camera with a radius of 0.1 m
    poses[1, 0, :3, 3] = (0.0, 0.0, 0.05)  # surrounds it
    return poses


def test_twin_agrees_on_spheres_behind_around_and_far_from_the_camera() -> None:
    poses = random_poses(np.random.default_rng(4), 60)
    view = CameraView(Intrinsics(96, 64, 80.0, 75.0, 50.0, 30.0), np.eye(4))
    cameras = batch_of([{"only": view}] * len(poses), (0.1,))
    batch = render_spheres_batch(
        torch.from_numpy(poses), torch.ones(len(poses), dtype=torch.bool), cameras
    )
    layers = [[render_spheres(spheres, True, view, 0.1)] for spheres in poses]
    assert sum(layer.mask.any() for (layer,) in layers) > 20
    assert different_pixels(batch, layers) <= 60


@pytest.fixture
def cameras() -> CameraBatch:
    view = CameraView(Intrinsics(8, 8, 8.0, 8.0, 4.0, 4.0), np.eye(4))
    return batch_of([{"a": view, "b": view}] * 3, (0.1, 0.2))


@pytest.mark.parametrize(
    ("poses", "gripper_open"),
    [
        (torch.zeros(2, 4, 4, 4), torch.ones(3, dtype=torch.bool)),
        (torch.zeros(3, 4, 4), torch.ones(3, dtype=torch.bool)),
        (torch.zeros(3, 4, 4, 4), torch.ones(2, dtype=torch.bool)),
    ],
)
def test_poses_that_do_not_fit_the_cameras_are_refused(
    cameras: CameraBatch, poses: Tensor, gripper_open: Tensor
) -> None:
    with pytest.raises(InvalidParameter, match=r"expected \(3, 4, 4, 4\) and \(3,\)"):
        render_spheres_batch(poses, gripper_open, cameras)


@pytest.mark.parametrize(
    "wrong",
    [{"radii_m": torch.ones(3)}, {"pinhole": torch.ones(1, 4)}, {"base_T_cam": torch.eye(4)}],
)
def test_cameras_that_contradict_each_other_are_refused(
    cameras: CameraBatch, wrong: dict[str, Tensor]
) -> None:
    with pytest.raises(InvalidParameter, match="one c for all"):
        replace(cameras, **wrong)
