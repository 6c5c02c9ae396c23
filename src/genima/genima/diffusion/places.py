# SPDX-License-Identifier: Apache-2.0
"""Where on the table the arm is to go, found in four views and brought together in metres.

The network marks in each view the points of the table above which the fingertips will stop next,
and at the end. A mark is a distribution over the pixels of a view, or over none of them. Around
its peak the mean of the pixels' places, each where its ray meets the table, is finer than a pixel.
Views are then averaged by how sure and how narrow they are: one that does not see the place, or
sees it from afar, does not spoil what another knows.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from genima.diffusion.arm_view import ArmView, cells_of_tile
from genima.diffusion.ground import ground_points

#: The next stop, and the end; see `genima.data.stops.places_ahead`.
PLACES = 2
#: Spread of a mark that the network is taught [latent px].
_SPREAD_PX = 1.0
#: How far around its peak a mark counts [latent px].
_REACH_PX = 2
#: Spread below which a view is not taken for surer [m].
_FINEST_M = 0.005
#: Places nearer to a camera's plane than this are not seen [m].
_NEAREST_M = 0.02


@dataclass(frozen=True, eq=False)
class Places:
    """What the views say together.

    Attributes:
        ground: x and y in the base [m].
        sureness: Probability at the mark's peak in the view that is surest, 0 to 1.
    """

    ground: Float[Tensor, "b p 2"]
    sureness: Float[Tensor, "b p"]


def scores_of(raw: Float[Tensor, "b p h w"]) -> Float[Tensor, "b 4 p n"]:
    """Scores of the pixels of each view, row by row, and of 0 for being in none of them."""
    return pad(cells_of_tile(raw.float()).flatten(3), (0, 1))


def places_in(scores: Float[Tensor, "b 4 p n"], arm: ArmView) -> Places:
    """Bring together what the views say.

    Args:
        scores: As `scores_of` gives them.
        arm: Whose cameras look at the table.
    """
    share = scores.softmax(dim=3)[..., :-1]
    side = round(share.shape[3] ** 0.5)
    near = share * _around_peak(share, side)
    mass = near.sum(dim=3)
    weight = near / mass[..., None].clamp(min=1e-9)
    ground = ground_points(arm, side).flatten(3)  # (b, 4, 2, n)
    mean = torch.einsum("bvpn,bvcn->bvpc", weight, ground)
    gap = ground[:, :, None] - mean[..., None]
    variance = (weight[:, :, :, None] * gap.square()).sum(dim=(3, 4))
    precision = mass.square() / (variance + _FINEST_M**2) + 1e-9
    point = (precision[..., None] * mean).sum(dim=1) / precision.sum(dim=1)[..., None]
    return Places(point, mass.amax(dim=1))


def places_loss(
    scores: Float[Tensor, "b 4 p n"], ground: Float[Tensor, "b p 2"], arm: ArmView
) -> Tensor:
    """How far the marks are from where the places are seen.

    Args:
        scores: As `scores_of` gives them.
        ground: Where the places are, x and y in the base [m].
        arm: Whose cameras look at the table.
    """
    side = round((scores.shape[3] - 1) ** 0.5)
    seen = _seen(ground, arm)
    inside = ((seen > 0) & (seen < 1)).all(dim=-1)
    middle = (torch.arange(side, device=seen.device) + 0.5) / side
    mark = torch.exp(-0.5 * ((seen[..., None] - middle) * side / _SPREAD_PX).square())
    wanted = (mark[..., 1, :, None] * mark[..., 0, None, :]).flatten(3)
    wanted = wanted / wanted.sum(dim=3, keepdim=True).clamp(min=1e-9)
    wanted = torch.where(inside[..., None], wanted, 0.0)
    wanted = torch.cat([wanted, (~inside)[..., None].to(wanted)], dim=3)
    return -(wanted * scores.log_softmax(dim=3)).sum(dim=3).mean()


def _around_peak(share: Float[Tensor, "b 4 p n"], side: int) -> Tensor:
    """Which pixels count, each with its neighbours."""
    number = torch.arange(side * side, device=share.device)
    peak = share.argmax(dim=3, keepdim=True)
    rows = (number // side - peak // side).abs() <= _REACH_PX
    return rows & ((number % side - peak % side).abs() <= _REACH_PX)


def _seen(ground: Float[Tensor, "b p 2"], arm: ArmView) -> Float[Tensor, "b 4 p 2"]:
    """Where points of the table are seen, in sides of the image; NaN behind the camera."""
    point = torch.cat([ground, torch.zeros_like(ground[..., :1])], dim=2)[:, None]
    turn = arm.cam_T_base[:, :, :3, :3].transpose(2, 3)
    x, y, z = (point @ turn + arm.cam_T_base[:, :, None, :3, 3]).unbind(dim=-1)
    fx, fy, cx, cy = arm.lens[:, :, None, :4].unbind(dim=-1)
    z = torch.where(z > _NEAREST_M, z, torch.nan)
    return torch.stack([fx * x / z + cx, fy * y / z + cy], dim=-1)
