# SPDX-License-Identifier: Apache-2.0
"""What a head that says how far the joints move draws, and what it tells the network."""

import numpy as np
import pytest
import torch

from genima.arrays import Array, Float, UInt8
from genima.decode import TargetDecoder
from genima.decode.palette import LABEL_RGB
from genima.diffusion.arm_view import (
    ArmView,
    cells_of_tile,
    lenses,
    places_of,
    seen_spheres,
    tile_of_cells,
)
from genima.diffusion.ground import ground_seen
from genima.diffusion.motion_head import CHANNELS, VOTES, answer_for, gathered, labels_drawn
from genima.diffusion.network import Conditioning
from genima.diffusion.training.other_cameras import by_other_cameras
from genima.kinematics import Q_HOME, base_T_tcp
from genima.spheres import draw_targets
from genima.tiles import tile_images

from . import decode_cases as cases

SIDE = cases.POLICY.image_size_px
HOME = np.array(Q_HOME)
TARGET = HOME + np.array([0.2, 0.1, -0.1, 0.15, 0.3, -0.2, 0.4])
GREY = 77


def arm_at(q: Float[Array, "7"]) -> ArmView:
    views = cases.RIG.views(q)
    poses = np.stack([views[name].cam_T_base for name in cases.POLICY.cameras])
    numbers = (q, poses, lenses(views, cases.POLICY))
    return ArmView(*(torch.from_numpy(part).float()[None] for part in numbers))


def answers(q_targets: list[Float[Array, "7"]], gripper_open: bool = True) -> torch.Tensor:
    """A latent of 2 x 2 pixels, one for each view."""
    arm = arm_at(HOME)
    rows = [
        answer_for(arm.q, torch.tensor(q[None]).float(), torch.tensor([gripper_open]))
        for q in q_targets
    ]
    return torch.cat(rows).T.reshape(1, CHANNELS, 2, 2)


def drawn(latent: torch.Tensor) -> dict[str, UInt8[Array, "s s 3"]]:
    labels = labels_drawn(latent, arm_at(HOME), SIDE)[0].numpy()
    grey = np.full((1, 3), GREY)
    colours = np.concatenate([grey, LABEL_RGB, np.zeros((1, 3))]).astype(np.uint8)
    return dict(zip(cases.POLICY.cameras, colours[labels], strict=True))


@pytest.mark.parametrize("gripper_open", [True, False])
def test_drawing_of_an_answer_is_that_of_the_renderer(gripper_open: bool) -> None:
    images = {name: np.full((SIDE, SIDE, 3), GREY, np.uint8) for name in cases.POLICY.cameras}
    views = cases.RIG.views(HOME)
    wanted = draw_targets(images, TARGET, gripper_open, views, cases.POLICY)
    got = drawn(answers([TARGET] * 4, gripper_open))
    assert sum(np.count_nonzero(image != GREY) for image in wanted.values()) > 10_000
    for name, image in wanted.items():
        differing = (got[name] != image).any(axis=2)
        assert np.count_nonzero(differing) <= 4, name  # rays that graze an edge


def test_views_that_answer_differently_are_not_vouched_for() -> None:
    decoder = TargetDecoder(cases.RIG, cases.POLICY)
    agreeing = tile_images(drawn(answers([TARGET] * 4)), cases.POLICY.cameras)
    assert decoder.decode(agreeing, HOME).usable
    apart = [HOME - 0.3, TARGET, HOME, HOME + 0.4]
    torn = decoder.decode(tile_images(drawn(answers(apart)), cases.POLICY.cameras), HOME)
    assert not torn.usable or torn.residual_px > 4.0


def test_answer_of_a_view_is_that_of_its_sure_pixel() -> None:
    votes = torch.zeros(1, VOTES, 8, 8)
    votes[:, 0] = 1.0
    votes[0, 0, 1, 2], votes[0, CHANNELS, 1, 2] = 5.0, 50.0  # in the first view
    cells = cells_of_tile(gathered(votes))
    assert cells.shape == (1, 4, CHANNELS, 4, 4)
    torch.testing.assert_close(cells[0, 0, 0], torch.full((4, 4), 5.0))
    torch.testing.assert_close(cells[0, 1:, 0], torch.ones(3, 4, 4))


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
    noise = torch.randn(1, CHANNELS, 16, 16, generator=torch.Generator().manual_seed(0))
    other = by_other_cameras(given, 0.1, noise)
    assert other.arm is not None
    wanted = places_of(seen_spheres(q, other.arm)[0], other.arm)[0, :, 1:]
    inside = ((place - 0.5).abs() < 0.4).all(dim=-1) & ((wanted - 0.5).abs() < 0.4).all(dim=-1)
    assert inside.sum() >= 3 and (wanted - place)[inside].abs().max() > 0.02
    got = bright_spots(cells_of_tile(other.pictures)[0])
    torch.testing.assert_close(got[inside], wanted[inside], atol=0.005, rtol=0.0)
