# SPDX-License-Identifier: Apache-2.0
"""Where the colour of a sphere ends in an image, to a fraction of a pixel."""

from dataclasses import dataclass

import cv2
import numpy as np

from genima.arrays import Array, Bool, Float, UInt8
from genima.decode.palette import Label, levels_of


@dataclass(frozen=True, eq=False)
class Edges:
    """Places between two neighbouring pixels of which one has the colour and one has not.

    Attributes:
        uv: Where the colour ends [px].
        outward: Unit steps out of the colour, along u or v.
        to_black: Whether the pixel beyond is black, as a stripe is.
    """

    uv: Float[Array, "n 2"]
    outward: Float[Array, "n 2"]
    to_black: Bool[Array, "n"]

    def __len__(self) -> int:
        return len(self.uv)

    def select(self, chosen: Array) -> "Edges":
        """Some of the edges, by mask or index."""
        return Edges(self.uv[chosen], self.outward[chosen], self.to_black[chosen])


def colour_edges(image: UInt8[Array, "h w 3"], labels: UInt8[Array, "h w"], label: Label) -> Edges:
    """All edges of one colour in an image."""
    mask = (labels == label).view(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return Edges(np.empty((0, 2)), np.empty((0, 2)), np.empty(0, bool))
    # One pixel more on each side, as far as the image goes: its border is no edge.
    x0, y0 = max(x - 1, 0), max(y - 1, 0)
    x1, y1 = min(x + width + 1, mask.shape[1]), min(y + height + 1, mask.shape[0])
    part = mask[y0:y1, x0:x1]
    across = _crossings(part, 1)
    down = _crossings(part, 0)
    ahead = np.concatenate([np.full(len(across), 1), np.full(len(down), 0)])
    first = np.concatenate([across, down]) + np.array([y0, x0])
    second = first.copy()
    second[np.arange(len(first)), ahead] += 1
    return _located(image, labels, label, first, second)


def _crossings(part: Array, axis: int) -> Array:
    """(row, column) of the first pixel of every pair along an axis that differs."""
    differs = part[:, 1:] != part[:, :-1] if axis else part[1:] != part[:-1]
    return np.argwhere(differs)


def _located(image: Array, labels: Array, label: Label, first: Array, second: Array) -> Edges:
    first_is_inside = labels[first[:, 0], first[:, 1]] == label
    inside = np.where(first_is_inside[:, None], first, second)
    beyond = np.where(first_is_inside[:, None], second, first)
    to_black = labels[beyond[:, 0], beyond[:, 1]] == Label.BLACK
    bright = levels_of(image[inside[:, 0], inside[:, 1]].astype(float), label)
    dark = levels_of(image[beyond[:, 0], beyond[:, 1]].astype(float), label)
    # Between colour and black the edge is where the brightness passes one half; what lies behind a
    # sphere's outline is unknown, so there it is put half way.
    share = np.clip((bright - 0.5) / np.maximum(bright - dark, 1e-3), 0.0, 1.0)
    share = np.where(to_black, share, 0.5)
    step = (beyond - inside)[:, ::-1].astype(float)
    uv = inside[:, ::-1] + 0.5 + step * share[:, None]
    return Edges(uv, step, to_black)
