# SPDX-License-Identifier: Apache-2.0
"""Twenty colours, and patterns of two of them, for perturbed scenes.

They are not the pictures that training may put behind its tiles (`genima.data.texture_families`):
these have any colour, and who was trained with them would be tested on what it has seen.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.sim.textures import smooth_noise, to_bytes

#: Red, green, blue from 0 to 1. All are grey, or of another hue than every sphere: who reads
#: targets is to be disturbed by another scene, not by something that is painted like a target.
PALETTE: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "white": (0.93, 0.93, 0.92),
        "silver": (0.74, 0.75, 0.76),
        "grey": (0.52, 0.52, 0.53),
        "slate": (0.34, 0.36, 0.39),
        "black": (0.11, 0.11, 0.12),
        "cream": (0.92, 0.87, 0.78),
        "tan": (0.80, 0.62, 0.44),
        "orange": (0.93, 0.52, 0.15),
        "apricot": (0.95, 0.70, 0.45),
        "brown": (0.45, 0.28, 0.15),
        "moss": (0.36, 0.50, 0.20),
        "pear": (0.60, 0.80, 0.34),
        "pine": (0.10, 0.38, 0.27),
        "jade": (0.25, 0.66, 0.50),
        "mint": (0.58, 0.86, 0.74),
        "navy": (0.10, 0.18, 0.38),
        "denim": (0.26, 0.45, 0.74),
        "plum": (0.42, 0.16, 0.42),
        "orchid": (0.80, 0.42, 0.78),
        "rose": (0.86, 0.38, 0.58),
    }
)

Pattern = Callable[[np.random.Generator, int], Float[Array, "n n"]]


def random_texture(rng: np.random.Generator, size_px: int) -> UInt8[Array, "n n 3"]:
    """A picture of two colours in one of several patterns."""
    patterns: tuple[Pattern, ...] = (_checks, _stripes, _dots, _bricks, _clouds, _marble)
    share = patterns[rng.integers(len(patterns))](rng, size_px)[..., None]
    colours = np.array(list(PALETTE.values()))
    ground, figure = colours[rng.choice(len(colours), 2, replace=False)]
    speckle = 1.0 + 0.03 * rng.standard_normal((size_px, size_px, 1))
    return to_bytes((ground + (figure - ground) * share) * speckle)


def _checks(rng: np.random.Generator, size_px: int) -> Float[Array, "n n"]:
    rows, columns = np.mgrid[:size_px, :size_px] * rng.integers(4, 13) // size_px
    return ((rows + columns) % 2).astype(float)


def _stripes(rng: np.random.Generator, size_px: int) -> Float[Array, "n n"]:
    rows, columns = np.mgrid[:size_px, :size_px] / size_px
    along = rows if rng.random() < 0.5 else columns
    return (along * rng.integers(5, 16) % 1.0 < rng.uniform(0.3, 0.6)).astype(float)


def _dots(rng: np.random.Generator, size_px: int) -> Float[Array, "n n"]:
    rows, columns = np.mgrid[:size_px, :size_px] / size_px * rng.integers(5, 13) % 1.0 - 0.5
    return (np.hypot(rows, columns) < rng.uniform(0.2, 0.4)).astype(float)


def _bricks(rng: np.random.Generator, size_px: int) -> Float[Array, "n n"]:
    courses = 2 * rng.integers(3, 8)
    rows, columns = np.mgrid[:size_px, :size_px] / size_px
    course = (rows * courses).astype(int)
    along = (columns * courses / 2 + 0.5 * (course % 2)) % 1.0
    return ((rows * courses % 1.0 < 0.12) | (along < 0.06)).astype(float)


def _clouds(rng: np.random.Generator, size_px: int) -> Float[Array, "n n"]:
    share = np.zeros((size_px, size_px))
    for cells, weight in ((4, 0.6), (11, 0.4), (31, 0.2)):
        share += weight * (smooth_noise(rng, size_px, (cells, cells)) - 0.5)
    return np.clip(0.5 + 1.2 * share, 0.0, 1.0)


def _marble(rng: np.random.Generator, size_px: int) -> Float[Array, "n n"]:
    rows, columns = np.mgrid[:size_px, :size_px] / size_px
    bent = rows * rng.integers(3, 8) + columns + 1.5 * smooth_noise(rng, size_px, (5, 5))
    return np.abs(np.sin(np.pi * bent)) ** 3
