# SPDX-License-Identifier: Apache-2.0
"""Images of one camera as numbered PNG files, read one by one."""

from pathlib import Path

import cv2
import numpy as np

from genima.arrays import Array, UInt8
from genima.errors import InvalidDataset, InvalidImage


class PngFrames:
    """The images `0.png`, `1.png`, ... of a folder, each read when it is asked for.

    Args:
        folder: Where they are.
        count: How many there are to be.
        size_px: Side of each image [px].
    """

    def __init__(self, folder: Path, count: int, size_px: int) -> None:
        self.folder = folder
        self._count = count
        self._size_px = size_px

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> UInt8[Array, "s s 3"]:
        if not -self._count <= index < self._count:
            raise IndexError(f"image {index} of {self._count}")
        path = self.path(index % self._count)
        image = read_png(path)
        if image.shape != (self._size_px, self._size_px, 3):
            raise InvalidDataset(
                f"{path}: is {image.shape[1]}x{image.shape[0]} px; the data set says "
                f"{self._size_px}x{self._size_px} px"
            )
        return image

    def path(self, index: int) -> Path:
        """The file of an image."""
        return self.folder / f"{index}.png"


def read_png(path: Path) -> UInt8[Array, "h w 3"]:
    """An RGB image.

    Raises:
        InvalidDataset: The file is missing or is no image.
    """
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InvalidDataset(f"{path}: cannot be read ({error.strerror})") from None
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if image is None:
        raise InvalidDataset(f"{path}: is no image that can be read; restore the episode")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def write_png(path: Path, image: UInt8[Array, "s s 3"], size_px: int) -> None:
    """Write an RGB image.

    Raises:
        InvalidImage: It has another size or type.
        OSError: The disk does not take it.
    """
    if image.shape != (size_px, size_px, 3) or image.dtype != np.uint8:
        raise InvalidImage(
            f"{path.parent.name}: got an image of shape {image.shape}, {image.dtype}; the data "
            f"set takes uint8 of ({size_px}, {size_px}, 3)"
        )
    _, content = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    path.write_bytes(content.tobytes())
