# SPDX-License-Identifier: Apache-2.0
"""Reads the direction of a sphere's stripes where its centre is known."""

import numpy as np

from genima.arrays import Array, Bool, Float, UInt8
from genima.decode.palette import Label
from genima.decode.scene import Samples
from genima.spheres import STRIPE_EDGES, is_coloured

_LEVELS = 256
#: +1 where x / r is coloured, -1 where it is black; a table, as it is asked for millions of times.
_PATTERN = np.where(
    is_coloured((np.arange(_LEVELS + 1) + 0.5) / _LEVELS * 2 - 1), 1.0, -1.0
).astype(np.float32)
_MIN_SAMPLES = 10


def pattern(x_over_r: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """+1 in coloured stripes, -1 in black ones."""
    return _PATTERN[((x_over_r + 1) * (_LEVELS / 2)).astype(np.intp)]


def signs_of(
    labels: UInt8[Array, "*n"], seen: Bool[Array, "*n"], label: Label
) -> Float[Array, "*n"]:
    """+1 where a colour is seen, -1 where black is, 0 elsewhere."""
    signs = (labels == label).astype(np.float32) - (labels == Label.BLACK)
    return np.asarray(signs * seen)


def match(
    samples: Samples,
    axes: Float[Array, "b 4 3"],
    label_of: UInt8[Array, "4"],
    margin_px: float = 0.0,
) -> Array:
    """Agreement of configurations with what is seen, for each sphere.

    Args:
        samples: Of the spheres of these configurations.
        axes: Their stripe axes.
        label_of: The colour of each sphere.
        margin_px: Samples closer to the edge of a stripe do not count [px].

    Returns:
        Shares of the samples that show what they should (b, 4), and the numbers of samples (b, 4).
    """
    x = (samples.normals @ axes[:, :, None, :, None])[..., 0]
    expected = np.where(pattern(x) > 0, label_of[:, None, None], np.uint8(Label.BLACK))
    counts = samples.seen
    if margin_px:
        counts = counts & (_to_edge(x) > margin_px / samples.radius_px[..., None])
    right = (samples.labels == expected) & counts
    count = counts.sum(axis=(2, 3))
    return np.stack([right.sum(axis=(2, 3)) / np.maximum(count, 1), count])


def _to_edge(x_over_r: Array) -> Array:
    """Distance of x / r from the nearest edge of a stripe."""
    step = STRIPE_EDGES[1] - STRIPE_EDGES[0]
    nearest = np.clip(np.rint((x_over_r + 1) / step), 1, len(STRIPE_EDGES) - 2)
    return np.asarray(np.abs(x_over_r + 1 - nearest * step))


def _directions(n: int) -> "Float[Array, 'n 3']":
    """Directions that fill the unit sphere evenly."""
    k = np.arange(n) + 0.5
    z, phi = 1 - 2 * k / n, k * np.pi * (3 - np.sqrt(5))
    rho = np.sqrt(1 - z * z)
    return np.stack([rho * np.cos(phi), rho * np.sin(phi), z], axis=-1)


_BANK = _directions(1400)  # about 5.5 degrees apart, half a stripe
_MODES = 3
_APART = float(np.cos(np.deg2rad(20)))


def read_axes(
    normals: Float[Array, "n 3"], signs: Float[Array, "n"]
) -> tuple[Float[Array, "m 3"], Float[Array, "m"]]:
    """The likeliest stripe axes of one sphere.

    Args:
        normals: Outward normals of the points that were looked at.
        signs: What is seen there; see `signs_of`.

    Returns:
        Unit axes, best first, and their agreement from -1 to 1.
    """
    told = signs != 0
    if told.sum() < _MIN_SAMPLES:
        return np.empty((0, 3)), np.empty(0)
    agreement = _agreement(normals[told], signs[told], _BANK)
    axes: list[Array] = []
    scores: list[float] = []
    for i in np.argsort(-agreement, kind="stable")[:40]:
        if all(float(_BANK[i] @ axis) < _APART for axis in axes):
            axes.append(_BANK[i])
            scores.append(float(agreement[i]))
        if len(axes) == _MODES:
            break
    return np.array(axes), np.array(scores)


def read_turn(
    normals: Float[Array, "n 3"],
    signs: Float[Array, "n"],
    axis_at_0: Float[Array, "3"],
    axis_at_90: Float[Array, "3"],
    angles: Float[Array, "a"],
) -> Float[Array, "a"]:
    """Agreement of a sphere that can only turn about one axis, for each angle [rad]."""
    told = signs != 0
    if told.sum() < _MIN_SAMPLES:
        return np.zeros(len(angles))
    axes = np.cos(angles)[:, None] * axis_at_0 + np.sin(angles)[:, None] * axis_at_90
    return _agreement(normals[told], signs[told], axes)


def _agreement(normals: Array, signs: Array, axes: Array) -> Array:
    x = axes.astype(np.float32) @ normals.T.astype(np.float32)
    return np.asarray(pattern(np.clip(x, -0.999, 0.999)) @ signs.astype(np.float32)) / len(signs)
