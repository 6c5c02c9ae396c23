# SPDX-License-Identifier: Apache-2.0
"""Draws spheres by label for joint positions that a network has answered.

A network that has seen a few thousand pictures draws soft spots where a sphere might be, and no
stripes; and spheres that are a pixel or two off in one view already belong to no configuration.
So what the network answers is coloured as the renderer colours it: edges and stripes are crisp at
any size, and all views show one arm.
"""

from functools import cache

import torch
from jaxtyping import Bool, Float
from jaxtyping import UInt8 as Bytes
from torch import Tensor

from genima.decode.palette import Label
from genima.diffusion.arm_view import GRIPPER, ArmView, rays, seen_spheres
from genima.diffusion.motion_head import CHANNELS, MOTION_RAD
from genima.spheres import COLOURED, STRIPE_WIDTH


def labels_drawn(
    answers: Float[Tensor, "b 8 h w"], arm: ArmView, side: int
) -> Bytes[Tensor, "b 4 s s"]:
    """The `genima.decode.palette.Label` of each pixel, in cells of this side.

    Args:
        answers: The same at every latent pixel, as `MotionHead` gives them.
        arm: To which they refer.
        side: Of a cell [px].
    """
    answer = answers.float().mean(dim=(2, 3))
    q = arm.q.float() + MOTION_RAD * answer[:, : CHANNELS - 1]
    centre, axis = seen_spheres(q[:, None].expand(-1, arm.lens.shape[1], -1), arm)
    radius = arm.lens.float()[:, :, 4]
    nearest, x_over_r, hit = _trace(centre, axis, rays(arm.lens, side), radius)
    stripe = ((x_over_r + 1.0) / STRIPE_WIDTH).long().clamp(0, len(COLOURED) - 1)
    coloured = _coloured(answers.device)[stripe]
    closed = (answer[:, CHANNELS - 1] < 0)[:, None, None, None]
    colour = nearest + int(Label.BASE)
    colour = torch.where((nearest == GRIPPER) & closed, int(Label.CLOSED), colour)
    labels = torch.where(coloured, colour, int(Label.BLACK))
    return torch.where(hit, labels, int(Label.OTHER)).to(torch.uint8)


def _trace(
    centre: Float[Tensor, "b 4 4 3"],
    axis: Float[Tensor, "b 4 4 3"],
    ray: Float[Tensor, "b 4 3 s s"],
    radius: Float[Tensor, "b 4"],
) -> tuple[Tensor, Tensor, Bool[Tensor, "b 4 s s"]]:
    """Which sphere each ray meets first, the local x there over the radius, and if one at all."""
    ray, radius = ray[:, :, None], radius[:, :, None, None, None]
    centre, axis = centre[..., None, None], axis[..., None, None]
    length2 = ray.square().sum(dim=3)
    along = (ray * centre).sum(dim=3)
    inside = along.square() - length2 * (centre.square().sum(dim=3) - radius.square())
    depth = (along - inside.clamp(min=0.0).sqrt()) / length2
    x_over_r = ((ray * depth[:, :, :, None] - centre) * axis).sum(dim=3) / radius
    depth = torch.where((inside > 0) & (depth > 0), depth, torch.inf)
    depth, nearest = depth.min(dim=2)
    return nearest, x_over_r.gather(2, nearest[:, :, None])[:, :, 0], depth.isfinite()


@cache
def _coloured(device: torch.device) -> Bool[Tensor, "n"]:
    """Which stripes are coloured; made once, since a captured graph cannot fetch it."""
    return torch.tensor(COLOURED, device=device)
