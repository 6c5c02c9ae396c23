# SPDX-License-Identifier: Apache-2.0
"""Views as cameras a little beside the true ones would see them, told to the network as such.

A pinhole camera that is turned about its optical axis, zoomed or shifted on its sensor shows the
same picture, turned, zoomed and shifted: no renderer is needed. A few scenes become many, and what
a pixel means has to be taken from the poses of the cameras, not from its number.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from genima.diffusion.arm_view import ArmView, cells_of_tile, tile_of_cells
from genima.diffusion.network import Conditioning


def by_other_cameras(
    given: Conditioning, largest: float, chance: Float[Tensor, "b c h w"]
) -> Conditioning:
    """The same moment, seen by other cameras.

    Args:
        given: With an arm.
        largest: Turn [rad], zoom, and twice the shift in sides of the image, at most.
        chance: Of unit variance; decides about everything random.
    """
    assert given.arm is not None
    # Nearly uniform, from -1 to 1: turn, zoom and shift of each view.
    drawn = torch.erf(chance.flatten(1)[:, :16].reshape(-1, 4, 4) / 2.0**0.5)
    turn, zoom, right, down = (largest * drawn).unbind(dim=-1)
    cos, sin = turn.cos(), turn.sin()
    scale = 1.0 + zoom
    rows = [cos / scale, -sin / scale, right, sin / scale, cos / scale, down]
    # From places in the new image to those in the old one, -1 to 1 from side to side.
    old_of_new = torch.stack(rows, dim=-1).unflatten(-1, (2, 3))
    pictures = tile_of_cells(_resampled(cells_of_tile(given.pictures), old_of_new))
    cam_T_base = given.arm.cam_T_base.clone()
    new_R_old = torch.stack([cos, sin, -sin, cos], dim=-1).unflatten(-1, (2, 2))
    cam_T_base[:, :, :2] = new_R_old @ given.arm.cam_T_base[:, :, :2]
    lens = given.arm.lens.clone()
    lens[..., :2] *= scale[..., None]
    middle = given.arm.lens[..., 2:4] - 0.5 - 0.5 * torch.stack([right, down], dim=-1)
    lens[..., 2:4] = 0.5 + scale[..., None] * (new_R_old @ middle[..., None])[..., 0]
    return replace(given, pictures=pictures, arm=ArmView(given.arm.q, cam_T_base, lens))


def _resampled(
    cells: Float[Tensor, "b 4 c s s"], old_of_new: Float[Tensor, "b 4 2 3"]
) -> Float[Tensor, "b 4 c s s"]:
    flat = cells.flatten(0, 1)
    grid = affine_grid(old_of_new.flatten(0, 1), list(flat.shape), align_corners=False)
    moved = grid_sample(flat, grid, padding_mode="border", align_corners=False)
    return moved.unflatten(0, cells.shape[:2])
