# SPDX-License-Identifier: Apache-2.0
"""The printed board that a camera is calibrated with: chess squares with markers (ChArUco).

Its frame is OpenCV's: the origin is the outer corner of the first square, at the top left of the
picture, x runs along the rows to the right, y down, z into the board.
"""

from dataclasses import asdict, dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from genima.arrays import Array, Float, UInt8
from genima.errors import CalibrationError, InvalidParameter
from genima.files import write_text
from genima.strict_yaml import read_mapping, require_keys, require_numbers

_KEYS = ("squares_x", "squares_y", "square_m", "marker_m", "dictionary")
#: Fewer squares a side leave too few corners to find a pose, and no board has more.
_SQUARES = (3, 40)
#: Squares beyond this are given in millimetres [m].
_LARGEST_SQUARE_M = 0.5


class MarkerDictionary(Enum):
    """OpenCV's sets of markers, by their names there."""

    DICT_4X4_50 = "DICT_4X4_50"
    DICT_4X4_250 = "DICT_4X4_250"
    DICT_5X5_100 = "DICT_5X5_100"
    DICT_6X6_250 = "DICT_6X6_250"


@dataclass(frozen=True)
class Board:
    """A ChArUco board. The default fits A4, and its markers are read from 1.3 m at 640x480.

    Attributes:
        squares_x: Squares in a row.
        squares_y: Squares in a column.
        square_m: Side of a square, as measured on the print [m].
        marker_m: Side of a marker's black frame [m].
        dictionary: Which markers.
    """

    squares_x: int = 7
    squares_y: int = 5
    square_m: float = 0.036
    marker_m: float = 0.027
    dictionary: MarkerDictionary = MarkerDictionary.DICT_4X4_50

    def __post_init__(self) -> None:
        low, high = _SQUARES
        if not (low <= self.squares_x <= high and low <= self.squares_y <= high):
            raise InvalidParameter(
                f"board of {self.squares_x}x{self.squares_y} squares: give {low} to {high} a side"
            )
        if not 0 < self.square_m <= _LARGEST_SQUARE_M:
            raise InvalidParameter(
                f"board: square_m is {self.square_m:g}; give metres, such as 0.036 for 36 mm"
            )
        if not 0.3 * self.square_m <= self.marker_m <= 0.9 * self.square_m:
            raise InvalidParameter(
                f"board: marker_m is {self.marker_m:g} and square_m {self.square_m:g}; a marker "
                "takes 0.3 to 0.9 of its square's side"
            )
        needed = self.squares_x * self.squares_y // 2
        if needed > len(self._markers.bytesList):
            raise InvalidParameter(
                f"board of {self.squares_x}x{self.squares_y} squares needs {needed} markers, "
                f"{self.dictionary.value} has {len(self._markers.bytesList)}; take another "
                "dictionary or fewer squares"
            )

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of all squares together [m]."""
        return self.squares_x * self.square_m, self.squares_y * self.square_m

    @cached_property
    def charuco(self) -> Any:
        """The same as OpenCV's object."""
        size = (self.squares_x, self.squares_y)
        return cv2.aruco.CharucoBoard(size, self.square_m, self.marker_m, self._markers)

    @cached_property
    def corners(self) -> Float[Array, "c 3"]:
        """Inner corners of the squares in the board's frame [m], by their numbers."""
        return np.asarray(self.charuco.getChessboardCorners(), float)

    @property
    def _markers(self) -> Any:
        number = getattr(cv2.aruco, self.dictionary.value)
        return cv2.aruco.getPredefinedDictionary(number)

    def image(self, square_px: int) -> UInt8[Array, "h w"]:
        """The squares without a margin, so many pixels each."""
        size = (self.squares_x * square_px, self.squares_y * square_px)
        return np.asarray(self.charuco.generateImage(size, None, 0, 1), np.uint8)

    def entries(self) -> dict[str, Any]:
        """As it is written to files."""
        return asdict(self) | {"dictionary": self.dictionary.value}


def read_board(entry: Any, where: str) -> Board:
    """A board as `Board.entries` gives it.

    Raises:
        CalibrationError: A key is missing, unknown or out of its range.
    """
    require_keys(entry, set(_KEYS), set(), where, CalibrationError)
    values = require_numbers([entry[k] for k in _KEYS[:4]], 4, where, CalibrationError)
    if any(value != int(value) for value in values[:2]):
        raise CalibrationError(f"{where}: squares_x and squares_y must be whole numbers")
    known = [dictionary.value for dictionary in MarkerDictionary]
    if entry["dictionary"] not in known:
        raise CalibrationError(
            f"{where}: dictionary is {entry['dictionary']!r}; must be one of {known}"
        )
    try:
        dictionary = MarkerDictionary(entry["dictionary"])
        return Board(int(values[0]), int(values[1]), values[2], values[3], dictionary)
    except InvalidParameter as error:
        raise CalibrationError(f"{where}: {error}") from error


def load_board(path: Path) -> Board:
    """The board of a file.

    Raises:
        CalibrationError: The file cannot be read, or describes no board.
    """
    return read_board(read_mapping(path, CalibrationError), str(path))


def save_board(board: Board, path: Path) -> None:
    """Write the file that `load_board` reads."""
    text = "# Measure the squares on the print, over several at once, and correct square_m.\n"
    text += "# A printer that scales changes marker_m by the same factor.\n"
    write_text(path, text + yaml.safe_dump(board.entries(), sort_keys=False))
