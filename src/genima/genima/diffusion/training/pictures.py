# SPDX-License-Identifier: Apache-2.0
"""Held-out drawings side by side with what should have been drawn, for people."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from genima.arrays import Array, UInt8
from genima.diffusion.training.metric import truth
from genima.diffusion.training.questions import Question
from genima.files import write_file
from genima.policy import Policy

#: How many drawings a grid shows, and the side of each [px].
_COLUMNS, _SIDE_PX = 8, 256


def save_grid(
    file: Path,
    asked: Sequence[Question],
    tiles: Sequence[UInt8[Array, "t t 3"]],
    policy: Policy,
) -> None:
    """Write a picture: drawings above, the truth below.

    Args:
        file: Where to.
        asked: What was to be drawn.
        tiles: What was drawn.
        policy: Of both.
    """
    chosen = np.unique(np.linspace(0, len(tiles) - 1, _COLUMNS).round().astype(int))
    rows = [[tiles[i] for i in chosen], [truth(asked[i], policy) for i in chosen]]
    size = (_SIDE_PX, _SIDE_PX)
    grid = np.vstack(
        [np.hstack([cv2.resize(t, size, interpolation=cv2.INTER_AREA) for t in r]) for r in rows]
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    _, content = cv2.imencode(".png", cv2.cvtColor(grid, cv2.COLOR_RGB2BGR))
    write_file(file, content.tobytes())
