# SPDX-License-Identifier: Apache-2.0
"""Which pixels may belong to which sphere, by their colour alone."""

from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import cache

import cv2
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


@dataclass(frozen=True)
class _Rule:
    """Which colours count as a sphere's.

    Attributes:
        tolerance: Distance in RGB from those below.
        darkest: Brightness from which a mixture with black still counts as the colour; what is as
            close to black counts as black. Blur and JPEG mix them.
        opacities: How opaque spheres may be.
        smoothing_px: Sigma of the blur before labelling [px].
    """

    tolerance: float
    darkest: float
    opacities: tuple[float, ...] = (1.0,)
    smoothing_px: float = 0.0


class Reading(Enum):
    """Ways to label a drawing, in the order in which they are tried.

    Tolerant labels cope with JPEG, blur and spheres that the scene shines through (the original
    blends them with up to 30 % of it). In a motley scene they find those colours everywhere;
    there exact ones help. Noise of sigma 15, smoothed, stays within 48.
    """

    TOLERANT = _Rule(38.0, 0.5, (1.0, 0.85, 0.7))
    EXACT = _Rule(24.0, 0.9)
    SMOOTHED = _Rule(48.0, 0.5, smoothing_px=0.7)


#: RGB of the labels BASE to CLOSED as the renderer draws them, 0 to 255.
LABEL_RGB: "Float[Array, '5 3']" = np.concatenate(
    [sphere_colours(gripper_open=True), sphere_colours(gripper_open=False)[3:]]
).astype(float)
LABEL_RGB.setflags(write=False)

_BITS = 5
_SHIFT = 8 - _BITS


def prepared(image: UInt8[Array, "h w 3"], reading: Reading) -> UInt8[Array, "h w 3"]:
    """The image that is to be labelled."""
    if reading.value.smoothing_px:
        return np.asarray(cv2.GaussianBlur(image, (3, 3), reading.value.smoothing_px), np.uint8)
    return image


def labels_of(image: UInt8[Array, "h w 3"], reading: Reading) -> UInt8[Array, "h w"]:
    """Label every pixel of a prepared image."""
    red, green, blue = np.moveaxis(image >> _SHIFT, -1, 0).astype(np.uint16)
    index = (red << 2 * _BITS) | (green << _BITS) | blue
    return _table(reading)[index]


def levels_of(rgb: Float[Array, "n 3"], label: Label) -> Float[Array, "n"]:
    """How bright colours are along a label's: 0 is black, 1 the colour itself."""
    colour = LABEL_RGB[label - 1]
    return np.asarray(rgb @ (colour / (colour @ colour)))


@cache
def _table(reading: Reading) -> UInt8[Array, "n"]:
    """The label of every colour, reduced to five bits a channel."""
    rule = reading.value
    axis = (np.arange(1 << _BITS) << _SHIFT) + (1 << _SHIFT) / 2
    colours = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    bright, dark = np.linspace(rule.darkest, 1.0, 8), np.linspace(0.0, 1.0 - rule.darkest, 8)
    # Blended spheres are not blurred much, too, or nothing could be told from anything.
    distances = np.stack(
        [
            _distance(colours, _shaded(rgb, bright), _shaded(rgb, bright[4:]), rule.opacities)
            for rgb in LABEL_RGB
        ]
        + [_distance(colours, _shaded(LABEL_RGB, dark), np.zeros((1, 3)), rule.opacities)]
    )
    known = np.min(distances, axis=0) <= rule.tolerance
    table = np.where(known, np.argmin(distances, axis=0) + 1, Label.OTHER).astype(np.uint8)
    table.setflags(write=False)
    return table


def _shaded(rgb: Array, shades: Array) -> Array:
    """Colours (n, 3) or one of them at several shades, one after the other."""
    return np.multiply.outer(shades, rgb).reshape(-1, 3)


def _distance(colours: Array, pure: Array, blended: Array, opacities: tuple[float, ...]) -> Array:
    """Distance of colours from pure ones, or from blended ones in front of any grey."""
    greys = np.repeat(np.linspace(0.0, 255.0, 8)[:, None], 3, axis=1)
    points = [pure]
    for opacity in opacities[1:]:
        points.append((opacity * blended[:, None] + (1.0 - opacity) * greys).reshape(-1, 3))
    best = np.full(len(colours), np.inf)
    for point in np.unique(np.concatenate(points), axis=0):
        offset = colours - point
        best = np.minimum(best, np.einsum("ni,ni->n", offset, offset))
    return np.sqrt(best)
