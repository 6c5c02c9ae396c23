# SPDX-License-Identifier: Apache-2.0
"""What a training is told besides its configuration, and what it tells."""

from dataclasses import dataclass
from pathlib import Path

from genima.act.validation import Validation


@dataclass(frozen=True)
class TrainingOptions:
    """What does not change the result, and the seed.

    Attributes:
        seed: Of everything random.
        workers: Processes that draw samples.
        log_every: Steps between two rows of the curves.
        save_every: Steps between two validations, each with a checkpoint.
        backbone: An ImageNet checkpoint of torchvision's ResNet18.
        text_model: Folder of the text model.
        start_from: A controller to begin with.
    """

    seed: int = 0
    workers: int = 1
    log_every: int = 50
    save_every: int = 1000
    backbone: Path | None = None
    text_model: Path | None = None
    start_from: Path | None = None


@dataclass(frozen=True)
class Report:
    """What there is to tell after a step.

    Attributes:
        step: Steps done.
        steps: Steps to do.
        loss: Newest parts of the loss, by name.
        errors: Newest validation, clean and jittered.
    """

    step: int
    steps: int
    loss: dict[str, float]
    errors: Validation | None
