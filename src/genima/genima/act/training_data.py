# SPDX-License-Identifier: Apache-2.0
"""The windows that a controller is trained with and those it is judged by."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genima.act.config import ActConfig, Actions, Input
from genima.act.glimpses import MARGIN
from genima.act.normalisation import Statistics
from genima.act.samples import AugmentedWindows, Batch, collate, describe
from genima.act.variation import Variation, labelled
from genima.data.demonstration import Demonstration
from genima.data.targets import Window, Windows
from genima.data.targets_torch import (
    ControllerWindows,
    ObservedWindows,
    RandomBackgroundTargets,
    Vary,
)
from genima.data.textures import TextureBank
from genima.policy import Policy

#: Every this-many-th window is validated, at most.
_VALIDATED_WINDOWS = 400
#: Start offset of the validation that tells whether the network reads the spheres [rad].
JITTER_RAD = 0.1
_JITTER_SEED, _CLEAN_SEED = 41, 40


def glimpse_reach(
    demonstration: Demonstration, policy: Policy, config: ActConfig
) -> Float[Tensor, "c"]:
    """How large glimpses must be in each camera; see `genima.act.glimpses`."""
    radii = torch.tensor([policy.sphere_radii_m[name] for name in config.cameras])
    return MARGIN * focal_lengths(demonstration, config)[:, 0] * radii


def focal_lengths(demonstration: Demonstration, config: ActConfig) -> Float[Tensor, "c 2"]:
    """Of each camera along x and y, in halves of its image."""
    lenses = [demonstration.rig.cameras[name].intrinsics for name in config.cameras]
    return torch.tensor(
        [[2.0 * lens.fx / lens.width, 2.0 * lens.fy / lens.height] for lens in lenses]
    )


def statistics(
    demonstrations: Sequence[Demonstration], policy: Policy, config: ActConfig
) -> Statistics:
    """Of the states and actions of the demonstrated windows."""
    states, actions = [], []
    for demonstration in demonstrations:
        for window in Windows(demonstration, policy):
            window = labelled(window, config.hold_steps)
            chunk = window.q_chunk[~window.padded]
            states.append(window.q)
            actions.append(chunk - window.q if config.actions is not Actions.ABSOLUTE else chunk)
    return Statistics.of(np.stack(states), np.concatenate(actions))


def training_windows(
    demonstrations: Sequence[Demonstration],
    policy: Policy,
    config: ActConfig,
    bank: TextureBank,
    seed: int,
) -> AugmentedWindows:
    """Varied windows with augmented images."""
    vary = Variation(config, policy.step_s)
    windows = _samples(demonstrations, policy, config, bank, seed, vary)
    return AugmentedWindows(windows, config, seed)


def held_out_batches(
    demonstrations: Sequence[Demonstration],
    policy: Policy,
    config: ActConfig,
    bank: TextureBank,
    jittered: bool,
) -> Iterator[Batch]:
    """Windows of held-out demonstrations, the same ones each time."""
    seed, vary = (_JITTER_SEED, _jittered) if jittered else (_CLEAN_SEED, _clean)
    vary = partial(vary, hold_steps=config.hold_steps)
    samples = _samples(demonstrations, policy, config, bank, seed, vary)
    stride = max(1, len(samples) // _VALIDATED_WINDOWS)
    indices = list(range(0, len(samples), stride))
    size = config.batch_size
    for first in range(0, len(indices), size):
        yield collate([samples[index] for index in indices[first : first + size]])


def _samples(
    demonstrations: Sequence[Demonstration],
    policy: Policy,
    config: ActConfig,
    bank: TextureBank,
    seed: int,
    vary: Vary,
) -> ControllerWindows:
    truth = partial(describe, radii_m=dict(policy.sphere_radii_m))
    if config.input is Input.SPHERES:
        return RandomBackgroundTargets(
            demonstrations, policy, bank, seed, vary, truth, config.source_size_px
        )
    spheres = config.input is Input.FULL_CONTEXT
    return ObservedWindows(
        demonstrations, policy, spheres, seed, vary, truth, config.source_size_px
    )


def _clean(window: Window, rng: np.random.Generator, hold_steps: int) -> Window:
    return labelled(window, hold_steps)


def _jittered(window: Window, rng: np.random.Generator, hold_steps: int) -> Window:
    """From another start; only the end of the chunk is then what was demonstrated."""
    window = labelled(window, hold_steps)
    offset = rng.uniform(-JITTER_RAD, JITTER_RAD, 7)
    return replace(window, q=window.q + offset)
