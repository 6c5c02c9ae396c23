# SPDX-License-Identifier: Apache-2.0
"""Teaches the witness to see the arm, and to say so where there is none to be seen."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, interpolate

from genima.diffusion.arm_view import ArmView, cells_of_tile, tile_of_cells
from genima.diffusion.witness import GRID, sphere_places

#: One sample in so many is shown one colour, one noise, and one the images of other cameras.
_KINDS = 8
_FLAT, _NOISE, _OTHERS = range(3)
#: Largest relative change of an image's brightness, and of its colours'.
_BRIGHTER, _TINT = 0.6, 0.15


def kinds(count: int, chance: torch.Generator) -> Int[Tensor, "b"]:
    """Which samples are shown what, by chance."""
    return torch.randint(_KINDS, (count,), generator=chance, device=chance.device)


def relit(pictures: Float[Tensor, "b 3 h w"], chance: torch.Generator) -> Float[Tensor, "b 3 h w"]:
    """The images in other light: an arm in the dusk or under a warm lamp is an arm all the same.

    Args:
        pictures: Tiles, 0 to 1.
        chance: Decides about everything random.
    """

    def draw(channels: int, reach: float) -> Float[Tensor, "b c 1 1"]:
        shape = (len(pictures), channels, 1, 1)
        number = torch.rand(shape, generator=chance, device=pictures.device)
        return 1.0 + (2.0 * number - 1.0) * reach

    return (pictures * draw(1, _BRIGHTER) * draw(3, _TINT)).clamp(0.0, 1.0)


def spoiled(
    pictures: Float[Tensor, "b 3 h w"],
    kind: Int[Tensor, "b"],
    noise: Float[Tensor, "b c h2 w2"],
) -> Float[Tensor, "b 3 h w"]:
    """The images, some of them replaced by what no camera of this arm shows.

    Args:
        pictures: Tiles, 0 to 1.
        kind: What each is shown, as of `kinds`.
        noise: Of unit variance; decides about everything random.
    """
    size = pictures.shape[-2:]
    level = 0.5 + 0.5 * noise[:, :3, :1, :1].clamp(-1.0, 1.0)
    coarse = 0.5 + 0.5 * interpolate(noise[:, :3], size=size, mode="nearest")
    repeats = [-(-whole // part) for whole, part in zip(size, noise.shape[2:], strict=True)]
    fine = 0.5 + 0.3 * noise[:, 3:6].repeat(1, 1, *repeats)[..., : size[0], : size[1]]
    grainy = torch.where(noise[:, 6, :1, :1, None] > 0, coarse, fine).clamp(0.0, 1.0)
    others = tile_of_cells(cells_of_tile(pictures).roll(1, dims=1))
    kind = kind[:, None, None, None]
    shown = torch.where(kind == _FLAT, level.expand_as(pictures), pictures)
    shown = torch.where(kind == _NOISE, grainy, shown)
    return torch.where(kind == _OTHERS, others, shown)


def witness_loss(seen: Float[Tensor, "b 4 4 n"], arm: ArmView, kind: Int[Tensor, "b"]) -> Tensor:
    """How far the witness is from what `spoiled` images show.

    Args:
        seen: Its scores.
        arm: Where the arm is in those that were left as they are.
        kind: What each was shown.
    """
    place = sphere_places(arm)
    column, row = (place.nan_to_num() * GRID).long().clamp(0, GRID - 1).unbind(dim=-1)
    spoilt = kind[:, None, None] <= _OTHERS
    nowhere = place[..., 0].isnan() | spoilt
    wanted = torch.where(nowhere, GRID * GRID, GRID * row + column)
    return cross_entropy(seen.float().flatten(0, 2), wanted.flatten())
