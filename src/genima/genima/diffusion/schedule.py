# SPDX-License-Identifier: Apache-2.0
"""A scheduler's steps as constants, found by asking the scheduler itself.

A step of a single-step scheduler is linear: keep * sample + add * predicted + fresh * noise. Its
numbers can be read off once, and drawing needs no more of it: nothing to look up, and nothing to
wait for on the device.
"""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genima.diffusion.config import Target
from genima.errors import PolicyError

_TOLERANCE = 1e-4
_SHAPE = (1, 4, 8, 8)


@dataclass(frozen=True)
class Step:
    """One denoising step.

    Attributes:
        timestep: As the network is told it.
        scale: What the sample is multiplied with for the network.
        alpha: Share of the clean latent's power in what the network sees.
        keep: Factor of the sample.
        add: Factor of what was predicted.
        fresh: Factor of new noise.
    """

    timestep: float
    scale: float
    alpha: float
    keep: float
    add: float
    fresh: float


@dataclass(frozen=True)
class Schedule:
    """All steps of one drawing.

    Attributes:
        steps: In their order.
        start: What the first noise is multiplied with.
        target: What the scheduler takes as predicted.
    """

    steps: tuple[Step, ...]
    start: float
    target: Target


def schedule_of(scheduler: Any, count: int) -> Schedule:
    """The constants of `count` steps.

    Args:
        scheduler: Of diffusers; it is left as it is.
        count: How many steps.

    Raises:
        PolicyError: The scheduler cannot take so many steps, or they are not linear.
    """
    name = type(scheduler).__name__
    try:
        schedule = _read(scheduler, count)
        error = _error(scheduler, schedule)
    except (NotImplementedError, ValueError, IndexError, TypeError, AttributeError) as cause:
        raise PolicyError(
            f"scheduler: {name} cannot take {count} steps: {cause}; use EulerDiscreteScheduler "
            "or EulerAncestralDiscreteScheduler"
        ) from cause
    if not error < _TOLERANCE:
        raise PolicyError(
            f"scheduler: a step of {name} depends on more than sample, prediction and noise; use "
            "EulerDiscreteScheduler or EulerAncestralDiscreteScheduler"
        )
    return schedule


def _read(scheduler: Any, count: int) -> Schedule:
    one, none = torch.ones(_SHAPE), torch.zeros(_SHAPE)
    with_sample, with_prediction, with_noise = (_Walk(scheduler, count) for _ in range(3))
    steps = []
    for number in range(count):
        drawn, noise = with_noise.step(none, none, number)
        fresh = float((drawn * noise).sum() / (noise * noise).sum())
        kept, _ = with_sample.step(one, none, number)
        added, _ = with_prediction.step(none, one, number)
        keep, add = float((kept - drawn).mean()), float((added - drawn).mean())
        timestep, scale = float(with_noise.timesteps[number]), with_noise.scales[number]
        # Where samples are not scaled down, they are as the network wants them.
        alpha = scale**2 if scale < 1 else float(scheduler.alphas_cumprod[int(timestep)])
        steps.append(Step(timestep, scale, alpha, keep, add, fresh))
    start = float(with_noise.scheduler.init_noise_sigma)
    return Schedule(tuple(steps), start, Target(scheduler.config.prediction_type))


def _error(scheduler: Any, schedule: Schedule) -> float:
    """How far a real walk is from the constants, relative to the size of its samples."""
    walk = _Walk(scheduler, len(schedule.steps))
    error = 0.0
    for number, step in enumerate(schedule.steps):
        # Larger than samples are, so that a scheduler that clips them shows it; others in each
        # step, so that one that remembers them shows that.
        sample = 3.0 * schedule.start * _draw(100 + number)
        predicted = 3.0 * _draw(200 + number)
        got, noise = walk.step(sample, predicted, number)
        wanted = step.keep * sample + step.add * predicted + step.fresh * noise
        error = max(error, float((got - wanted).abs().max() / sample.abs().max()))
    return error


class _Walk:
    """A scheduler of its own, taken through its steps once."""

    def __init__(self, scheduler: Any, count: int) -> None:
        self.scheduler = type(scheduler).from_config(scheduler.config)
        self.scheduler.set_timesteps(count)
        self.timesteps = self.scheduler.timesteps
        self.scales: list[float] = []
        self._takes_generator = "generator" in inspect.signature(scheduler.step).parameters
        if len(self.timesteps) != count:
            raise ValueError(f"it makes {len(self.timesteps)} calls of them")

    def step(self, sample: Tensor, predicted: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """The next sample, and the noise that was mixed in if any was."""
        timestep = self.timesteps[len(self.scales)]
        self.scales.append(float(self.scheduler.scale_model_input(torch.ones(1), timestep)))
        options: dict[str, Any] = {"return_dict": False}
        if self._takes_generator:
            options["generator"] = torch.Generator().manual_seed(seed)
        return self.scheduler.step(predicted, timestep, sample, **options)[0], _draw(seed)


def _draw(seed: int) -> Tensor:
    return torch.randn(_SHAPE, generator=torch.Generator().manual_seed(seed))
