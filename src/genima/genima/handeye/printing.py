# SPDX-License-Identifier: Apache-2.0
"""A board on a page, at its true size."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from genima.arrays import Array, Float
from genima.errors import InvalidParameter
from genima.handeye.board import Board

PNG_DPI = 600
_MM_PER_INCH = 25.4
#: Long and short side of what printers take [mm].
_PAGES = {"A4": (297.0, 210.0), "A3": (420.0, 297.0), "A2": (594.0, 420.0), "A1": (841.0, 594.0)}
#: White around the squares, which the markers at the edge need and printers leave anyway [mm].
_MARGIN_MM = 12.0
_RULER_MM = 100.0
_RULER_Y_MM = 8.0


@dataclass(frozen=True)
class PrintedPage:
    """What was written.

    Attributes:
        path: The file.
        paper: The size of paper that it is for.
    """

    path: Path
    paper: str


def print_board(board: Board, path: Path) -> PrintedPage:
    """Write a page with the board in its middle and a ruler below, as PDF or PNG.

    Raises:
        InvalidParameter: The file is neither, or no paper is large enough.
    """
    if path.suffix.lower() not in (".pdf", ".png"):
        raise InvalidParameter(f"{path}: a board is written as .pdf or .png; name such a file")
    paper, width, height = _page(board)
    figure = Figure(figsize=(width / _MM_PER_INCH, height / _MM_PER_INCH))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    board_mm = np.array(board.size_m) * 1e3
    left, top = (width - board_mm[0]) / 2, (height + board_mm[1]) / 2
    for polygons, colour in _layers(board):
        placed = [np.column_stack([left + 1e3 * p[:, 0], top - 1e3 * p[:, 1]]) for p in polygons]
        axes.add_collection(PolyCollection(placed, facecolors=colour, edgecolors="none"))
    x = (width - _RULER_MM) / 2
    axes.plot([x, x + _RULER_MM], [_RULER_Y_MM] * 2, "|-", color="black", lw=0.5, ms=4)
    said = f"this line is {_RULER_MM:g} mm long if printed at 100 %    " + describe(board)
    axes.text(width / 2, _RULER_Y_MM - 3.2, said, ha="center", va="center", fontsize=6.5)
    try:
        figure.savefig(path, dpi=PNG_DPI)
    except OSError as error:
        raise InvalidParameter(
            f"{path}: cannot be written ({error.strerror}); choose another place"
        ) from error
    return PrintedPage(path, paper)


def describe(board: Board) -> str:
    """The board in a line."""
    return (
        f"ChArUco {board.squares_x}x{board.squares_y}, squares {board.square_m * 1e3:g} mm, "
        f"markers {board.marker_m * 1e3:g} mm, {board.dictionary.value}"
    )


def _page(board: Board) -> tuple[str, float, float]:
    """The smallest paper, and its width and height as the board lies on it [mm]."""
    needed = np.array(board.size_m) * 1e3 + 2 * _MARGIN_MM
    for name, (long, short) in _PAGES.items():
        width, height = (long, short) if needed[0] >= needed[1] else (short, long)
        if needed[0] <= width and needed[1] <= height:
            return name, width, height
    raise InvalidParameter(
        f"a board of {board.size_m[0] * 1e3:.0f}x{board.size_m[1] * 1e3:.0f} mm fits no paper up "
        f"to {list(_PAGES)[-1]}; take fewer or smaller squares"
    )


def _layers(board: Board) -> list[tuple[list[Float[Array, "4 2"]], str]]:
    """Quadrangles in the board's frame [m] with their colours, those above coming later."""
    charuco = board.charuco
    markers = [np.asarray(points, float)[:, :2] for points in charuco.getObjPoints()]
    white = {tuple((m.mean(0) // board.square_m).astype(int).tolist()) for m in markers}
    squares = [
        _square(np.array([i, j]) * board.square_m, board.square_m)
        for i in range(board.squares_x)
        for j in range(board.squares_y)
        if (i, j) not in white
    ]
    cells = []
    for number, marker in zip(np.ravel(charuco.getIds()), markers, strict=True):
        picture = _bits(board, int(number))
        side = board.marker_m / len(picture)
        cells += [
            _square(marker.min(0) + np.array([column, row]) * side, side)
            for row, column in np.argwhere(picture > 0)
        ]
    return [(squares + markers, "black"), (cells, "white")]


def _bits(board: Board, number: int) -> Array:
    """Cells of a marker with its black frame: 0 for black."""
    markers = board.charuco.getDictionary()
    return np.asarray(cv2.aruco.generateImageMarker(markers, number, markers.markerSize + 2))


def _square(corner: Float[Array, "2"], side: float) -> Float[Array, "4 2"]:
    return np.asarray(corner + side * np.array([[0, 0], [1, 0], [1, 1], [0, 1]]))
