# SPDX-License-Identifier: Apache-2.0
"""How the scenes of episodes may differ from those that agents learn from."""

from dataclasses import dataclass
from enum import Enum

from genima.errors import InvalidParameter

GRID_ROWS = GRID_COLUMNS = 5
"""Cells of the grid over a task's workspace: rows along x, columns along y."""


class Factor(Enum):
    """One thing that is made different, after Colosseum (Pumacay et al., RSS 2024)."""

    OBJECT_COLOR = "object_color"
    DISTRACTORS = "distractors"
    LIGHT = "light"
    TABLE_TEXTURE = "table_texture"
    BACKGROUND_TEXTURE = "background_texture"
    CAMERA_POSE = "camera_pose"


class Poses(Enum):
    """Where objects are put: anywhere, or on a grid that the seeds go through in order."""

    RANDOM = "random"
    GRID = "grid"


@dataclass(frozen=True)
class Scenery:
    """How an episode's scene is made, besides its task and seed.

    Attributes:
        factors: What is made different, in the order of `Factor`.
        poses: Where objects are put.
        starts_beside: Share of the seeds whose episodes begin with the hand beside the first
            place that the expert goes to, 0 to 1.
    """

    factors: tuple[Factor, ...] = ()
    poses: Poses = Poses.RANDOM
    starts_beside: float = 0.0


AS_LEARNT = Scenery()
"""That of training data."""


def factors_of(text: str) -> tuple[Factor, ...]:
    """Factors from their names, separated by commas, in the order of `Factor`.

    Raises:
        InvalidParameter: There is no such factor; the message lists those there are.
    """
    names = {word.strip() for word in text.split(",") if word.strip()}
    allowed = [factor.value for factor in Factor]
    unknown = sorted(names - set(allowed))
    if unknown:
        raise InvalidParameter(
            f"perturb names {unknown[0]!r}; allowed: {', '.join(allowed)}, separated by commas"
        )
    return tuple(factor for factor in Factor if factor.value in names)


def cell_of(seed: int) -> int:
    """Index of the grid's cell that a seed's object is put into, row by row."""
    return seed % (GRID_ROWS * GRID_COLUMNS)
