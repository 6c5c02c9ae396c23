# SPDX-License-Identifier: Apache-2.0
"""Every number of a training in one place. "Table 3" is that of the GENIMA paper."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from genima.diffusion.config import DrawConfig, Guide, Output, Target
from genima.diffusion.tiny import TinySize
from genima.errors import InvalidParameter
from genima.plain_values import plain


class Learned(Enum):
    """Which parts are trained."""

    CONTROLNET = "controlnet"  # the base stays as it is, as in the paper
    UNET = "unet"  # instruct-pix2pix
    ALL = "all"  # UNet, ControlNet and text encoder, for a model without a base


class Precision(Enum):
    """In which numbers the networks compute; the names are accelerate's."""

    FLOAT32 = "no"
    BFLOAT16 = "bf16"
    FLOAT16 = "fp16"


@dataclass(frozen=True)
class TrainConfig:
    """Model, loss, augmentation and optimisation. The defaults are the paper's.

    Attributes:
        draw: How the model is put together; its policy is set by the training.
        size: Of the networks, for a model from scratch alone.
        learned: Which parts are trained.
        batch_size: Drawings a step, over all processes and accumulated parts (Table 3: 24).
        accumulate: Parts that a batch is computed in, one after the other.
        learning_rate: Table 3: 1e-5.
        weight_decay: Table 3: 1e-2.
        warmup_steps: Steps until the learning rate is reached (Table 3: 500).
        cosine: Let the learning rate fall to zero along a cosine (Table 3: constant).
        clip_norm: Largest norm of the gradient; 0 for none (the original's code: 1).
        ema_decay: Of the averaged weights, which are the ones kept.
        steps: Length of the training in optimiser steps.
        precision: In which numbers the networks compute.
        gradient_checkpointing: Compute activations twice to need less memory.
        adam_8bit: Keep the optimiser's state in 8 bits, where bitsandbytes is installed.
        colour_jitter: Largest change of brightness and contrast, of the input alone; saturation
            changes by half and hue by a quarter of it (the original's code: 0.2).
        crop_padding_px: Largest shift of input and target alike (the original's code: 2).
        last_step_share: Share of samples that are pure noise, as the first step of drawing has it.
        foreground_weight: Of pixels on spheres relative to others; 1 for no difference. For
            `Output.PALETTE` and `Output.RESIDUAL`.
        every: Of how many steps the images of one are looked at: neighbours are much alike, and
            reading files can take longer than learning from them.
        told_steps: Of how many steps without images a batch learns to move; for `Output.SPHERES`,
            as all that follows but the last.
        motion_weight: Of the motion of joints relative to the places that they are to go to.
        gripper_weight: Of the gripper's state, likewise.
        moving_weight: How often steps that move the arm are told, relative to those that hardly
            do.
        place_error_m: Largest standard deviation of the places that are told.
        witness_weight: Of what the witness says; it has weights of its own, so that this decides
            nothing but its share of the gradient's norm.
        camera_jitter: Largest turn [rad] and zoom, and twice the largest shift in sides of the
            image, of each view, told as another camera.
        start_jitter_rad: Largest error of the present joint positions that the model is told
            (uniform up to it); what the cameras show stays.
    """

    draw: DrawConfig = field(default_factory=DrawConfig)
    size: TinySize = field(default_factory=TinySize)
    learned: Learned = Learned.CONTROLNET
    batch_size: int = 24
    accumulate: int = 1
    learning_rate: float = 1e-5
    weight_decay: float = 1e-2
    warmup_steps: int = 500
    cosine: bool = False
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    steps: int = 100_000
    precision: Precision = Precision.BFLOAT16
    gradient_checkpointing: bool = False
    adam_8bit: bool = False
    colour_jitter: float = 0.2
    crop_padding_px: int = 2
    last_step_share: float = 0.0
    foreground_weight: float = 10.0
    every: int = 1
    told_steps: int = 2048
    motion_weight: float = 5.0
    gripper_weight: float = 1.0
    moving_weight: float = 3.0
    place_error_m: float = 0.015
    witness_weight: float = 0.1
    camera_jitter: float = 0.0
    start_jitter_rad: float = 0.0

    def __post_init__(self) -> None:
        if min(self.batch_size, self.accumulate, self.steps, self.every) < 1:
            raise InvalidParameter(
                f"batch_size {self.batch_size}, accumulate {self.accumulate}, steps {self.steps} "
                f"and every {self.every} must be 1 or more"
            )
        if self.draw.output is Output.SPHERES and self.precision is not Precision.FLOAT32:
            raise InvalidParameter(
                f"output 'spheres' counts in millimetres, precision {self.precision.value!r} does "
                "not; give 'no'"
            )
        if self.batch_size % self.accumulate:
            raise InvalidParameter(
                f"batch_size {self.batch_size} is no multiple of accumulate {self.accumulate}"
            )


#: Presets by name: what is trained and how. `tiny` fits a CPU core.
PRESETS: Mapping[str, TrainConfig] = {
    "controlnet": TrainConfig(),
    "pix2pix": TrainConfig(
        draw=DrawConfig(guide=Guide.CONCAT), learned=Learned.UNET, learning_rate=1e-4
    ),
    "tiny": TrainConfig(
        draw=DrawConfig(
            cell_px=128,
            output=Output.SPHERES,
            target=Target.SAMPLE,
            state=True,
            steps=1,
        ),
        size=TinySize(
            patch_px=4,
            channels=(16, 48, 64, 96),
            attention_levels=1,
            embedding_channels=(32,),
            unshuffle_px=4,
            text_width=64,
        ),
        learned=Learned.ALL,
        precision=Precision.FLOAT32,
        batch_size=16,
        learning_rate=1e-3,
        warmup_steps=100,
        cosine=True,
        ema_decay=0.998,
        steps=4_000,
        crop_padding_px=0,
        every=4,
        camera_jitter=0.08,
        start_jitter_rad=0.05,
    ),
}


def preset(name: str) -> TrainConfig:
    """A preset.

    Raises:
        InvalidParameter: There is none of that name.
    """
    if name not in PRESETS:
        raise InvalidParameter(f"kind: got {name!r}; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name]


def to_json(config: TrainConfig) -> dict[str, Any]:
    """The configuration as values that JSON can hold, but for the model's own."""
    return {name: value for name, value in plain(config).items() if name != "draw"}


def changed(config: TrainConfig, **changes: Any) -> TrainConfig:
    """Other numbers where some are given; 0 and None leave what is there."""
    return replace(config, **{name: value for name, value in changes.items() if value})
