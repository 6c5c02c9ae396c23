# SPDX-License-Identifier: Apache-2.0
"""A picture of where in the workspace an agent succeeds, of objects that stood on a grid."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genima.evaluation.records import EpisodeRecord
from genima.evaluation.terminal import title
from genima.sim.pose_grid import PoseGrid, grid_of
from genima.sim.scenery import GRID_COLUMNS, GRID_ROWS, cell_of

_COLUMNS = 4
_WIDTH_IN, _HEIGHT_IN = 3.2, 2.5


def workspace_plot(report: Mapping[str, Any], records: Sequence[EpisodeRecord]) -> Figure:
    """The grid of each task from above, the robot below it, its cells coloured by their rates."""
    names = list(report["tasks"])
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    size = max(6.0, columns * _WIDTH_IN), rows * _HEIGHT_IN + 0.6
    figure = Figure(figsize=size, facecolor="white", layout="constrained")
    figure.suptitle(f"successes over the workspace\n{title(report)}", fontsize=9)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for name, axes in zip(names, places, strict=False):
        _draw_task(axes, name, grid_of(name), [r for r in records if r.task == name])
    for axes in places[len(names) :]:
        axes.set_axis_off()
    return figure


def _draw_task(axes: Axes, name: str, grid: PoseGrid, records: Sequence[EpisodeRecord]) -> None:
    cells = GRID_ROWS * GRID_COLUMNS
    done, tried = np.zeros(cells, int), np.zeros(cells, int)
    for record in records:
        tried[cell_of(record.seed)] += 1
        done[cell_of(record.seed)] += record.success
    rates = np.where(tried > 0, done / np.maximum(tried, 1), np.nan)
    (low_x, low_y), (high_x, high_y) = grid.corners
    axes.imshow(
        rates.reshape(GRID_ROWS, GRID_COLUMNS),
        extent=(low_y, high_y, low_x, high_x),
        origin="lower",
        cmap="RdYlGn",
        vmin=0.0,
        vmax=1.0,
        alpha=0.7,
        aspect="equal",
    )
    for (x, y), count, of in zip(grid.middles, done, tried, strict=True):
        axes.text(y, x, f"{count}/{of}" if of else "", ha="center", va="center", fontsize=8)
    axes.invert_xaxis()  # seen by the robot: y grows to its left
    axes.set_title(name, fontsize=9)
    axes.set_xlabel("y [m]", fontsize=8)
    axes.set_ylabel("x [m]", fontsize=8)
    axes.tick_params(labelsize=7)
