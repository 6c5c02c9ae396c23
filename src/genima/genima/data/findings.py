# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a demonstration."""

from dataclasses import dataclass
from enum import Enum


class Defect(Enum):
    """Kinds of findings."""

    UNREADABLE = "unreadable"
    CONTRADICTION = "contradiction"
    MISSING_FRAME = "missing frame"
    UNEQUAL_LENGTHS = "unequal lengths"
    UNREADABLE_IMAGE = "unreadable image"
    WRONG_SIZE = "wrong size"
    BLANK_IMAGE = "blank image"
    FROZEN_CAMERA = "frozen camera"
    WRONG_CALIBRATION = "wrong calibration"
    NOT_A_NUMBER = "not a number"
    JOINT_LIMIT = "joint limit"
    JUMP = "jump"
    FAR_COMMAND = "far command"
    GRIPPER = "gripper"
    IRREGULAR_STAMPS = "irregular stamps"


@dataclass(frozen=True)
class Finding:
    """One defect of an episode.

    Attributes:
        defect: Its kind.
        detail: What was found, for people.
        frame: The first step that shows it; None where it concerns the whole episode.
    """

    defect: Defect
    detail: str
    frame: int | None = None

    def __str__(self) -> str:
        place = "" if self.frame is None else f"frame {self.frame}: "
        return f"{place}{self.defect.value}: {self.detail}"


def runs(steps: list[int]) -> list[tuple[int, int]]:
    """First and last of each row of consecutive steps."""
    found: list[tuple[int, int]] = []
    for step in steps:
        if found and step == found[-1][1] + 1:
            found[-1] = (found[-1][0], step)
        else:
            found.append((step, step))
    return found


def span(first: int, last: int) -> str:
    """Words for the steps of a run."""
    return f"frame {first}" if first == last else f"frames {first} to {last}"
