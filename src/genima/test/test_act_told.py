# SPDX-License-Identifier: Apache-2.0
"""Windows whose readings are told to the first guess."""

from dataclasses import replace

import pytest
import torch

from genima.act.auxiliary import AuxiliaryOutput, SphereView
from genima.act.config import Input, looking_at
from genima.act.losses import losses
from genima.act.model import Act, ActInput
from genima.act.normalisation import Normaliser
from genima.act.told import Told, ToldWindows
from genima.act.training_data import statistics
from genima.errors import InvalidParameter
from genima.policy import Policy

from .act_cases import SMALL, demonstration

CAMERAS, ROWS = 4, 6
DEVICE = torch.device("cpu")


def view(rows: int, seed: int) -> SphereView:
    chance = torch.Generator().manual_seed(seed)
    return SphereView(
        torch.randn(rows, CAMERAS, 4, 2, generator=chance),
        torch.randn(rows, CAMERAS, 4, generator=chance),
        torch.randn(rows, CAMERAS, 4, 3, generator=chance),
        torch.rand(rows, CAMERAS, 4, generator=chance) < 0.5,
    )


def told_of(spheres: SphereView) -> Told:
    rows = len(spheres.visible)
    return Told(
        spheres,
        torch.zeros(rows, 8),
        torch.zeros(rows, 20, 7),
        torch.zeros(rows, 20),
        torch.zeros(rows, 20, dtype=torch.bool),
    )


def read_of(truth: SphereView, depth_error: float, hidden_depth: float) -> AuxiliaryOutput:
    """Every visible sphere's depth wrong by the same, and the same reading where there is none."""
    depth = torch.where(truth.visible, truth.log_depth + depth_error, hidden_depth)
    logit = torch.where(truth.visible, 9.0, -9.0)
    return AuxiliaryOutput(truth.pixel, depth, truth.axis, logit)


def told_windows() -> ToldWindows:
    demonstrations = [demonstration(seed, 12) for seed in range(2)]
    normaliser = Normaliser(statistics(demonstrations, Policy(), SMALL), SMALL.actions)
    return ToldWindows(demonstrations, Policy(), SMALL, normaliser, seed=0)


def test_what_is_told_is_as_wrong_as_what_is_read() -> None:
    truth, spheres = view(16, 0), view(ROWS, 1)
    values = told_of(spheres).values(read_of(truth, 0.25, 7.0), truth)
    depth = values[..., 8:12]
    seen = spheres.visible
    assert torch.allclose(depth[seen], spheres.log_depth[seen] + 0.25)
    assert torch.allclose(values[..., :8].unflatten(-1, (4, 2))[seen], spheres.pixel[seen])


def test_what_cannot_be_seen_is_told_as_it_is_read() -> None:
    truth, spheres = view(16, 0), view(ROWS, 1)
    values = told_of(spheres).values(read_of(truth, 0.25, 7.0), truth)
    hidden = ~spheres.visible
    assert (values[..., 8:12][hidden] == 7.0).all()
    assert torch.equal(values[..., 24:] > 0.5, spheres.visible)


def test_what_no_window_of_the_batch_shows_is_told_exactly() -> None:
    truth, spheres = view(4, 0), view(ROWS, 1)
    truth = replace(truth, visible=torch.zeros_like(truth.visible))
    values = told_of(spheres).values(read_of(truth, 0.25, 7.0), truth)
    seen = spheres.visible
    assert torch.equal(values[..., 8:12][seen], spheres.log_depth[seen])
    assert torch.equal(values[..., 24:], torch.where(seen, 1.0, torch.sigmoid(torch.tensor(-9.0))))


def test_chance_follows_the_seed_of_torch() -> None:
    windows = told_windows()
    torch.manual_seed(5)
    first = windows.draw(8, DEVICE)
    torch.manual_seed(5)
    second = windows.draw(8, DEVICE)
    assert torch.equal(first.joints, second.joints)
    assert not torch.equal(first.joints, windows.draw(8, DEVICE).joints)


def test_told_windows_teach_the_first_guess_and_nothing_else() -> None:
    torch.manual_seed(0)
    network = Act(SMALL, 384)
    told = told_windows().draw(16, DEVICE)
    size = SMALL.source_size_px
    seen = ActInput(torch.randn(2, 4, 3, size, size), torch.randn(2, 8), torch.randn(2, 384))
    output = network(seen, spheres=view(2, 3), told=told)
    zeros = torch.zeros(2, 20)
    padded = torch.ones(2, 20, dtype=torch.bool)  # of what was looked at, nothing counts
    result = losses(output, output.joints.detach(), zeros, padded, None, told, SMALL)
    result.total.backward()
    assert float(result.told.detach()) > 0.0
    touched = {
        name.split(".")[0] + "." + name.split(".")[1]
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0.0
    }
    assert touched == {"readings.guess"}


def test_told_windows_without_readings_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="told is 16; without readings"):
        replace(SMALL, readings=False, glimpse_px=0)


def test_the_baseline_on_camera_images_is_told_nothing() -> None:
    assert looking_at(SMALL, Input.CAMERAS).told == 0
