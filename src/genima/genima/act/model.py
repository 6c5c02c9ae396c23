# SPDX-License-Identifier: Apache-2.0
"""The network: images, joint positions and an instruction in, a chunk of actions out."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from genima.act.auxiliary import AuxiliaryHead, AuxiliaryOutput, SphereView
from genima.act.backbone import Backbone
from genima.act.config import ActConfig
from genima.act.glimpses import Glimpses
from genima.act.positions import sine_1d, sine_2d
from genima.act.readings import Readings
from genima.act.told import Told
from genima.act.transformer import Decoder, Encoder

#: Seven joint positions and the gripper.
STATE = 8
#: Latent variable, joint positions and instruction stand before the image tokens.
EXTRA_TOKENS = 3


@dataclass(frozen=True, eq=False)
class ActInput:
    """A batch of what the controller sees.

    Attributes:
        images: Views in the order of the configuration's cameras, normalised.
        state: Joint positions, normalised, and the gripper (1 open, 0 closed).
        language: Embedding of the instruction.
    """

    images: Float[Tensor, "b c 3 s s"]
    state: Float[Tensor, "b 8"]
    language: Float[Tensor, "b l"]


@dataclass(frozen=True, eq=False)
class Latent:
    """Mean and logarithm of the variance of the CVAE's posterior."""

    mean: Float[Tensor, "b z"]
    log_variance: Float[Tensor, "b z"]


@dataclass(frozen=True, eq=False)
class ActOutput:
    """A batch of chunks.

    Attributes:
        joints: Normalised joint actions of every step.
        gripper_logit: Above 0 for open.
        latent: Of the CVAE, where actions were given and it has one.
        auxiliary: What is read of the spheres in each view, where that is to be learned: by the
            auxiliary head, and by glimpses that practise.
        guess: The first guess of windows whose readings were told; None where there are none.
    """

    joints: Float[Tensor, "b k 7"]
    gripper_logit: Float[Tensor, "b k"]
    latent: Latent | None
    auxiliary: tuple[AuxiliaryOutput, ...]
    guess: Float[Tensor, "n k 8"] | None = None


class StyleEncoder(nn.Module):
    """The CVAE's encoder: what the demonstrator chose to do, from the actions themselves."""

    position: Tensor

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        self.summary = nn.Parameter(torch.randn(1, 1, config.hidden) * 0.02)
        self.state = nn.Linear(STATE, config.hidden)
        self.action = nn.Linear(STATE, config.hidden)
        self.encoder = Encoder(config)
        self.out = nn.Linear(config.hidden, 2 * config.latent)
        position = sine_1d(config.horizon_steps + 2, config.hidden)[None]
        self.register_buffer("position", position, persistent=False)

    def forward(
        self,
        state: Float[Tensor, "b 8"],
        actions: Float[Tensor, "b k 8"],
        padded: Bool[Tensor, "b k"],
    ) -> Latent:
        """Encode a chunk; padded steps are not looked at."""
        batch = len(state)
        tokens = [self.summary.expand(batch, -1, -1), self.state(state)[:, None]]
        x = torch.cat([*tokens, self.action(actions)], dim=1)
        absent = nn.functional.pad(padded, (2, 0), value=False)
        y = self.encoder(x, self.position.expand(batch, -1, -1), absent)[:, 0]
        return Latent(*self.out(y).chunk(2, dim=-1))


