# SPDX-License-Identifier: Apache-2.0
"""Where the rays of a camera meet one sphere.

With rays of the form (a, b, 1) the ray parameter of a hit is its depth, and everything that the
quadratic equation needs is a sum of a part that depends on the column and one on the row. So a box
of pixels costs a few additions and one square root each, in single precision.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from genima.arrays import Array, Float
from genima.intrinsics import Intrinsics


@dataclass(frozen=True, eq=False)
class Footprint:
    """One sphere in one image: the box of pixels it lies in, and what the rays of these hit.

    Attributes:
        rows: Rows of the box.
        cols: Columns of the box.
        depth_m: Along the optical axis, of the nearest hit [m]; NaN where the ray misses.
        x_over_r: Local x of the hit over the radius; NaN where the ray misses.
    """

    rows: slice
    cols: slice
    depth_m: Float[Array, "r c"]
    x_over_r: Float[Array, "r c"]


def trace_sphere(
    cam_T_sphere: "Float[Array, '4 4']", intrinsics: Intrinsics, radius_m: float
) -> Footprint | None:
    """Intersect the rays of a camera with one sphere.

    Args:
        cam_T_sphere: Pose of the sphere in the optical frame.
        intrinsics: Of the camera.
        radius_m: Radius [m].

    Returns:
        The footprint, or None where the sphere lies beside the image, behind the camera, or around
        it.
    """
    (xx, _, _, x), (xy, _, _, y), (xz, _, _, z) = cam_T_sphere[:3].tolist()
    power = x * x + y * y + z * z - radius_m * radius_m  # negative for a camera inside
    if power <= 0:
        return None
    cols = _extent(x, z, radius_m, intrinsics.fx, intrinsics.cx, intrinsics.width)
    rows = _extent(y, z, radius_m, intrinsics.fy, intrinsics.cy, intrinsics.height)
    if cols.start >= cols.stop or rows.start >= rows.stop:
        return None
    grid = _grid(intrinsics)
    a, b = grid.a[cols], grid.b[rows]  # a ray is (a, b, 1), so its parameter is the depth
    length2 = grid.a2[cols] + grid.b2_plus_1[rows]
    along = a * np.float32(x) + (b * np.float32(y) + np.float32(z))
    depth = along * along
    depth -= length2 * np.float32(power)
    with np.errstate(invalid="ignore"):
        np.sqrt(depth, out=depth)
    np.subtract(along, depth, out=depth)
    depth /= length2
    if z <= radius_m:
        # Rays hit the part that lies behind the camera backwards.
        depth[depth <= 0] = np.nan
    scale = 1 / radius_m
    x_over_r = a * np.float32(xx * scale) + (b * np.float32(xy * scale) + np.float32(xz * scale))
    x_over_r *= depth
    x_over_r -= np.float32((xx * x + xy * y + xz * z) * scale)
    return Footprint(rows, cols, depth, x_over_r)


@dataclass(frozen=True, eq=False)
class _Grid:
    """Rays through the pixel centres as (a, b, 1), by column and by row, and their squares."""

    a: Float[Array, "w"]
    b: Float[Array, "h 1"]
    a2: Float[Array, "w"]
    b2_plus_1: Float[Array, "h 1"]


@lru_cache(maxsize=64)
def _grid(intrinsics: Intrinsics) -> _Grid:
    a = (np.arange(intrinsics.width) + 0.5 - intrinsics.cx) / intrinsics.fx
    b = (np.arange(intrinsics.height)[:, None] + 0.5 - intrinsics.cy) / intrinsics.fy
    arrays = [array.astype(np.float32) for array in (a, b, a * a, b * b + 1)]
    for array in arrays:
        array.setflags(write=False)
    return _Grid(*arrays)


def _extent(centre: float, z: float, radius: float, f: float, c: float, size: int) -> slice:
    """Pixels along one axis whose centres the sphere's projection can contain.

    Seen along the other axis the sphere is a circle around (centre, z), and its tangents through
    the camera bound the projection, unless they point backwards.
    """
    distance = math.hypot(centre, z)
    if distance <= radius:
        return slice(0, size)
    middle, half = math.atan2(centre, z), math.asin(radius / distance)
    low, high = middle - half, middle + half
    if low >= math.pi / 2 or high <= -math.pi / 2:
        return slice(0, 0)
    first, last = 0, size
    if low > -math.pi / 2:
        first = max(0, math.ceil(f * math.tan(low) + c - 0.5))
    if high < math.pi / 2:
        last = min(size, math.floor(f * math.tan(high) + c - 0.5) + 1)
    return slice(first, last)
