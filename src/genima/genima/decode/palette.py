# SPDX-License-Identifier: Apache-2.0
"""Which pixels may belong to which sphere, by their colour alone."""

from enum import IntEnum
from functools import cache

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.spheres import sphere_colours


class Label(IntEnum):
    """What a pixel looks like. `OPEN` and `CLOSED` are the two colours of the gripper sphere."""

    OTHER = 0
    BASE = 1
    ELBOW = 2
    WRIST = 3
    OPEN = 4
    CLOSED = 5
    BLACK = 6


#: RGB of the labels BASE to CLOSED as the renderer draws them, 0 to 255.
LABEL_RGB: "Float[Array, '5 3']" = np.concatenate(
    [sphere_colours(gripper_open=True), sphere_colours(gripper_open=False)[3:]]
).astype(float)
LABEL_RGB.setflags(write=False)

_BITS = 5
_SHIFT = 8 - _BITS
# Blur and JPEG mix a colour with the black beside it: what keeps half of its brightness is colour.
_DARKEST = 0.5
_TOLERANCE = 48.0  # distance in RGB; noise of sigma 15 stays within it (3 sigma)
# Blended spheres show this much of what is behind them at most; the original draws 0 to 0.3.
_MAX_SEEN_THROUGH = 0.3
_BLENDED_TOLERANCE = 30.0


def labels_of(image: UInt8[Array, "h w 3"], blended: bool) -> UInt8[Array, "h w"]:
    """Label every pixel.

    Args:
        image: RGB.
        blended: Also accept colours that a sphere takes when up to 30 % of the scene shines
            through it. More of the scene then looks like a sphere, too.
    """
    quantised = image >> _SHIFT
    index = quantised[..., 0].astype(np.uint16)
    index = (index << _BITS) | quantised[..., 1]
    index = (index << _BITS) | quantised[..., 2]
    return _table(blended)[index]


def levels_of(rgb: Float[Array, "n 3"], label: Label) -> Float[Array, "n"]:
    """How bright colours are along a label's: 0 is black, 1 the colour itself."""
    colour = LABEL_RGB[label - 1]
    return np.asarray(rgb @ (colour / (colour @ colour)))


@cache
def _table(blended: bool) -> UInt8[Array, "n"]:
    """The label of every colour, reduced to five bits a channel."""
    axis = (np.arange(1 << _BITS) << _SHIFT) + (1 << _SHIFT) / 2
    colours = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    opacities = (1.0, 1.0 - _MAX_SEEN_THROUGH / 2, 1.0 - _MAX_SEEN_THROUGH) if blended else (1.0,)
    distances = np.empty((6, len(colours)))
    for row, colour in enumerate(LABEL_RGB):
        distances[row] = _distance(colours, colour, _DARKEST, 1.0, opacities)
    distances[5] = np.min(
        [_distance(colours, colour, 0.0, _DARKEST, opacities) for colour in LABEL_RGB], axis=0
    )
    nearest = np.argmin(distances, axis=0)
    tolerance = _BLENDED_TOLERANCE if blended else _TOLERANCE
    known = np.min(distances, axis=0) <= tolerance
    table = np.where(known, nearest + 1, Label.OTHER).astype(np.uint8)
    table.setflags(write=False)
    return table


def _distance(
    colours: Array, colour: Array, darkest: float, brightest: float, opacities: tuple[float, ...]
) -> Array:
    """Distance of colours from all shades of one, seen in front of any background."""
    best = np.full(len(colours), np.inf)
    for opacity in opacities:
        # In front of an unknown background a shade is a box as wide as the background's share. A
        # darkened pixel of a blended sphere is too close to grey to be told from it.
        shades = np.linspace(darkest, brightest, 8) if opacity == 1.0 else (brightest if darkest else 0.0,)
        for shade in shades:
            low = opacity * shade * colour
            outside = np.maximum(low - colours, colours - low - (1.0 - opacity) * 255.0)
            best = np.minimum(best, np.linalg.norm(np.maximum(outside, 0.0), axis=1))
    return best
