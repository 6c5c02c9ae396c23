# SPDX-License-Identifier: Apache-2.0
"""A calibration as people read it: a table, a few sentences, and a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from genima.arrays import Array, Float, UInt8
from genima.errors import CalibrationError
from genima.handeye.marks import ZOOM, mark_corners
from genima.handeye.samples import SampleFolder
from genima.handeye.solve import Solution

_SHOWN = 6
#: How much more than the corners is shown.
_BORDER = 1.3


def table(solution: Solution, names: Sequence[str]) -> Table:
    """A row for each sample; names are those of the images."""
    rows = Table(title=f"camera {solution.setup.camera}", title_justify="left")
    for heading in ("image", "corners", "residual, px", "at the board, mm"):
        rows.add_column(heading, justify="left" if heading == "image" else "right")
    rows.add_column("left out because")
    for name, sample in zip(names, solution.samples, strict=True):
        measured = np.isfinite(sample.residual_px)
        rows.add_row(
            name,
            str(len(sample.sighting)),
            f"{sample.residual_px:.2f}" if measured else "",
            f"{sample.residual_m * 1e3:.1f}" if measured else "",
            sample.reason,
            style="" if sample.used else "yellow",
        )
    return rows


def sentences(solution: Solution) -> list[str]:
    """What the numbers mean."""
    used, taken = len(solution.used), len(solution.samples)
    said = [
        f"{used} of {taken} samples used; corners are off by {solution.residual_px:.2f} px (root "
        "mean square), errors of the joints included",
        f"one standard deviation of the camera, along and about its worst axis: "
        f"{solution.camera_m * 1e3:.1f} mm and {np.rad2deg(solution.camera_rad):.2f} degrees",
    ]
    if solution.scale_is_wrong:
        board = solution.setup.board
        said.append(
            f"the squares seem to be {solution.scale * board.square_m * 1e3:.2f} mm wide and not "
            f"{board.square_m * 1e3:g}: measure the print, correct square_m and marker_m in "
            "samples.yaml, and solve again"
        )
    return said


def save_picture(solution: Solution, folder: SampleFolder, path: Path) -> None:
    """Samples with their corners where they are and where they should be, and all residuals.

    Raises:
        CalibrationError: It cannot be written.
    """
    figure = Figure(figsize=(12.6, 5.9), layout="constrained")
    grid = figure.add_gridspec(2, 4, width_ratios=(1, 1, 1, 1.05))
    shown = _shown(solution)
    for place, index in enumerate(shown):
        axes = figure.add_subplot(grid[place // 3, place % 3])
        axes.imshow(_overlay(solution, folder, index), interpolation="nearest")
        sample = solution.samples[index]
        axes.set_title(
            f"{folder.samples[index].image}: {sample.residual_px:.2f} px"
            + ("" if sample.used else ", left out"),
            fontsize=9,
            color="black" if sample.used else "firebrick",
        )
        axes.axis("off")
    _plot_errors(figure.add_subplot(grid[0, 3]), solution, folder)
    _plot_samples(figure.add_subplot(grid[1, 3]), solution)
    figure.suptitle(
        f"camera {solution.setup.camera}: corners found (green), expected (red)", fontsize=11
    )
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be written ({error.strerror})") from error


def _shown(solution: Solution) -> list[int]:
    """The worst two, the best, and some between, worst first."""
    posed = [i for i, s in enumerate(solution.samples) if np.isfinite(s.residual_px)]
    order = sorted(posed, key=lambda i: -solution.samples[i].residual_px)
    if len(order) <= _SHOWN:
        return order
    between = np.linspace(2, len(order) - 1, _SHOWN - 2).round().astype(int)
    return order[:2] + [order[i] for i in between]


def _overlay(solution: Solution, folder: SampleFolder, index: int) -> UInt8[Array, "h w 3"]:
    """The part of an image that shows the board, enlarged, with marks."""
    sample = solution.samples[index]
    expected = solution.placed_board.project(solution.camera, folder.samples[index].q)
    image = mark_corners(folder.image(index), sample.sighting.uv, expected[sample.sighting.ids])
    return _around(image, sample.sighting.uv * ZOOM)


def _around(image: UInt8[Array, "h w 3"], uv: Float[Array, "n 2"]) -> UInt8[Array, "r c 3"]:
    """The part of an image with the points, in a frame of 4:3."""
    centre = (uv.min(0) + uv.max(0)) / 2
    half = float(np.max((uv.max(0) - uv.min(0)) / 2 * _BORDER / (4, 3)))
    low = np.maximum(np.round(centre - half * np.array([4, 3])), 0).astype(int)
    high = np.round(centre + half * np.array([4, 3])).astype(int)
    return image[low[1] : high[1], low[0] : high[0]]


def _plot_errors(axes: Axes, solution: Solution, folder: SampleFolder) -> None:
    """Where each corner was, seen from where it should be."""
    for sample, taken in zip(solution.samples, folder.samples, strict=True):
        if sample.used:
            expected = solution.placed_board.project(solution.camera, taken.q)
            du, dv = (sample.sighting.uv - expected[sample.sighting.ids]).T
            axes.plot(du, dv, ".", ms=3, alpha=0.7)
    axes.axhline(0, color="grey", lw=0.5)
    axes.axvline(0, color="grey", lw=0.5)
    axes.set_aspect("equal", "datalim")
    axes.invert_yaxis()
    axes.set_title("errors of the corners used [px]", fontsize=9)
    axes.set_xlabel("right")
    axes.set_ylabel("down")


def _plot_samples(axes: Axes, solution: Solution) -> None:
    residuals = np.array([sample.residual_px for sample in solution.samples])
    used = np.array([sample.used for sample in solution.samples])
    largest = float(np.nanmax(residuals[used])) * 1.6
    axes.bar(
        np.arange(len(used)),
        np.clip(np.nan_to_num(residuals), 0, largest),
        color=["steelblue" if count else "firebrick" for count in used],
    )
    axes.set_ylim(0, largest)
    axes.set_title("residual of each sample [px]; red: left out", fontsize=9)
    axes.set_xlabel("sample")
