# SPDX-License-Identifier: Apache-2.0
"""Procedural pictures for table, floor and walls; the same on every machine."""

from functools import lru_cache

import cv2
import numpy as np

from genima.arrays import Array, Float, UInt8

_PLANKS = 7
_WOOD_DARK = np.array([0.60, 0.47, 0.34])
_WOOD_LIGHT = np.array([0.80, 0.68, 0.53])
BACKDROP_PX = 128
_SKIRTING = 0.78
"""Where the floor of the backdrop begins, from the top of a side [1]."""


@lru_cache(maxsize=1)
def wood(size_px: int = 512) -> UInt8[Array, "n n 3"]:
    """Glued planks of oak that run along the columns."""
    rng = np.random.default_rng(7)
    across = np.linspace(0.0, 1.0, size_px, endpoint=False)
    plank = (across * _PLANKS).astype(int)
    tone = rng.uniform(-0.12, 0.12, _PLANKS)[plank]
    grain = np.empty((size_px, size_px))
    for i in range(_PLANKS):
        rows = plank == i
        warp = 0.35 * smooth_noise(rng, size_px, (3, 3))[rows]
        rings = np.sin(2 * np.pi * (9.0 * across[rows, None] * 2.5 + warp * 4.0 + rng.uniform()))
        grain[rows] = 0.5 + 0.22 * rings
    fibre = smooth_noise(rng, size_px, (size_px // 2, 10))
    mix = np.clip(grain + tone[:, None] + 0.45 * (fibre - 0.5), 0.0, 1.0)[..., None]
    colour = _WOOD_DARK + (_WOOD_LIGHT - _WOOD_DARK) * mix
    seam = np.abs(across * _PLANKS - np.round(across * _PLANKS)) < 0.008
    colour[seam] *= 0.72
    return to_bytes(colour)


@lru_cache(maxsize=4)
def plaster(
    colour: tuple[float, float, float], contrast: float, seed: int, size_px: int = 256
) -> UInt8[Array, "n n 3"]:
    """An almost even surface."""
    rng = np.random.default_rng(seed)
    cloudy = smooth_noise(rng, size_px, (6, 6)) + 0.5 * smooth_noise(rng, size_px, (48, 48)) - 0.75
    return to_bytes(np.array(colour) + contrast * cloudy[..., None])


@lru_cache(maxsize=4)
def room(
    wall: tuple[float, float, float], floor: tuple[float, float, float]
) -> UInt8[Array, "n m 3"]:
    """Six faces of a sky box, one below the other: an even wall over an even floor."""
    height = np.linspace(0.0, 1.0, BACKDROP_PX)[:, None]
    shade = 0.98 - 0.20 * np.clip(height / _SKIRTING, 0.0, 1.0) ** 2
    column = np.where(height < _SKIRTING, np.array(wall) * shade, np.array(floor) * 0.95)
    side = np.repeat(column[:, None], BACKDROP_PX, axis=1)
    above = np.broadcast_to(np.array(wall) * 0.98, side.shape)
    below = np.broadcast_to(np.array(floor) * 0.95, side.shape)
    return to_bytes(np.concatenate([side, side, above, below, side, side]))


def smooth_noise(
    rng: np.random.Generator, size_px: int, cells: tuple[int, int]
) -> Float[Array, "n n"]:
    """Smooth noise in [0, 1] with so many cells down and across."""
    return cv2.resize(rng.random(cells), (size_px, size_px), interpolation=cv2.INTER_CUBIC)


def to_bytes(colour: Float[Array, "n n 3"]) -> UInt8[Array, "n n 3"]:
    """Pixels of a picture whose colours go from 0 to 1."""
    return np.ascontiguousarray((np.clip(colour, 0.0, 1.0) * 255.0).round().astype(np.uint8))
