# SPDX-License-Identifier: Apache-2.0
"""What the training of a drawing model is told besides its configuration, and what it shows."""

from dataclasses import dataclass

from genima.learning.curves import Panel
from genima.learning.types import RunOptions

#: Of `curves.png`.
PANELS = (
    Panel(
        "training",
        "loss",
        {name: name for name in ("loss", "places", "motion", "gripper", "witness")},
        log=True,
    ),
    Panel("usable drawings", "error of joints 1 to 6 [deg]", {"error_deg": "mean"}),
    Panel("usable drawings", "error of the fingertips [cm]", {"tip_cm": "mean"}),
    Panel("held-out drawings", "likeness to the truth [dB]", {"psnr_db": "PSNR"}),
    Panel(
        "held-out drawings",
        "share of drawings",
        {
            "skill": "skill",
            "gripper_accuracy": "gripper right",
            "usable": "usable",
            "missing": "a sphere missing",
        },
    ),
)


@dataclass(frozen=True)
class TrainingOptions(RunOptions):
    """What else does not change the result.

    Attributes:
        validated: Held-out drawings of a validation.
    """

    validated: int = 100
