# SPDX-License-Identifier: Apache-2.0
"""Distances between capsules, many pairs at a time."""

import numpy as np

from genima.arrays import Array, Float

#: Added to squared lengths, so that capsules without length and parallel ones divide by no zero
#: [m^2]; the distance that comes out is still that of two points on their axes.
_TINY_M2 = 1e-12


def segment_distances(
    start_a: Float[Array, "*n 3"],
    end_a: Float[Array, "*n 3"],
    start_b: Float[Array, "*n 3"],
    end_b: Float[Array, "*n 3"],
) -> Float[Array, "*n"]:
    """Shortest distances between straight segments [m].

    The nearest points of the two lines are found first; where one lies outside its segment it is
    moved to the end, and the point of the other segment nearest to that end is taken.
    """
    way_a, way_b, between = end_a - start_a, end_b - start_b, start_a - start_b
    aa, bb, ab = _dot(way_a, way_a) + _TINY_M2, _dot(way_b, way_b) + _TINY_M2, _dot(way_a, way_b)
    a_between, b_between = _dot(way_a, between), _dot(way_b, between)
    crossing = np.maximum(aa * bb - ab * ab, _TINY_M2 * aa * bb)
    s = _share((ab * b_between - a_between * bb) / crossing)
    t = _share((ab * s + b_between) / bb)
    s = _share((ab * t - a_between) / aa)
    gap = between + s[..., None] * way_a - t[..., None] * way_b
    return np.asarray(np.sqrt(_dot(gap, gap)))


def _dot(a: Float[Array, "*n 3"], b: Float[Array, "*n 3"]) -> Float[Array, "*n"]:
    return np.asarray(np.einsum("...i,...i->...", a, b))


def _share(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    return np.asarray(np.minimum(np.maximum(x, 0.0), 1.0))
