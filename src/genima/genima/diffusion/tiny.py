# SPDX-License-Identifier: Apache-2.0
"""Models small enough for two CPU cores, with random weights: the start of `genima-tiny`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diffusers import ControlNetModel, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from genima.decode.palette import Label
from genima.diffusion.config import STATE_SIZE, DrawConfig, Guide, Output, Present, Target
from genima.diffusion.ground import CHANNELS as GROUND_CHANNELS
from genima.diffusion.models import DrawModels
from genima.diffusion.motion_head import CHANNELS, MotionHead
from genima.diffusion.network import DrawNetwork
from genima.diffusion.patch_vae import PatchVAE
from genima.diffusion.places import PLACES
from genima.diffusion.prompt import TextEncoders
from genima.diffusion.vocabulary import make_tokenizer
from genima.diffusion.witness import Witness
from genima.policy import Policy


@dataclass(frozen=True)
class TinySize:
    """How big the networks are.

    Attributes:
        patch_px: Side of the squares that make a latent pixel [px].
        channels: Of each level of the UNet, each at half the resolution of the one before.
        attention_levels: How many of the coarsest levels have attention.
        layers: Residual blocks of each level.
        embedding_channels: Of the ControlNet's convolutions over the pictures, one for each
            halving down to latents and one before; unused without a ControlNet.
        unshuffle_px: Side of the squares of pixels that these convolutions take as channels [px];
            each doubling makes one halving less.
        text_width: Of the text encoder.
        text_layers: Of the text encoder.
    """

    patch_px: int = 8
    channels: tuple[int, ...] = (64, 96, 128, 160)
    attention_levels: int = 1
    layers: int = 1
    embedding_channels: tuple[int, ...] = (16, 32, 64, 96)
    unshuffle_px: int = 1
    text_width: int = 128
    text_layers: int = 2


def palette_config(policy: Policy, **changes: Any) -> DrawConfig:
    """Of a small model that colours pixels: palette colours, present spheres, one step.

    `genima-tiny` is another one, see the preset `tiny` of the training.
    """
    chosen: dict[str, Any] = {
        "guide": Guide.CONCAT,
        "output": Output.PALETTE,
        "target": Target.SAMPLE,
        "present": Present.LAYER,
        "steps": 1,
    }
    return DrawConfig(policy=policy, **(chosen | changes))


def build_tiny(
    config: DrawConfig, prompts: Sequence[str], size: TinySize | None = None
) -> DrawModels:
    """A model with random weights from torch's generator.

    Args:
        config: How it is put together.
        prompts: All prompts of its training: their words become tokens.
        size: How big it is.
    """
    size = size or TinySize()
    moves = config.output is Output.SPHERES
    vae = PatchVAE.of(size.patch_px, CHANNELS if moves else 0)
    latent = vae.config.latent_channels
    taken = GROUND_CHANNELS if moves else latent
    outputs = PLACES if moves else latent
    if config.output is Output.PALETTE:
        outputs = len(Label) * size.patch_px**2
    beside = latent * config.pictures if config.guide is Guide.CONCAT else 0
    controlnet = None
    common = _common(config, size)
    if config.guide is Guide.CONTROLNET:
        controlnet = ControlNetModel(
            in_channels=taken,
            conditioning_channels=3 * config.pictures * size.unshuffle_px**2,
            conditioning_embedding_out_channels=size.embedding_channels,
            **common,
        )
    unet = UNet2DConditionModel(
        in_channels=taken + beside,
        out_channels=outputs,
        sample_size=config.side_px // size.patch_px,
        up_block_types=_blocks("CrossAttnUpBlock2D", "UpBlock2D", size)[::-1],
        **common,
    )
    tokenizer = make_tokenizer(prompts)
    encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=size.text_width,
            intermediate_size=4 * size.text_width,
            num_hidden_layers=size.text_layers,
            num_attention_heads=4,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    return DrawModels(
        config,
        DrawNetwork(
            config,
            unet,
            controlnet,
            vae,
            Witness() if moves else None,
            MotionHead(size.text_width) if moves else None,
        ),
        TextEncoders([tokenizer], [encoder], config.side_px),
        make_scheduler(config.target),
    )


def make_scheduler(target: Target) -> EulerDiscreteScheduler:
    """SD-Turbo's scheduler for what a network predicts."""
    return EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=target.value,
        timestep_spacing="trailing",
        steps_offset=1,
    )


def _common(config: DrawConfig, size: TinySize) -> dict[str, Any]:
    """What UNet and ControlNet must agree in."""
    state = {
        "class_embed_type": "projection" if config.state else None,
        "projection_class_embeddings_input_dim": STATE_SIZE if config.state else None,
    }
    return state | {
        # State and task decide what any part of the picture means, so they scale all of it.
        "resnet_time_scale_shift": "scale_shift",
        "addition_embed_type": "text",
        "addition_embed_type_num_heads": 4,
        "down_block_types": _blocks("CrossAttnDownBlock2D", "DownBlock2D", size),
        "block_out_channels": size.channels,
        "layers_per_block": size.layers,
        "cross_attention_dim": size.text_width,
        "norm_num_groups": min(16, size.channels[0] // 2),
        "attention_head_dim": 4,  # diffusers takes it for the number of heads
    }


def _blocks(attending: str, plain: str, size: TinySize) -> tuple[str, ...]:
    """Names of the blocks, finest first."""
    plain_levels = len(size.channels) - size.attention_levels
    return (plain,) * plain_levels + (attending,) * size.attention_levels
