# SPDX-License-Identifier: Apache-2.0
"""Places on the table are found where the views mark them, whatever single views do not see."""

import numpy as np
import pytest
import torch
from torch import Tensor

from genima.diffusion.places import PLACES, places_in, places_loss, scores_of

from . import decode_cases as cases
from .arm_view_cases import HOME, arm_at

SIDE = 32
POINTS = torch.tensor([[[0.45, 0.10], [0.55, -0.15]]])


def marked(points: Tensor = POINTS) -> Tensor:
    """Raw scores whose distributions are narrow spots where the views see the points."""
    raw = torch.full((1, PLACES, 2 * SIDE, 2 * SIDE), -12.0)
    middle = (torch.arange(SIDE) + 0.5) / SIDE
    size = cases.POLICY.image_size_px
    for number, name in enumerate(cases.POLICY.cameras):
        view = cases.RIG.views(HOME)[name]
        row, column = (SIDE * part for part in divmod(number, 2))
        for place, point in enumerate(points[0].tolist()):
            (u, v), depth_m = view.project(np.array([*point, 0.0]))
            if depth_m > 0 and 0 < u < size and 0 < v < size:
                gap2 = (middle - u / size)[None] ** 2 + (middle - v / size)[:, None] ** 2
                spot = 8.0 - 0.5 * gap2 * SIDE**2
                raw[0, place, row : row + SIDE, column : column + SIDE] = spot
    return raw


def test_places_are_found_within_millimetres() -> None:
    found = places_in(scores_of(marked()), arm_at(HOME))
    torch.testing.assert_close(found.ground, POINTS, atol=0.006, rtol=0.0)
    assert found.sureness.min() > 0.5


@pytest.mark.parametrize("view", range(4))
def test_view_that_sees_nothing_does_not_matter(view: int) -> None:
    raw = marked()
    row, column = (SIDE * part for part in divmod(view, 2))
    raw[0, :, row : row + SIDE, column : column + SIDE] = -12.0
    found = places_in(scores_of(raw), arm_at(HOME))
    torch.testing.assert_close(found.ground, POINTS, atol=0.01, rtol=0.0)


def test_view_that_is_unsure_counts_little() -> None:
    raw = marked()
    raw[0, :, :SIDE, SIDE:] = -3.0  # anywhere, perhaps nowhere
    found = places_in(scores_of(raw), arm_at(HOME))
    torch.testing.assert_close(found.ground, POINTS, atol=0.01, rtol=0.0)


def test_nothing_known_is_not_sure() -> None:
    found = places_in(scores_of(torch.zeros(1, PLACES, 2 * SIDE, 2 * SIDE)), arm_at(HOME))
    assert torch.isfinite(found.ground).all() and found.sureness.max() < 0.1


def test_loss_is_least_where_the_places_are() -> None:
    arm, scores = arm_at(HOME), scores_of(marked())
    best = places_loss(scores, POINTS, arm)
    assert best < places_loss(scores_of(torch.zeros(1, PLACES, 2 * SIDE, 2 * SIDE)), POINTS, arm)
    for shift in ([0.05, 0.0], [-0.05, 0.0], [0.0, 0.05], [0.0, -0.05]):
        assert places_loss(scores, POINTS + torch.tensor(shift), arm) > best + 0.1


def test_points_behind_a_camera_or_outside_belong_to_no_pixel() -> None:
    nowhere = torch.tensor([[[0.0, -40.0], [0.0, 40.0]]])
    none = torch.full((1, PLACES, 2 * SIDE, 2 * SIDE), -12.0)
    loss = places_loss(scores_of(none), nowhere, arm_at(HOME))
    assert torch.isfinite(loss) and loss < 0.05
