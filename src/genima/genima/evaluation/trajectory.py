# SPDX-License-Identifier: Apache-2.0
"""The joint positions that an arm went through in an episode, one row for each policy step."""

from pathlib import Path

import numpy as np

from genima.arrays import Array, Float


class TrajectoryRecorder:
    """Sorts measured joint positions into policy steps; of several in one step the first stays.

    Args:
        start_s: Stamp of the first state of the episode [s].
        step_s: Length of a policy step [s].
    """

    def __init__(self, start_s: float, step_s: float) -> None:
        self._start_s = start_s
        self._step_s = step_s
        self._rows: dict[int, Float[Array, "7"]] = {}

    def add(self, q: Float[Array, "7"], stamp_s: float) -> None:
        """Take a measurement [rad]; those from before the start belong to another episode."""
        step = round((stamp_s - self._start_s) / self._step_s)
        if step >= 0:
            self._rows.setdefault(step, np.array(q, dtype=float))

    @property
    def last_step(self) -> int:
        """The latest step that was measured; -1 before the first."""
        return max(self._rows, default=-1)

    def table(self, steps: int) -> Float[Array, "n 7"]:
        """Positions [rad] at steps 0 to `steps`; NaN where no measurement came."""
        table = np.full((steps + 1, 7), np.nan)
        for step, q in self._rows.items():
            if step <= steps:
                table[step] = q
        return table


def save_trajectory(path: Path, q: Float[Array, "n 7"], step_s: float) -> None:
    """Write joint positions [rad] and the time of each row [s]. Equal rows make equal files."""
    part = path.with_name(f".{path.name}")
    np.savez(part, q=q, time_s=step_s * np.arange(len(q)))
    part.replace(path)


def load_trajectory(path: Path) -> Float[Array, "n 7"]:
    """Joint positions [rad] of a file, one row for each policy step."""
    with np.load(path, allow_pickle=False) as content:
        return np.array(content["q"])
