# SPDX-License-Identifier: Apache-2.0
"""What a drawing network is to predict, and how far it is from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from jaxtyping import UInt8 as Bytes
from torch import Tensor
from torch.nn.functional import (
    adaptive_max_pool2d,
    cross_entropy,
    mse_loss,
)

from genima.decode.palette import Label
from genima.diffusion.config import Output, Target
from genima.diffusion.heads import change_target
from genima.diffusion.network import Conditioning, DrawNetwork, Prediction
from genima.diffusion.training.config import TrainConfig
from genima.diffusion.training.trainee import Taught


@dataclass(frozen=True, eq=False)
class Clean:
    """What a step should end with.

    Attributes:
        latent: Of the drawing, without noise.
        labels: `genima.decode.palette.Label` of its pixels.
    """

    latent: Float[Tensor, "b c h w"]
    labels: Bytes[Tensor, "b h w"]


def clean_of(
    network: DrawNetwork,
    target: Float[Tensor, "b 3 h w"],
    labels: Bytes[Tensor, "b h w"],
) -> Clean:
    """The clean latents of drawings.

    Args:
        network: Whose latents.
        target: The drawings, 0 to 1, as they are after augmentation.
        labels: Of their pixels.
    """
    with torch.no_grad():
        scaled = (2.0 * target - 1.0).to(network.vae.dtype)
        return Clean(network.encode(scaled).float(), labels)


@dataclass(frozen=True, eq=False)
class Moment:
    """How noisy some drawings are.

    Attributes:
        step: Time step of each.
        alpha: Share of the clean latent's power.
        noise: Of unit variance.
    """

    step: Int[Tensor, "b"]
    alpha: Float[Tensor, "b"]
    noise: Float[Tensor, "b c h w"]


def moment_of(
    clean: Clean, config: TrainConfig, scheduler: Any, chance: torch.Generator
) -> Moment:
    """Any time step, or the last one, which drawing begins with.

    What is left of the clean latent at the last step would tell a network that predicts it all
    that it is to find out, so there is none.
    """
    count, device = len(clean.latent), chance.device
    alphas = scheduler.alphas_cumprod.to(device)
    drawn = torch.randint(len(alphas), (count,), generator=chance, device=device)
    begins = torch.rand(count, generator=chance, device=device) < config.last_step_share
    step = torch.where(begins, len(alphas) - 1, drawn)
    alpha = alphas[step]
    if config.draw.target is Target.SAMPLE:
        alpha = torch.where(begins, 0.0, alpha)
    noise = torch.randn(clean.latent.shape, generator=chance, device=device)
    return Moment(step, alpha, noise)


def loss_of(
    network: Callable[..., Taught],
    conditioning: Conditioning,
    goals: Sequence[str],
    clean: Clean,
    moment: Moment,
    config: TrainConfig,
) -> dict[str, Tensor]:
    """Let the network see noisy drawings, and compare what it says.

    Args:
        network: A `Trainee`, perhaps wrapped for several processes.
        conditioning: What it is given.
        goals: What each drawing is of.
        clean: What it should end with.
        moment: How noisy it sees that.
        config: Weights.

    Returns:
        The loss by the name `loss`.
    """
    share = moment.alpha[:, None, None, None]
    noisy = share.sqrt() * clean.latent + (1.0 - share).sqrt() * moment.noise
    prediction = network(noisy, moment.step, conditioning, goals).prediction
    if config.draw.output is Output.PALETTE:
        return {"loss": _labels_loss(prediction, clean, config.foreground_weight)}
    predicted = prediction.target.float()
    wanted = change_target(clean.latent, noisy, moment.alpha, Target.SAMPLE, config.draw.target)
    if config.draw.output is Output.RESIDUAL:
        weight = _foreground(clean.labels, predicted.shape[-1], config.foreground_weight)
        return {"loss": (weight * (predicted - wanted).square()).mean() / weight.mean()}
    return {"loss": mse_loss(predicted, wanted)}


def _labels_loss(prediction: Prediction, clean: Clean, foreground: float) -> Tensor:
    scores = prediction.scores
    assert scores is not None  # of every model that draws labels
    weight = _foreground(clean.labels, scores.shape[-1], foreground)[:, 0]
    each = cross_entropy(scores.float(), clean.labels.long(), reduction="none")
    return (weight * each).sum() / weight.sum()


def _foreground(
    labels: Bytes[Tensor, "b h w"], side: int, weight: float
) -> Float[Tensor, "b 1 s s"]:
    """More weight where there is a sphere."""
    on_sphere = (labels != Label.OTHER).float()[:, None]
    return 1.0 + (weight - 1.0) * adaptive_max_pool2d(on_sphere, side)
