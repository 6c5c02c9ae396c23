# SPDX-License-Identifier: Apache-2.0
"""Pictures of an evaluation: successes with their intervals, and how well targets are reached."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.paper import GENIMA
from genima.evaluation.records import EpisodeRecord
from genima.evaluation.terminal import title
from genima.evaluation.workspace_plot import workspace_plot
from genima.sim.scenery import Poses

_OURS, _PAPER, _FAILED = "#1f77b4", "#f28e2b", "#d62728"
_ROW_IN, _REST_IN = 0.42, 1.7


def draw_plots(
    folder: EvaluationFolder, report: Mapping[str, Any], records: Sequence[EpisodeRecord]
) -> None:
    """Write `plots/success.png`, and what else there is to see.

    Where targets were drawn `plots/drawn_error.png`, of a grid of poses `plots/workspace.png`.
    """
    figures = {"success": success_plot(report)}
    if any(record.targets_reached for record in records):
        figures["drawn_error"] = error_plot(report, records)
    if report["poses"] == Poses.GRID.value:
        figures["workspace"] = workspace_plot(report, records)
    for name, figure in figures.items():
        path = folder.plot_file(name)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, dpi=110)


def success_plot(report: Mapping[str, Any]) -> Figure:
    """The rate of each task with its interval, beside the paper's."""
    figure, axes = _rows(report, "successes")
    tasks = report["tasks"]
    rates = np.array([task["success_rate"] for task in tasks.values()])
    intervals = np.array([task["wilson_95"] for task in tasks.values()])
    rows = np.arange(len(tasks))
    ends = np.clip([rates - intervals[:, 0], intervals[:, 1] - rates], 0.0, None)
    axes.barh(rows, 100 * rates, 0.55, color=_OURS, alpha=0.45, label="here")
    axes.errorbar(
        100 * rates, rows, xerr=100 * ends, fmt="none", ecolor=_OURS, capsize=4, label="95 %"
    )
    theirs = [(row, 100 * GENIMA[name]) for row, name in enumerate(tasks) if name in GENIMA]
    if theirs:
        at, values = zip(*theirs, strict=True)
        axes.plot(
            values, at, "D", color=_PAPER, markersize=6, label="GENIMA in the paper (RLBench)"
        )
    axes.set_xlim(0, 100)
    axes.set_xlabel("success [%]")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def error_plot(report: Mapping[str, Any], records: Sequence[EpisodeRecord]) -> Figure:
    """A dot for each episode: how far the arm was from its drawn targets."""
    figure, axes = _rows(report, "distance to the drawn target when its time had come")
    names = list(report["tasks"])
    for success, colour, label in ((True, _OURS, "success"), (False, _FAILED, "failure")):
        shown = [r for r in records if r.targets_reached and r.success is success]
        if not shown:
            continue
        rows = [names.index(record.task) + 0.3 * _spread(record.seed) for record in shown]
        errors = [record.drawn_error_deg or 0.0 for record in shown]
        axes.plot(errors, rows, "o", color=colour, alpha=0.5, markersize=4, label=label)
    for row, task in enumerate(report["tasks"].values()):
        if task["drawn_error_deg"] is not None:
            axes.plot([task["drawn_error_deg"]] * 2, [row - 0.35, row + 0.35], color="black")
    axes.set_xlim(left=0)
    axes.set_xlabel("mean over joints and targets of an episode [deg]; black: mean of all")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def _rows(report: Mapping[str, Any], what: str) -> tuple[Figure, Axes]:
    names = list(report["tasks"])
    height = _REST_IN + _ROW_IN * len(names)
    figure = Figure(figsize=(9, height), facecolor="white", layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"{what}\n{title(report)}", fontsize=10, loc="left")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", color="#e5e5e5")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _spread(seed: int) -> float:
    """A place from -1 to 1 for a dot, so that neighbours do not hide one another."""
    return float(2.0 * ((seed * 0.6180339887) % 1.0) - 1.0)
