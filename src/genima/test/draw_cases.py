# SPDX-License-Identifier: Apache-2.0
"""Drawing models of every kind with random weights, small enough for tests.

The architectures are those of SD-Turbo and SDXL-Turbo, with narrow networks.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    EulerAncestralDiscreteScheduler,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from genima.diffusion.config import DrawConfig, Guide, Output, Target
from genima.diffusion.models import DrawModels
from genima.diffusion.network import DrawNetwork
from genima.diffusion.prompt import TextEncoders
from genima.diffusion.tiny import TinySize, build_tiny, make_scheduler, palette_config
from genima.diffusion.vocabulary import make_tokenizer
from genima.policy import Policy

POLICY = Policy(image_size_px=32)
GOALS = ("push the maroon button", "take the lid off the saucepan")
PROMPTS = tuple(POLICY.prompt(goal) for goal in GOALS)
#: Small networks for tiles of 64 px.
SIZE = TinySize(
    patch_px=4,
    channels=(32, 32),
    embedding_channels=(8, 16, 16),
    text_width=32,
    text_layers=1,
)
_TEXT_WIDTH, _POOLED = 32, 24


def tiny_palette(**changes: Any) -> DrawModels:
    """A small model that colours pixels."""
    torch.manual_seed(0)
    config = palette_config(POLICY, **({"cell_px": 32} | changes))
    models = build_tiny(config, PROMPTS, SIZE)
    _stir(models.network.eval())
    return models


def tiny_controlnet(**changes: Any) -> DrawModels:
    """The same with a ControlNet, predicting what to add to the camera images."""
    return tiny_palette(guide=Guide.CONTROLNET, output=Output.RESIDUAL, state=True, **changes)


def sd_turbo(**changes: Any) -> DrawModels:
    """SD-Turbo with a ControlNet."""
    config = DrawConfig(POLICY, **({"cell_px": 32, "steps": 3} | changes))
    return _stable_diffusion(config, xl=False)


def sdxl_turbo() -> DrawModels:
    """SDXL-Turbo with a ControlNet and its own scheduler."""
    models = _stable_diffusion(DrawConfig(POLICY, cell_px=32, steps=3), xl=True)
    scheduler = EulerAncestralDiscreteScheduler.from_config(models.scheduler.config)
    return replace(models, scheduler=scheduler)


def tiny_spheres() -> DrawModels:
    """A model of the shipped kind: with a ControlNet, saying how far the joints move."""
    return tiny_palette(guide=Guide.CONTROLNET, output=Output.SPHERES, state=True)


def pix2pix() -> DrawModels:
    """SD-Turbo with the camera images' latents beside its own."""
    config = DrawConfig(POLICY, cell_px=32, steps=3, guide=Guide.CONCAT)
    return _stable_diffusion(config, xl=False)


KINDS: dict[str, Callable[[], DrawModels]] = {
    "sd-turbo": sd_turbo,
    "sdxl-turbo": sdxl_turbo,
    "pix2pix": pix2pix,
    "tiny palette": tiny_palette,
    "tiny residual": tiny_controlnet,
    "genima-tiny": tiny_spheres,
}


def _stable_diffusion(config: DrawConfig, xl: bool) -> DrawModels:
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(16, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
        latent_channels=4,
        scaling_factor=0.18215,
    )
    common = _common(xl)
    controlnet = None
    if config.guide is Guide.CONTROLNET:
        controlnet = ControlNetModel(
            conditioning_channels=3 * config.pictures,
            conditioning_embedding_out_channels=(8, 16),
            **common,
        )
    unet = UNet2DConditionModel(
        in_channels=4 if controlnet is not None else 4 + 4 * config.pictures,
        out_channels=4,
        sample_size=config.side_px // 2,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **common,
    )
    network = DrawNetwork(config, unet, controlnet, vae)
    _stir(network)
    tokenizer = make_tokenizer(PROMPTS)
    encoders: list[nn.Module] = [CLIPTextModel(_text(tokenizer))]
    if xl:
        encoders.append(CLIPTextModelWithProjection(_text(tokenizer)))
    text = TextEncoders([tokenizer] * len(encoders), encoders, config.side_px)
    return DrawModels(config, network.eval(), text.eval(), make_scheduler(Target.EPSILON))


def _common(xl: bool) -> dict[str, Any]:
    plain = {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "cross_attention_dim": _TEXT_WIDTH * (2 if xl else 1),
        "norm_num_groups": 8,
        "attention_head_dim": 2,
        "use_linear_projection": True,
    }
    if not xl:
        return plain
    # SDXL is told image sizes and the pooled embedding: six sizes of 8 numbers each, and that.
    return plain | {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + _POOLED,
    }


def _text(tokenizer: Any) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=_TEXT_WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=_POOLED,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _stir(network: nn.Module) -> None:
    """Give layers that begin at zero, as all of a ControlNet's outputs do, something to say."""
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
