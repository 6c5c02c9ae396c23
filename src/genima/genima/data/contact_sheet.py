# SPDX-License-Identifier: Apache-2.0
"""What all cameras saw in the course of an episode, on one sheet."""

from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from genima.data.demonstration import Demonstration
from genima.errors import InvalidDataset

_COLUMNS = 8
_SIDE_IN = 1.6
_LEFT_IN, _TOP_IN, _GAP_IN = 0.35, 0.85, 0.04
_LEAST_WIDTH_IN = 8.0
_CHARACTERS_PER_IN = 13
_GRIPPER = {True: ("open", "#1f77b4"), False: ("closed", "#c77d00")}


def contact_sheet(demonstration: Demonstration, title: str) -> Figure:
    """A row for each camera, a column for each of some moments from the first to the last."""
    cameras = list(demonstration.images)
    steps = np.unique(np.linspace(0, len(demonstration) - 1, _COLUMNS).round().astype(int))
    cell = _SIDE_IN + _GAP_IN
    width = max(_LEAST_WIDTH_IN, _LEFT_IN + len(steps) * cell)
    height = _TOP_IN + len(cameras) * cell
    figure = Figure(figsize=(width, height), facecolor="white")
    for row, camera in enumerate(cameras):
        bottom = height - _TOP_IN - row * cell - _SIDE_IN
        figure.text(
            _LEFT_IN / 2 / width,
            (bottom + _SIDE_IN / 2) / height,
            camera.replace("_", " "),
            rotation=90,
            ha="center",
            va="center",
            fontsize=10,
        )
        for column, step in enumerate(steps):
            left = _LEFT_IN + column * cell
            box = (left / width, bottom / height, _SIDE_IN / width, _SIDE_IN / height)
            axes = figure.add_axes(box)
            axes.set_axis_off()
            try:
                axes.imshow(demonstration.images[camera][int(step)], interpolation="antialiased")
            except InvalidDataset:  # an episode is looked at because something is wrong with it
                axes.text(0.5, 0.5, "missing or\nunreadable", ha="center", color="#d62728")
    for column, step in enumerate(steps):
        left = (_LEFT_IN + column * cell) / width
        right = left + _SIDE_IN / width
        _label_moment(figure, demonstration, int(step), left, right, 1 - (_TOP_IN - 0.04) / height)
    _label_sheet(figure, demonstration, title)
    return figure


def _label_moment(
    figure: Figure, demonstration: Demonstration, step: int, left: float, right: float, y: float
) -> None:
    time_s = demonstration.stamps_s[step] - demonstration.stamps_s[0]
    word, colour = _GRIPPER[bool(demonstration.gripper_open[step])]
    figure.text(left, y, f"{time_s:.2f} s, step {step}", ha="left", va="bottom", fontsize=8)
    figure.text(right, y, f"{word}  ", ha="right", va="bottom", fontsize=8, color=colour)


def _label_sheet(figure: Figure, demonstration: Demonstration, title: str) -> None:
    width_in, height_in = figure.get_size_inches()
    outcome = {True: "success", False: "failure", None: "nobody said whether it succeeded"}
    seed = "" if demonstration.seed is None else f", seed {demonstration.seed}"
    time_s = demonstration.stamps_s[-1] - demonstration.stamps_s[0]
    facts = (
        f"“{demonstration.instruction}”: {outcome[demonstration.success]}, "
        f"{len(demonstration)} steps in {time_s:.2f} s{seed}, {demonstration.source}"
    )
    line = shorten(facts, round(width_in * _CHARACTERS_PER_IN), placeholder=" ...")
    style: dict[str, Any] = {"va": "top", "parse_math": False}
    figure.text(0.01, 1 - 0.14 / height_in, title, fontsize=12, fontweight="bold", **style)
    figure.text(0.01, 1 - 0.40 / height_in, line, fontsize=9, color="#444444", **style)
