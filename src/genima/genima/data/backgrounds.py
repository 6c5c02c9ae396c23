# SPDX-License-Identifier: Apache-2.0
"""Endlessly many backgrounds from a bank of pictures, each made in a fraction of a millisecond."""

import cv2
import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.data.textures import TextureBank

_LEAST_PART = 0.4
"""Side of the part of a picture that becomes a background, at least."""
_MIXED = 0.3
"""Share of backgrounds that show two pictures, one through the other."""
_CHANNEL_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
_FLIPS = (None, 0, 1, -1)


class Backgrounds:
    """Cuts, turns, scales, tints and mixes pictures at random.

    Args:
        bank: The pictures.
        size_px: Side of a background [px].
    """

    def __init__(self, bank: TextureBank, size_px: int) -> None:
        self._bank = bank
        self._size_px = size_px

    def draw(self, rng: np.random.Generator) -> UInt8[Array, "s s 3"]:
        """The next background; what it is depends on the generator alone."""
        first, scale, row, column, turn, order, gain, tint, light = rng.random(9).tolist()
        side = round(self._bank.side_px * (_LEAST_PART + (1 - _LEAST_PART) * scale))
        part = self._part(first, side, row, column)
        second, share, row, column = rng.random(4).tolist()
        if share < _MIXED:
            share = 0.2 + 0.6 * share / _MIXED
            part = cv2.addWeighted(
                part, share, self._part(second, side, row, column), 1 - share, 0
            )
        image = cv2.resize(part, (self._size_px, self._size_px), interpolation=cv2.INTER_LINEAR)
        if turn < 0.5:
            image = cv2.transpose(image)
        flip = _FLIPS[int(turn * 8) % 4]
        if flip is not None:
            image = cv2.flip(image, flip, dst=image)
        change = _colour_change(order, gain, tint, light)
        return np.asarray(cv2.transform(image, change, dst=image), np.uint8)

    def _part(self, which: float, side: int, row: float, column: float) -> UInt8[Array, "p p 3"]:
        """A square of one picture, from numbers between 0 and 1."""
        picture = self._bank.pictures[int(which * self._bank.count)]
        top = int(row * (self._bank.side_px - side + 1))
        left = int(column * (self._bank.side_px - side + 1))
        return picture[top : top + side, left : left + side]


def _colour_change(order: float, gain: float, tint: float, light: float) -> Float[Array, "3 4"]:
    """Another order of the channels, more or less contrast and light, and a tint."""
    change = np.zeros((3, 4), np.float32)
    strength = 0.6 + 0.8 * gain
    for channel, source in enumerate(_CHANNEL_ORDERS[int(order * 6)]):
        change[channel, source] = strength
        change[channel, 3] = 128 * (1 - strength) + 80 * (light - 0.5)
    change[int(tint * 3), 3] += 60 * (tint * 3 % 1 - 0.5)
    return change
