# SPDX-License-Identifier: Apache-2.0
"""The course of a training as a CSV file and a picture."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What a row holds; validation columns are empty where nothing was validated.
COLUMNS = (
    "step",
    "seconds",
    "loss",
    "joints",
    "gripper",
    "kl",
    "auxiliary",
    "learning_rate",
    "clean_end_deg",
    "jittered_end_deg",
    "gripper_accuracy",
)


class Curves:
    """Appends rows to `curves.csv`, and draws `curves.png` from them.

    Args:
        out: Folder of the training.
        until_step: Rows behind this step, of a run that was killed, are left out.
        columns: What a row holds.
    """

    def __init__(self, out: Path, until_step: int, columns: tuple[str, ...] = COLUMNS) -> None:
        self._csv, self._png = out / "curves.csv", out / "curves.png"
        self._columns = columns
        rows = [row for row in self.rows() if int(row["step"]) <= until_step]
        with self._csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(rows)

    def rows(self) -> list[dict[str, str]]:
        """All rows so far."""
        if not self._csv.exists():
            return []
        with self._csv.open(newline="") as file:
            return list(csv.DictReader(file))

    def add(self, values: dict[str, float]) -> None:
        """Append a row."""
        with self._csv.open("a", newline="") as file:
            cells = {name: f"{value:.6g}" for name, value in values.items()}
            csv.DictWriter(file, self._columns).writerow(
                cells | {"step": str(int(values["step"]))}
            )

    def draw(self) -> None:
        """Draw the picture anew."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for name in ("joints", "gripper", "kl", "auxiliary"):
            steps, values = self.series(name)
            if any(values):
                left.plot(steps, values, label=name, linewidth=1)
        left.set(xlabel="step", ylabel="loss", yscale="log", title="training")
        left.legend()
        for name, label in (("clean_end_deg", "clean"), ("jittered_end_deg", "jittered start")):
            right.plot(*self.series(name), marker=".", label=label)
        right.set(xlabel="step", ylabel="joint error at step K [deg]", title="held-out windows")
        right.set_ylim(bottom=0)
        right.legend()
        for axes in (left, right):
            axes.grid(alpha=0.3)
        self.save(figure)

    def save(self, figure: "Figure") -> None:
        """Write the picture."""
        figure.savefig(self._png, dpi=110)

    def series(self, name: str) -> tuple[list[int], list[float]]:
        """Steps and values of a column, without its empty cells."""
        rows = [row for row in self.rows() if row[name]]
        return [int(row["step"]) for row in rows], [float(row[name]) for row in rows]
