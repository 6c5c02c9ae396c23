# SPDX-License-Identifier: Apache-2.0
"""Spheres that are coloured for an answer are those of the renderer, and readable."""

import numpy as np
import pytest
import torch

from genima.arrays import Array, Float, UInt8
from genima.decode import TargetDecoder
from genima.decode.palette import LABEL_RGB
from genima.diffusion.motion_head import answer_for
from genima.diffusion.sphere_labels import labels_drawn
from genima.kinematics import Q_HOME
from genima.spheres import draw_targets
from genima.tiles import tile_images

from . import decode_cases as cases
from .arm_view_cases import HOME, SIDE, arm_at

TARGET = HOME + np.array([0.2, 0.1, -0.1, 0.15, 0.3, -0.2, 0.4])
GREY = 77


def drawn(q: Float[Array, "7"], gripper_open: bool = True) -> dict[str, UInt8[Array, "s s 3"]]:
    arm = arm_at(HOME)
    wanted = torch.tensor(q[None]).float()
    answer = answer_for(arm.q, wanted, torch.tensor([gripper_open]))
    latent = answer[..., None, None].expand(-1, -1, 4, 4)
    labels = labels_drawn(latent, arm, SIDE)[0].numpy()
    grey = np.full((1, 3), GREY)
    colours = np.concatenate([grey, LABEL_RGB, np.zeros((1, 3))]).astype(np.uint8)
    return dict(zip(cases.POLICY.cameras, colours[labels], strict=True))


@pytest.mark.parametrize("gripper_open", [True, False])
def test_drawing_of_an_answer_is_that_of_the_renderer(gripper_open: bool) -> None:
    images = {name: np.full((SIDE, SIDE, 3), GREY, np.uint8) for name in cases.POLICY.cameras}
    views = cases.RIG.views(HOME)
    wanted = draw_targets(images, TARGET, gripper_open, views, cases.POLICY)
    got = drawn(TARGET, gripper_open)
    assert sum(np.count_nonzero(image != GREY) for image in wanted.values()) > 10_000
    for name, image in wanted.items():
        differing = (got[name] != image).any(axis=2)
        assert np.count_nonzero(differing) <= 4, name  # rays that graze an edge


def test_what_was_answered_is_read_in_the_drawing() -> None:
    decoder = TargetDecoder(cases.RIG, cases.POLICY)
    found = decoder.decode(tile_images(drawn(TARGET), cases.POLICY.cameras), np.array(Q_HOME))
    assert found.usable and found.q is not None
    assert np.rad2deg(np.abs(found.q - TARGET)).max() < 1.0
