# SPDX-License-Identifier: Apache-2.0
"""The arm and the cameras of a tile, as tensors: where spheres are seen, and along which rays."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genima.arrays import Array
from genima.arrays import Float as Reals
from genima.kinematics import LINK8_T_TCP, frame_entries
from genima.policy import Policy
from genima.view import CameraView

_LINKS = (2, 4, 6, 8)  # those whose frames carry the spheres; the last one with the TCP
#: Of the spheres, the one at the fingertips.
GRIPPER = 3


@dataclass(frozen=True, eq=False)
class ArmView:
    """The arm and the cameras of a tile.

    Attributes:
        q: Joint positions [rad].
        cam_T_base: Pose of the base in each optical frame.
        lens: fx, fy, cx, cy of each camera in sides of its image, and its spheres' radius [m].
    """

    q: Float[Tensor, "b 7"]
    cam_T_base: Float[Tensor, "b 4 4 4"]
    lens: Float[Tensor, "b 4 5"]

    def to(self, device: torch.device) -> "ArmView":
        """The same on another device."""
        return ArmView(self.q.to(device), self.cam_T_base.to(device), self.lens.to(device))


def lenses(views: Mapping[str, CameraView], policy: Policy) -> "Reals[Array, '4 5']":
    """What `ArmView.lens` says of each camera, in the policy's order."""
    rows = []
    for name in policy.cameras:
        k = views[name].intrinsics
        rows.append([k.fx / k.width, k.fy / k.width, k.cx / k.width, k.cy / k.width])
        rows[-1].append(policy.sphere_radii_m[name])
    return np.array(rows)


def sphere_frames(q: Float[Tensor, "*b 7"]) -> Float[Tensor, "*b 4 3 4"]:
    """Rotations and centres [m] of the spheres in the base, for joint positions [rad]."""
    joints = q.unbind(dim=-1)
    rows = frame_entries([a.cos() for a in joints], [a.sin() for a in joints])
    entries = torch.stack([row + torch.zeros_like(joints[0]) for row in rows], dim=-1)
    links = entries.unflatten(-1, (9, 4, 4))[..., _LINKS, :3, :]
    tool = _link8_T_tcp(q.dtype, q.device)
    return torch.cat([links[..., :GRIPPER, :, :], links[..., GRIPPER:, :, :] @ tool], dim=-3)


def seen_spheres(
    q: Float[Tensor, "b 4 7"], arm: ArmView
) -> tuple[Float[Tensor, "b 4 4 3"], Float[Tensor, "b 4 4 3"]]:
    """Centres [m] and x axes of the spheres in each optical frame.

    Args:
        q: Joint positions, perhaps others for each view [rad].
        arm: Of which the cameras count.
    """
    camera = arm.cam_T_base.to(q.dtype)
    turned = camera[:, :, None, :3, :3] @ sphere_frames(q)
    return turned[..., 3] + camera[:, :, None, :3, 3], turned[..., 0]


def places_of(centre: Float[Tensor, "b 4 4 3"], arm: ArmView) -> Float[Tensor, "b 4 4 2"]:
    """Where centres are seen, in sides of the image; NaN for those behind the camera."""
    fx, fy, cx, cy = arm.lens.to(centre.dtype)[:, :, None, :4].unbind(dim=-1)
    x, y, z = centre.unbind(dim=-1)
    z = torch.where(z > 0, z, torch.nan)
    return torch.stack([fx * x / z + cx, fy * y / z + cy], dim=-1)


def rays(lens: Float[Tensor, "b 4 5"], side: int) -> Float[Tensor, "b 4 3 s s"]:
    """Through the pixel centres of cells of this side, with z = 1."""
    middle = (torch.arange(side, device=lens.device) + 0.5) / side
    fx, fy, cx, cy = (part[..., None] for part in lens.float()[..., :4].unbind(-1))
    a, b = (middle - cx) / fx, (middle - cy) / fy
    shape = (*a.shape[:2], side, side)
    a, b = a[:, :, None, :].expand(shape), b[:, :, :, None].expand(shape)
    return torch.stack([a, b, torch.ones_like(a)], dim=2)


def cells_of_tile(tile: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 4 c s s"]:
    """The four views of tiles."""
    batch, channels, height, width = tile.shape
    cells = tile.reshape(batch, channels, 2, height // 2, 2, width // 2)
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)


def tile_of_cells(cells: Float[Tensor, "b 4 c s s"]) -> Float[Tensor, "b c h w"]:
    """The inverse of `cells_of_tile`."""
    rows = cells.unflatten(1, (2, 2)).permute(0, 3, 1, 4, 2, 5)
    return rows.flatten(4, 5).flatten(2, 3)


@cache
def _link8_T_tcp(dtype: torch.dtype, device: torch.device) -> Float[Tensor, "4 4"]:
    """Made once, since a captured graph cannot fetch it."""
    return torch.as_tensor(LINK8_T_TCP, dtype=dtype, device=device)
