# SPDX-License-Identifier: Apache-2.0
"""The model that a training begins with, and which of its parts are trained."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel
from torch import nn

from genima.arrays import Array, Float
from genima.data.demonstration import Demonstration
from genima.data.targets import Windows
from genima.diffusion.config import Guide, to_json
from genima.diffusion.models import CONFIG, DrawModels, load_models
from genima.diffusion.network import DrawNetwork
from genima.diffusion.tiny import build_tiny
from genima.diffusion.training.config import Learned, TrainConfig
from genima.errors import InvalidParameter
from genima.files import json_bytes
from genima.policy import Policy

#: What `--base` says of a model from scratch.
TINY = "tiny"
#: Of the convolutions over the pictures, as in all ControlNets of Stable Diffusion.
_EMBEDDING_CHANNELS = (16, 32, 96, 256)
#: A joint that hardly moves in the data is not blown up beyond measure [rad].
_LEAST_SPREAD_RAD = 0.02


def begin(base: str, config: TrainConfig, prompts: Sequence[str], seed: int) -> DrawModels:
    """The untrained model.

    Args:
        base: `tiny`, or folder or hub name of a model such as SD-Turbo.
        config: What is trained.
        prompts: All prompts of the training.
        seed: Of random weights.

    Raises:
        PolicyError: The base cannot be had.
        InvalidParameter: Base and configuration do not fit.
    """
    torch.manual_seed(seed)
    if (base == TINY) != (config.learned is Learned.ALL):
        raise InvalidParameter(
            f"base is {base!r}, which does not fit what is to be trained "
            f"({config.learned.value}); a model from scratch is kind 'tiny' with base 'tiny'"
        )
    if base == TINY:
        models = build_tiny(config.draw, prompts, config.size)
        _open(models.network.controlnet)
        # The first answer of all is that nothing is known.
        nn.init.zeros_(models.network.unet.conv_out.weight)
        nn.init.zeros_(models.network.unet.conv_out.bias)
        return models
    models = _load(base, config)
    unet: Any = models.network.unet
    if config.draw.guide is Guide.CONTROLNET:
        halvings = models.network.latent_px.bit_length() - 1
        controlnet = ControlNetModel.from_unet(
            unet,
            conditioning_channels=3 * config.draw.pictures,
            conditioning_embedding_out_channels=_EMBEDDING_CHANNELS[: halvings + 1],
        )
        network = DrawNetwork(models.config, unet, controlnet, models.network.vae)
    else:
        _widen(unet, (1 + config.draw.pictures) * unet.config.in_channels)
        network = DrawNetwork(models.config, unet, None, models.network.vae)
    return replace(models, network=network)


def fitted(
    config: TrainConfig, policy: Policy, demonstrations: Sequence[Demonstration]
) -> TrainConfig:
    """The configuration for training data: its positions, its targets, its instructions."""
    windows = [window for one in demonstrations for window in Windows(one, policy)]
    q = np.stack([window.q for window in windows])
    spread = q.std(axis=0).clip(min=_LEAST_SPREAD_RAD)
    farthest = np.max([np.abs(window.q_target - window.q) for window in windows], axis=0)
    goals = sorted({goal for one in demonstrations for goal in one.descriptions})
    draw = replace(
        config.draw,
        policy=policy,
        q_mean=_rounded(q.mean(axis=0)),
        q_spread=_rounded(spread),
        farthest_rad=_rounded(farthest),
        goals=tuple(goals) if config.learned is Learned.ALL else (),
    )
    return replace(config, draw=draw)


def _rounded(values: Float[Array, "7"]) -> tuple[float, ...]:
    return tuple(round(float(x), 4) for x in values)


def trained_part(models: DrawModels, config: TrainConfig) -> nn.Module:
    """The part whose weights change; all others are frozen."""
    models.network.requires_grad_(False)
    models.text.requires_grad_(False)
    parts: dict[str, nn.Module] = {}
    if config.learned is not Learned.CONTROLNET:
        parts["unet"] = models.network.unet
    if models.network.controlnet is not None:
        parts["controlnet"] = models.network.controlnet
    if models.network.witness is not None:
        parts["witness"] = models.network.witness
    if models.network.motion is not None:
        parts["motion"] = models.network.motion
    if config.learned is Learned.ALL:
        parts["text"] = models.text
    trained = nn.ModuleDict(parts)
    return trained.requires_grad_(True).float()


def saved_parts(config: TrainConfig) -> tuple[str, ...]:
    """The folders that a checkpoint holds; the others are the base's."""
    return {Learned.CONTROLNET: ("controlnet",), Learned.UNET: ("unet",)}.get(config.learned, ())


def _load(base: str, config: TrainConfig) -> DrawModels:
    """A base without a ControlNet."""
    named = str(Path(base).resolve()) if Path(base).is_dir() else base
    draw = replace(config.draw, base=named)
    with TemporaryDirectory() as folder:
        alone = replace(draw, guide=Guide.CONCAT)
        (Path(folder) / CONFIG).write_bytes(json_bytes(to_json(alone)))
        return replace(load_models(Path(folder)), config=draw)


def _widen(unet: Any, channels: int) -> None:
    """Let the UNet take more channels, which it does not look at yet."""
    old = unet.conv_in
    new: Any = nn.Conv2d(channels, old.out_channels, old.kernel_size, padding=old.padding)
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, : old.in_channels] = old.weight
        new.bias.copy_(old.bias)
    unet.conv_in = new
    unet.register_to_config(in_channels=channels)


def _open(controlnet: Any) -> None:
    """Let a ControlNet be heard from the first step: there is no base to be careful with."""
    if controlnet is None:
        return
    outlets = [*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block]
    for layer in (*outlets, controlnet.controlnet_cond_embedding.conv_out):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
