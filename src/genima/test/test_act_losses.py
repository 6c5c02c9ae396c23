# SPDX-License-Identifier: Apache-2.0
"""What the controller's training minimises."""

from dataclasses import replace

import pytest
import torch

from genima.act.auxiliary import AuxiliaryOutput, SphereView
from genima.act.losses import losses
from genima.act.model import ActOutput, Latent

from .act_cases import SMALL

PADDED = torch.tensor([[False, False, True]])


def output(joints: torch.Tensor, logit: torch.Tensor, latent: Latent | None = None) -> ActOutput:
    return ActOutput(joints, logit, latent, None)


def test_padded_steps_do_not_count() -> None:
    truth = torch.zeros(1, 3, 7)
    wrong = torch.zeros(1, 3, 7)
    wrong[:, 2] = 100.0
    logit = torch.tensor([[50.0, -50.0, -50.0]])
    result = losses(
        output(wrong, logit), truth, torch.tensor([[1.0, 0.0, 1.0]]), PADDED, None, None, SMALL
    )
    assert float(result.joints) == 0.0
    assert float(result.gripper) == pytest.approx(0.0, abs=1e-6)


def test_joint_error_is_the_mean_of_what_counts() -> None:
    predicted = torch.zeros(1, 3, 7)
    predicted[0, 0] = 1.0
    result = losses(
        output(predicted, torch.zeros(1, 3)),
        torch.zeros(1, 3, 7),
        torch.ones(1, 3),
        PADDED,
        None,
        None,
        SMALL,
    )
    assert float(result.joints) == pytest.approx(0.5)


def test_kl_is_zero_for_a_unit_normal_and_grows_with_its_mean() -> None:
    config = replace(SMALL, kl_weight=2.0)

    def kl(mean: float) -> tuple[float, float]:
        latent = Latent(torch.full((1, 4), mean), torch.zeros(1, 4))
        result = losses(
            output(torch.zeros(1, 3, 7), torch.zeros(1, 3), latent),
            torch.zeros(1, 3, 7),
            torch.ones(1, 3),
            PADDED,
            None,
            None,
            config,
        )
        return float(result.kl), float(result.total)

    assert kl(0.0)[0] == pytest.approx(0.0)
    assert kl(1.0)[0] == pytest.approx(2.0)  # half for each of four dimensions
    assert kl(1.0)[1] - kl(0.0)[1] == pytest.approx(4.0)


def test_auxiliary_head_is_judged_by_visible_spheres_only() -> None:
    visible = torch.tensor([[[True, False, False, False]]])
    truth = SphereView(
        torch.zeros(1, 1, 4, 2), torch.zeros(1, 1, 4), torch.zeros(1, 1, 4, 3), visible
    )
    wrong = torch.zeros(1, 1, 4, 2)
    wrong[..., 1:, :] = 9.0
    logit = torch.where(visible, 50.0, -50.0)
    head = AuxiliaryOutput(wrong, torch.zeros(1, 1, 4), torch.zeros(1, 1, 4, 3), logit)
    assert float(head.loss(truth)) == pytest.approx(0.0, abs=1e-6)
    wrong[..., 0, :] = 1.0
    assert float(head.loss(truth)) == pytest.approx(1.0)
