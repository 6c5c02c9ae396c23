# SPDX-License-Identifier: Apache-2.0
"""What every training is told, and what it tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Course(Protocol):
    """What the configuration of a training says of its steps."""

    @property
    def steps(self) -> int:
        """How many there are."""
        ...

    @property
    def batch_size(self) -> int:
        """Samples of each, over all processes together."""
        ...

    @property
    def warmup_steps(self) -> int:
        """Steps until the learning rate is reached."""
        ...

    @property
    def cosine(self) -> bool:
        """Whether the learning rate falls to zero along a cosine."""
        ...

    @property
    def clip_norm(self) -> float:
        """Largest norm of the gradient; 0 for none."""
        ...

    @property
    def ema_decay(self) -> float:
        """Share of the averaged weights that a step keeps; 0 keeps the newest weights only."""
        ...


class Errors(Protocol):
    """What a validation found."""

    @property
    def summary(self) -> dict[str, float]:
        """The numbers that matter most, by the names that curves give them."""
        ...


@dataclass(frozen=True)
class RunOptions:
    """What does not change the result, and the seed.

    Attributes:
        seed: Of everything random.
        workers: Processes that make samples.
        log_every: Steps between two rows of the curves.
        save_every: Steps between two validations, each with a checkpoint.
    """

    seed: int = 0
    workers: int = 1
    log_every: int = 50
    save_every: int = 1000


@dataclass(frozen=True)
class Report:
    """What there is to tell after a step.

    Attributes:
        step: Steps done.
        steps: Steps to do.
        loss: Newest parts of the loss, by name.
        errors: Summary of the newest validation; empty before the first.
    """

    step: int
    steps: int
    loss: Mapping[str, float]
    errors: Mapping[str, float]


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        step: Optimiser steps done.
        seconds: Time spent so far [s].
        run: What makes two runs the same: configuration, data, seed.
    """

    step: int
    seconds: float
    run: dict[str, Any]
