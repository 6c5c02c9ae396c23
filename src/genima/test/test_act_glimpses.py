# SPDX-License-Identifier: Apache-2.0
"""How stripes that are seen beside the middle of an image are turned."""

import numpy as np
import torch

from genima.act.glimpses import from_sight
from genima.act.training_data import focal_lengths

from .act_cases import SMALL, demonstration


def random_rays(count: int) -> torch.Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(0))


def test_line_of_sight_is_where_a_ray_leads() -> None:
    rays = random_rays(50)
    ahead = from_sight(torch.tensor([0.0, 0.0, 1.0]).expand(50, 3), rays)
    points = torch.cat([rays, torch.ones(50, 1)], dim=1)
    torch.testing.assert_close(ahead, points / points.norm(dim=1, keepdim=True))


def test_angles_to_the_line_of_sight_are_kept() -> None:
    rays = random_rays(50)
    directions = torch.randn(50, 3, generator=torch.Generator().manual_seed(1))
    ahead = from_sight(torch.tensor([0.0, 0.0, 1.0]).expand(50, 3), rays)
    turned = from_sight(directions, rays)
    torch.testing.assert_close(turned.norm(dim=1), directions.norm(dim=1))
    torch.testing.assert_close((turned * ahead).sum(dim=1), directions[:, 2])


def test_in_the_middle_of_an_image_nothing_is_turned() -> None:
    direction = torch.tensor([0.3, -0.5, 0.8])
    assert torch.equal(from_sight(direction, torch.zeros(2)), direction)


def test_focal_lengths_are_those_of_the_cameras() -> None:
    focal = focal_lengths(demonstration(), SMALL)
    rig = demonstration().rig.cameras
    for row, name in zip(focal.tolist(), SMALL.cameras, strict=True):
        lens = rig[name].intrinsics
        half_fov = np.arctan(lens.width / 2.0 / lens.fx)
        np.testing.assert_allclose(row[0], 1.0 / np.tan(half_fov), rtol=1e-6)
