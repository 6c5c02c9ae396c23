# SPDX-License-Identifier: Apache-2.0
"""What the training of a controller is told besides its configuration, and what it shows."""

from dataclasses import dataclass
from pathlib import Path

from genima.learning.curves import Panel
from genima.learning.types import RunOptions

#: Of `curves.png`.
PANELS = (
    Panel(
        "training",
        "loss",
        {name: name for name in ("joints", "gripper", "kl", "auxiliary", "told")},
        log=True,
    ),
    Panel(
        "held-out windows",
        "joint error at step K [deg]",
        {"clean_end_deg": "clean", "jittered_end_deg": "jittered start"},
    ),
    Panel("held-out windows", "share of steps", {"gripper_accuracy": "gripper right"}),
)


@dataclass(frozen=True)
class TrainingOptions(RunOptions):
    """What else does not change the result, and what it begins with.

    Attributes:
        backbone: An ImageNet checkpoint of torchvision's ResNet18.
        text_model: Folder of the text model.
        start_from: A controller to begin with.
    """

    backbone: Path | None = None
    text_model: Path | None = None
    start_from: Path | None = None
