# SPDX-License-Identifier: Apache-2.0
"""What pixels are told of the table, and that other cameras are told as such."""

import numpy as np
import torch

from genima.diffusion.arm_view import cells_of_tile, places_of, seen_spheres, tile_of_cells
from genima.diffusion.ground import ground_points, ground_seen
from genima.diffusion.network import Conditioning
from genima.diffusion.training.other_cameras import by_other_cameras
from genima.kinematics import base_T_tcp

from . import decode_cases as cases
from .arm_view_cases import HOME, SIDE, arm_at


def test_pixels_know_where_their_ray_meets_the_table() -> None:
    side = 64
    point = np.array([0.45, 0.1, 0.0])
    ground = cells_of_tile(ground_seen(arm_at(HOME), side))[0]
    tip = base_T_tcp(HOME)[:2, 3]
    found = 0
    for number, name in enumerate(cases.POLICY.cameras):
        view = cases.RIG.views(HOME)[name]
        (u, v), depth_m = view.project(point)
        row, column = int(v * side / SIDE), int(u * side / SIDE)
        if depth_m <= 0 or not (0 <= row < side and 0 <= column < side):
            continue
        met = ground_points(arm_at(HOME), side)[0, number, :, row, column].numpy()
        np.testing.assert_allclose(met, point[:2], atol=0.05)
        x, y, from_tip_x, from_tip_y = ground[number, :, row, column].numpy() * 0.3
        np.testing.assert_allclose([x + 0.5, y], point[:2], atol=0.05)
        np.testing.assert_allclose([from_tip_x, from_tip_y], point[:2] - tip, atol=0.05)
        found += 1
    assert found >= 2
    assert torch.isfinite(ground).all()


def bright_spots(cells: torch.Tensor) -> torch.Tensor:
    """Where each view's and sphere's spot of light is, in sides of the image."""
    side = cells.shape[-1]
    middle = (torch.arange(side) + 0.5) / side
    share = cells / cells.sum(dim=(-2, -1), keepdim=True)
    return torch.stack([(share.sum(-2) * middle).sum(-1), (share.sum(-1) * middle).sum(-1)], -1)


def test_other_cameras_see_the_spheres_where_their_poses_say() -> None:
    arm, side = arm_at(HOME), 128
    q = arm.q[:, None].expand(-1, 4, -1)
    place = places_of(seen_spheres(q, arm)[0], arm)[0, :, 1:]  # three of them, as RGB
    middle = (torch.arange(side) + 0.5) / side
    gap = (middle - place[..., 0, None])[..., None, :] ** 2
    gap = gap + (middle - place[..., 1, None])[..., :, None] ** 2
    spots = torch.exp(-0.5 * gap / 0.02**2)
    given = Conditioning(tile_of_cells(spots[None]), None, arm)
    noise = torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    other = by_other_cameras(given, 0.1, noise)
    assert other.arm is not None
    wanted = places_of(seen_spheres(q, other.arm)[0], other.arm)[0, :, 1:]
    inside = ((place - 0.5).abs() < 0.4).all(dim=-1) & ((wanted - 0.5).abs() < 0.4).all(dim=-1)
    assert inside.sum() >= 3 and (wanted - place)[inside].abs().max() > 0.02
    got = bright_spots(cells_of_tile(other.pictures)[0])
    torch.testing.assert_close(got[inside], wanted[inside], atol=0.005, rtol=0.0)
