# SPDX-License-Identifier: Apache-2.0
"""What each pixel looks at, told to the network in metres.

A small network that sees a button still has to learn what that means for the arm, in each view
anew, and in the wrist's view for each pose of the hand. The ray through a pixel meets whatever
stands on the table close to where it meets the plane z = 0 of the base. So that point, from the
base and from the fingertips, goes into the network in place of noise.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from genima.diffusion.arm_view import GRIPPER, ArmView, rays, sphere_frames, tile_of_cells

#: x and y from the base, x and y from the fingertips.
CHANNELS = 4
# What counts as 1: about the reach of a hand's motion, and where most of the work is done [m].
_UNIT_M = 0.3
_CENTRE_M = 0.5
#: Rays that rise, or that meet the plane beyond this, look at the point so far along them [m].
_FAR_M = 3.0
_LIMIT = 4.0


def ground_points(arm: ArmView, side: int) -> Float[Tensor, "b 4 2 s s"]:
    """Where the rays of the views' pixels meet the plane z = 0 of the base, x and y [m].

    Args:
        arm: Whose cameras look.
        side: Of one view [px].
    """
    ray = rays(arm.lens, side)
    ray = ray / ray.norm(dim=2, keepdim=True)
    cam_T_base = arm.cam_T_base.float()
    base_R_cam = cam_T_base[:, :, :3, :3].transpose(2, 3)
    camera = -(base_R_cam @ cam_T_base[:, :, :3, 3:])  # (b, 4, 3, 1)
    ray = (base_R_cam @ ray.flatten(3)).unflatten(3, ray.shape[3:])
    height, fall = camera[:, :, 2, :, None], -ray[:, :, 2]
    meets = (fall > 0) & (height > 0)
    away = torch.where(meets, height / fall.clamp(min=1e-3), _FAR_M).clamp(max=_FAR_M)
    return camera[:, :, :2, :, None] + away[:, :, None] * ray[:, :, :2]


def ground_seen(arm: ArmView, side: int) -> Float[Tensor, "b 4 h w"]:
    """What a tile's pixels are told, in about unit size.

    Args:
        arm: The arm and its cameras.
        side: Of one view [px].
    """
    point = ground_points(arm, side)
    tip = sphere_frames(arm.q.float())[:, None, GRIPPER, :2, 3, None, None]
    base = torch.stack([point[:, :, 0] - _CENTRE_M, point[:, :, 1]], dim=2)
    channels = torch.cat([base, point - tip], dim=2) / _UNIT_M
    return tile_of_cells(channels.clamp(-_LIMIT, _LIMIT))
