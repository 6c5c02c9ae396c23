# SPDX-License-Identifier: Apache-2.0
"""Changes of training images."""

from dataclasses import replace

import pytest
import torch

from genima.act.augmentations import Augmentations, gaussian_blur
from genima.act.config import ActConfig
from genima.act.images import standardise

from .act_cases import SMALL

NOTHING = replace(
    SMALL, elastic=False, crop_padding_px=0, colour_jitter=0.0, blur_px=0.0, noise=0.0
)
KINDS = [
    {"elastic": True},
    {"crop_padding_px": 8},
    {"colour_jitter": 0.4},
    {"blur_px": 4.0},
    {"noise": 20.0},
]


def images(batch: int = 16) -> torch.Tensor:
    pattern = torch.rand(1, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return pattern.repeat(batch, 1, 1, 1, 1)


def augmented(config: ActConfig, seed: int = 0) -> torch.Tensor:
    return Augmentations(config, torch.Generator().manual_seed(seed))(images())


def test_no_augmentation_changes_nothing() -> None:
    assert torch.equal(augmented(NOTHING), images())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_drawn_for_each_sample_by_itself(kind: dict[str, object]) -> None:
    config = replace(NOTHING, **kind)  # type: ignore[arg-type]
    changes = (augmented(config) - images()).abs().amax(dim=(1, 2, 3, 4))
    assert len(set(changes.tolist())) > 4
    assert torch.equal(augmented(config), augmented(config))
    assert not torch.equal(augmented(config), augmented(config, seed=1))


@pytest.mark.parametrize("kind", KINDS[:4])
def test_about_half_of_the_samples_are_left_alone(kind: dict[str, object]) -> None:
    config = replace(NOTHING, **kind)  # type: ignore[arg-type]
    changes = (augmented(config) - images()).abs().amax(dim=(1, 2, 3, 4))
    assert 2 <= int((changes < 1e-5).sum()) <= 14


def test_blur_keeps_the_mean_and_takes_the_contrast() -> None:
    flat = images(2).flatten(0, 1)[:2]
    blurred = gaussian_blur(flat, torch.tensor([0.01, 4.0]))
    assert torch.allclose(blurred[0], flat[0], atol=1e-5)
    assert blurred[1].mean() == pytest.approx(float(flat[1].mean()), abs=0.01)
    assert blurred[1].std() < 0.2 * flat[1].std()


def test_standardised_grey_is_near_zero() -> None:
    assert standardise(torch.full((1, 4, 3, 2, 2), 0.45)).abs().max() < 0.3
