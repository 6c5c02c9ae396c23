# SPDX-License-Identifier: Apache-2.0
"""The course of a training as a CSV file and a picture."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

#: What every row begins with.
_COMMON = ("step", "seconds", "learning_rate")


@dataclass(frozen=True)
class Panel:
    """One of the diagrams of the picture, side by side.

    Attributes:
        title: What it shows.
        label: Of its vertical axis.
        lines: Columns that are drawn, and what they are called there.
        log: Whether that axis is logarithmic; otherwise it begins at 0.
    """

    title: str
    label: str
    lines: Mapping[str, str]
    log: bool = False


class Curves:
    """Appends rows to `curves.csv`, and draws `curves.png` from them.

    Args:
        out: Folder of the training.
        until_step: Rows behind this step, of a run that was killed, are left out.
        panels: What is drawn. A row holds what they show, with empty cells where there is nothing.
        others: What else a row holds.
    """

    def __init__(
        self, out: Path, until_step: int, panels: Sequence[Panel], others: Sequence[str] = ()
    ) -> None:
        self._csv, self._png = out / "curves.csv", out / "curves.png"
        self._panels = panels
        drawn = chain.from_iterable(panel.lines for panel in panels)
        self._columns = list(dict.fromkeys((*_COMMON, *drawn, *others)))
        rows = [row for row in self.rows() if int(row["step"]) <= until_step]
        with self._csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)

    def rows(self) -> list[dict[str, str]]:
        """All rows so far."""
        if not self._csv.exists():
            return []
        with self._csv.open(newline="") as file:
            return list(csv.DictReader(file))

    def add(self, values: Mapping[str, float]) -> None:
        """Append a row."""
        with self._csv.open("a", newline="") as file:
            cells = {name: f"{value:.6g}" for name, value in values.items()}
            csv.DictWriter(file, self._columns).writerow(
                cells | {"step": str(int(values["step"]))}
            )

    def draw(self) -> None:
        """Draw the picture anew."""
        from matplotlib.figure import Figure

        rows = self.rows()
        figure = Figure(figsize=(5 * len(self._panels), 4), layout="constrained")
        axes = figure.subplots(1, len(self._panels), squeeze=False)[0]
        for panel, axis in zip(self._panels, axes, strict=True):
            for name, called in panel.lines.items():
                points = list(_points(rows, name))
                if any(value for _, value in points):
                    style = {"linewidth": 1} if panel.log else {"marker": "."}
                    axis.plot(*zip(*points, strict=True), label=called, **style)
            axis.set(xlabel="step", ylabel=panel.label, title=panel.title)
            if panel.log:
                axis.set_yscale("log")
            else:
                axis.set_ylim(bottom=0)
            if axis.has_data():
                axis.legend()
            axis.grid(alpha=0.3)
        figure.savefig(self._png, dpi=110)


def _points(rows: Sequence[Mapping[str, str]], name: str) -> Iterator[tuple[int, float]]:
    """Steps and values of a column, without its empty cells."""
    return ((int(row["step"]), float(row[name])) for row in rows if row[name])
