# SPDX-License-Identifier: Apache-2.0
"""What a training is told besides its configuration, and what it tells."""

from dataclasses import dataclass

from genima.diffusion.training.metric import DrawingErrors


@dataclass(frozen=True)
class TrainingOptions:
    """What does not change the result, and the seed.

    Attributes:
        seed: Of everything random.
        workers: Processes that make samples.
        log_every: Steps between two rows of the curves.
        save_every: Steps between two validations, each with a checkpoint.
        validated: Held-out drawings of a validation.
    """

    seed: int = 0
    workers: int = 1
    log_every: int = 50
    save_every: int = 1000
    validated: int = 100


@dataclass(frozen=True)
class Report:
    """What there is to tell after a step.

    Attributes:
        step: Steps done.
        steps: Steps to do.
        loss: Newest parts of the loss, by name.
        errors: Newest validation.
    """

    step: int
    steps: int
    loss: dict[str, float]
    errors: DrawingErrors | None
