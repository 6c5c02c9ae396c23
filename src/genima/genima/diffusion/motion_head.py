# SPDX-License-Identifier: Apache-2.0
"""A head that draws with spheres, not pixels: every latent pixel says where the arm shall go.

A network that has seen a few thousand pictures draws soft spots where a sphere might be, and no
stripes; and spheres that are a pixel or two off in one view already belong to no configuration.
So each latent pixel says by how much each joint shall move, and how sure it is. The answers of a
view are gathered by that into one, as attention does: a pixel on the object may know, one on the
wall need not. Each view is then coloured as the renderer colours it for its own answer: edges and
stripes are crisp at any size, and views that disagree belong to no configuration.

What is diffused are the answers: a latent has one channel for each joint and one for the gripper.
"""

from functools import cache

import torch
from jaxtyping import Bool, Float
from jaxtyping import UInt8 as Bytes
from torch import Tensor

from genima.decode.palette import Label
from genima.diffusion.arm_view import (
    GRIPPER,
    ArmView,
    cells_of_tile,
    rays,
    seen_spheres,
    tile_of_cells,
)
from genima.spheres import COLOURED, STRIPE_WIDTH

#: Of a latent: seven joints, then the gripper.
CHANNELS = 8
#: Of what the network says at each latent pixel: an answer, and how sure it is of that.
VOTES = CHANNELS + 1
#: By how much an answer of 1 moves a joint [rad].
MOTION_RAD = 0.2


def answer_for(
    q: Float[Tensor, "b 7"], q_target: Float[Tensor, "b 7"], gripper_open: Bool[Tensor, "b"]
) -> Float[Tensor, "b 8"]:
    """What the network should answer in every view.

    Args:
        q: Present joint positions, as the model is told them [rad].
        q_target: Those that shall be drawn [rad].
        gripper_open: Whether the gripper is to be open.
    """
    gripper = 2.0 * gripper_open.to(q.dtype) - 1.0
    return torch.cat([(q_target - q) / MOTION_RAD, gripper[:, None]], dim=1)


def gathered(votes: Float[Tensor, "b 9 h w"]) -> Float[Tensor, "b 8 h w"]:
    """The latent in which each view has one answer: the mean of its pixels' by their sureness."""
    cells = cells_of_tile(votes.float())
    share = cells[:, :, CHANNELS:].flatten(3).softmax(dim=3).unflatten(3, cells.shape[3:])
    answer = (share * cells[:, :, :CHANNELS]).sum(dim=(3, 4), keepdim=True)
    return tile_of_cells(answer.expand(-1, -1, -1, *cells.shape[3:]))


def labels_drawn(
    answers: Float[Tensor, "b 8 h w"], arm: ArmView, side: int
) -> Bytes[Tensor, "b 4 s s"]:
    """The `genima.decode.palette.Label` of each pixel, in cells of this side.

    Args:
        answers: As `gathered` leaves them.
        arm: To which they refer.
        side: Of a cell [px].
    """
    answer = cells_of_tile(answers.float()).mean(dim=(3, 4))
    q = arm.q.float()[:, None] + MOTION_RAD * answer[:, :, : CHANNELS - 1]
    centre, axis = seen_spheres(q, arm)
    radius = arm.lens.float()[:, :, 4]
    nearest, x_over_r, hit = _trace(centre, axis, rays(arm.lens, side), radius)
    stripe = ((x_over_r + 1.0) / STRIPE_WIDTH).long().clamp(0, len(COLOURED) - 1)
    coloured = _coloured(answers.device)[stripe]
    # Of the whole tile, since a gripper cannot be both.
    closed = (answer[:, :, CHANNELS - 1].mean(dim=1) < 0)[:, None, None, None]
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
