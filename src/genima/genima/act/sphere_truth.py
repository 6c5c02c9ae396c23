# SPDX-License-Identifier: Apache-2.0
"""Where the drawn spheres are in each view, for the auxiliary head to learn."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from genima.act.auxiliary import SphereView
from genima.arrays import Array, Bool, Float
from genima.cameras import Camera
from genima.data.targets import Window
from genima.spheres import sphere_poses

#: Spheres nearer than this are behind the camera or around it [m].
_NEAREST_M = 0.02


def sphere_view(
    window: Window, cameras: Sequence[Camera], radii_m: Mapping[str, float]
) -> SphereView:
    """The spheres of one window in the views of its cameras, without a batch dimension.

    Args:
        window: What is drawn.
        cameras: In the order of the views.
        radii_m: Radius of every sphere [m], for each camera.
    """
    base_T_spheres = sphere_poses(window.q_target)
    pixels, depths, axes, visible = [], [], [], []
    for index, camera in enumerate(cameras):
        view = camera.view(window.q)
        uv, depth = view.project(base_T_spheres[:, :3, 3] + window.offsets_m[index])
        size = np.array([view.intrinsics.width, view.intrinsics.height])
        place = 2.0 * uv / size - 1.0
        inside = (depth > _NEAREST_M) & (np.abs(place) < 1.0).all(axis=-1)
        there = window.drawn[index] & (depth > _NEAREST_M)
        radius_px = radii_m[camera.name] * view.intrinsics.fx / np.maximum(depth, _NEAREST_M)
        cam_R_base = view.base_T_cam[:3, :3].T
        pixels.append(np.clip(np.nan_to_num(place), -2.0, 2.0))
        depths.append(np.log(np.maximum(depth, _NEAREST_M)))
        axes.append(base_T_spheres[:, :3, 0] @ cam_R_base.T)
        visible.append(inside & window.drawn[index] & ~_covered(uv, depth, radius_px, there))
    return SphereView(
        _tensor(pixels), _tensor(depths), _tensor(axes), torch.from_numpy(np.stack(visible))
    )


def _covered(
    uv: Float[Array, "4 2"],
    depth: Float[Array, "4"],
    radius_px: Float[Array, "4"],
    there: Bool[Array, "4"],
) -> Bool[Array, "4"]:
    """Which spheres have their centre behind a nearer one."""
    distance = np.linalg.norm(uv[:, None] - uv[None], axis=-1)
    nearer = depth[None] < depth[:, None]
    covered: Bool[Array, "4"] = ((distance < radius_px[None]) & nearer & there[None]).any(axis=1)
    return covered


def _tensor(parts: Sequence[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(parts).astype(np.float32))