class Act(nn.Module):
    """Action chunking with transformers.

    Args:
        config: Architecture.
        language: Length of the instruction's embedding.

    Attributes:
        frozen_statistics: Whether the backbone's normalisation stays as its checkpoint has it.
    """

    grid: Tensor
    frozen_statistics: bool

    def __init__(self, config: ActConfig, language: int) -> None:
        super().__init__()
        self.frozen_statistics = False
        self._config = config
        hidden = config.hidden
        self.backbone = Backbone(config, language)
        self.project = nn.Conv2d(config.widths[-1], hidden, 1)
        self.language = nn.Linear(language, hidden)
        self.state = nn.Sequential(
            nn.Linear(STATE, hidden), nn.Dropout(config.proprio_dropout), nn.Linear(hidden, hidden)
        )
        self.latent = nn.Linear(config.latent, hidden) if config.latent else None
        self.style = StyleEncoder(config) if config.latent else None
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.action = nn.Linear(hidden, STATE)
        side = config.tokens_a_side
        cameras = len(config.cameras)
        self.extra_position = nn.Parameter(torch.randn(EXTRA_TOKENS, hidden) * 0.02)
        self.camera_position = (
            nn.Parameter(torch.randn(cameras, 1, hidden) * 0.02)
            if config.camera_embedding
            else None
        )
        grid = sine_2d(side, side, hidden).flatten(0, 1)
        self.register_buffer("grid", grid.expand(cameras, -1, -1), persistent=False)
        self.auxiliary = (
            AuxiliaryHead(config.widths[-1], side, cameras) if config.auxiliary_weight else None
        )
        self.glimpses = Glimpses(config.glimpse_px, cameras) if config.glimpse_px else None
        self.readings = Readings(config, STATE) if config.readings else None

    def forward(
        self,
        observed: ActInput,
        actions: Float[Tensor, "b k 8"] | None = None,
        padded: Bool[Tensor, "b k"] | None = None,
        spheres: SphereView | None = None,
        told: Told | None = None,
    ) -> ActOutput:
        """Predict chunks.

        Args:
            observed: What is seen.
            actions: The demonstrated chunk, in training, for the CVAE; without it z is zero.
            padded: Its steps that lie behind the end of the demonstration.
            spheres: What is drawn, in training, for glimpses to practise.
            told: Further windows, in training, for what makes a first guess of readings.
        """
        batch = len(observed.images)
        language = self.language(observed.language)
        features = self._features(observed)  # b c d h w
        auxiliary = self._read(features)
        views = self.project(features.flatten(0, 1)).flatten(2).transpose(1, 2)
        views = views.reshape(batch, -1, views.shape[-1])  # b (c tokens) d
        latent = None
        if self.style is not None and actions is not None and padded is not None:
            latent = self.style(observed.state, actions, padded)
        extra = [self._latent_token(latent, language), self.state(observed.state), language]
        tokens = [torch.stack(extra, dim=1), views]
        guess: Tensor | float = 0.0
        guess_of_told = None
        if self.readings is not None:
            read = auxiliary[0]
            if self.glimpses is not None:
                read = self.glimpses(observed.images, read)
            token, guess = self.readings(read.values(), observed.state)
            tokens.append(token)
            if told is not None and spheres is not None:
                guess_of_told = self.readings.first_guess(told.values(read, spheres), told.state)
        if self.glimpses is not None and spheres is not None:
            auxiliary += (self.glimpses.practise(observed.images, spheres),)
        position = self._positions().expand(batch, -1, -1)
        memory = self.encoder(torch.cat(tokens, dim=1), position)
        chunk = self.action(self.decoder(memory, position)) + guess
        return ActOutput(chunk[..., :7], chunk[..., 7], latent, auxiliary, guess_of_told)

    def train(self, mode: bool = True) -> "Act":
        """As every module's; statistics of an ImageNet backbone stay frozen."""
        super().train(mode)
        if self.frozen_statistics:
            self.backbone.freeze_statistics()
        return self

    def _features(self, observed: ActInput) -> Float[Tensor, "b c d h w"]:
        """What the backbone makes of the views."""
        batch, cameras = observed.images.shape[:2]
        images = observed.images.flatten(0, 1)
        if self.glimpses is not None:
            images = nn.functional.avg_pool2d(images, 2)
        condition = observed.language.repeat_interleave(cameras, dim=0)
        return self.backbone(images, condition).unflatten(0, (batch, cameras))

    def _read(self, features: Float[Tensor, "b c d h w"]) -> tuple[AuxiliaryOutput, ...]:
        """What the auxiliary head reads; nothing if nobody asks."""
        if self.auxiliary is None or not (self.training or self.readings is not None):
            return ()
        return (self.auxiliary(features),)

    def _latent_token(
        self, latent: Latent | None, like: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d"]:
        if self.latent is None:
            return torch.zeros_like(like)
        if latent is None:
            return self.latent(like.new_zeros(len(like), self._config.latent))
        noise = torch.randn_like(latent.mean)
        return self.latent(latent.mean + (0.5 * latent.log_variance).exp() * noise)

    def _positions(self) -> Float[Tensor, "1 n d"]:
        grid = self.grid if self.camera_position is None else self.grid + self.camera_position
        parts = [self.extra_position, grid.flatten(0, 1)]
        if self.readings is not None:
            parts.append(self.readings.position)
        return torch.cat(parts)[None]


def channels_last(network: Act) -> Act:
    """The network with its kernels in an order in which convolutions are a sixth faster."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def is_used(name: str, config: ActConfig) -> bool:
    """Whether a parameter is needed for predicting, or serves training alone."""
    return config.readings or not name.startswith("auxiliary.")
