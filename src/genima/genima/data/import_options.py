# SPDX-License-Identifier: Apache-2.0
"""What a person may choose about an import, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass

from genima.errors import InvalidParameter

#: Told how many episodes of how many are done.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImportOptions:
    """How recorded episodes become demonstrations.

    Attributes:
        step_s: Time between two steps [s].
        size_px: Side of the images [px].
        max_image_error_s: Largest distance between a step and its image [s]; by default half a
            step, so that no image stands for two steps.
        failed: Take episodes that are marked as failed, too.
        unlabelled: Take episodes of which nobody said whether they succeeded, too.
        trim: Cut off most of the time before the arm first and after it last moves.
    """

    step_s: float = 0.05
    size_px: int = 256
    max_image_error_s: float | None = None
    failed: bool = False
    unlabelled: bool = False
    trim: bool = False

    def __post_init__(self) -> None:
        if not 0.001 <= self.step_s <= 1.0:
            raise InvalidParameter(f"step_s is {self.step_s} s; must lie between 0.001 and 1")
        if not 16 <= self.size_px <= 4096:
            raise InvalidParameter(f"size_px is {self.size_px} px; must lie between 16 and 4096")
        if self.max_image_error_s is not None and not 0 < self.max_image_error_s <= 1.0:
            raise InvalidParameter(
                f"max_image_error_s is {self.max_image_error_s} s; must lie between 0 and 1"
            )

    @property
    def tolerance_s(self) -> float:
        """Largest distance between a step and its image [s]."""
        return self.step_s / 2 if self.max_image_error_s is None else self.max_image_error_s


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        imported: A line for each demonstration.
        skipped: A line for each episode that was left out, and why.
    """

    imported: tuple[str, ...]
    skipped: tuple[str, ...]
