# SPDX-License-Identifier: Apache-2.0
"""Procedural pictures to put behind drawn spheres, in families that look unlike one another.

Each function makes one square RGB picture from a generator; the same generator, the same picture.
"""

from collections.abc import Callable

import cv2
import numpy as np

from genima.arrays import Array, Float, UInt8

Picture = UInt8[Array, "s s 3"]
Family = Callable[[np.random.Generator, int], Picture]

# Shapes of the beta distributions that one palette's colours are from: greyish to vivid, and dark
# to bright.
_SATURATION = ((1.0, 5.0), (2.0, 2.0), (5.0, 1.0))
_BRIGHTNESS = ((2.0, 3.0), (1.2, 1.2), (5.0, 2.0))


def noise(rng: np.random.Generator, side_px: int) -> Picture:
    """Clouds, marble or camouflage: octaves of smooth noise through a ramp of colours."""
    height = _octaves(rng, side_px)
    if rng.random() < 0.4:
        height = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(2, 6) * height)
    return _ramp(rng, height, hard=rng.random() < 0.3)


def stripes(rng: np.random.Generator, side_px: int) -> Picture:
    """Wood, cloth or zebra: parallel waves of one direction, bent by noise."""
    across = _direction(rng, side_px)
    bend = rng.choice([0.0, 0.1, 0.4]) * _octaves(rng, side_px)
    phase = rng.uniform(2, 25) * (across + bend)
    height = phase % 1 if rng.random() < 0.5 else 0.5 + 0.5 * np.sin(2 * np.pi * phase)
    return _worn(rng, _ramp(rng, height, hard=rng.random() < 0.6))


def checks(rng: np.random.Generator, side_px: int) -> Picture:
    """Tiles, bricks and tartan: a turned grid whose cells have colours of their own."""
    turn = rng.uniform(0, np.pi)
    scale = rng.uniform(3, 20)
    x, y = _grid(side_px)
    u = scale * (np.cos(turn) * x + np.sin(turn) * y)
    v = scale * rng.uniform(0.4, 2) * (np.cos(turn) * y - np.sin(turn) * x)
    if rng.random() < 0.4:
        u = u + 0.5 * (np.floor(v) % 2)
    colours = _palette(rng, 16)
    cell = (np.floor(u).astype(int) * 7 + np.floor(v).astype(int) * 3) % rng.integers(2, 16)
    image = colours[cell]
    joint = rng.choice([0.0, 0.04, 0.12])
    image[(u % 1 < joint) | (v % 1 < joint)] = _palette(rng, 1)[0]
    return _worn(rng, image.astype(np.uint8))


def cells(rng: np.random.Generator, side_px: int) -> Picture:
    """Pebbles, terrazzo and stained glass: everything belongs to the nearest of many points."""
    count = int(rng.integers(8, 400))
    seeds = np.ones((side_px, side_px), np.uint8)
    seeds[tuple(rng.integers(0, side_px, (2, count)))] = 0
    distance, label = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    image = _palette(rng, label.max() + 1)[label] * 1.0
    if rng.random() < 0.6:
        spacing = side_px / np.sqrt(count)
        image *= np.clip(1.2 - rng.uniform(0.2, 1.2) * distance / spacing, 0.2, 1)[..., None]
    return _worn(rng, _to_bytes(image))


def blobs(rng: np.random.Generator, side_px: int) -> Picture:
    """Things lying about: discs, boxes and strokes over something plain."""
    image = gradient(rng, side_px)
    for colour in _palette(rng, int(rng.integers(5, 60))).tolist():
        place = tuple(int(p) for p in rng.integers(-side_px // 8, side_px * 9 // 8, 2))
        size = tuple(int(s) for s in rng.integers(2, max(3, side_px // 5), 2))
        turn, kind = rng.uniform(0, 180), rng.integers(3)
        if kind == 0:
            cv2.ellipse(image, place, size, turn, 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            corners = cv2.boxPoints((place, size, turn)).astype(np.int32)
            cv2.fillConvexPoly(image, corners, colour, cv2.LINE_AA)
        else:
            end = (place[0] + 2 * size[0], place[1] - 2 * size[1])
            cv2.line(image, place, end, colour, int(rng.integers(1, 8)), cv2.LINE_AA)
    return _worn(rng, image)


def gradient(rng: np.random.Generator, side_px: int) -> Picture:
    """Walls and skies: hardly anything but a slow change of colour and some grain."""
    if rng.random() < 0.5:
        height = _direction(rng, side_px)
    else:
        x, y = _grid(side_px)
        height = np.hypot(x - rng.uniform(-0.2, 1.2), y - rng.uniform(-0.2, 1.2))
    image = _ramp(rng, height, hard=False).astype(float)
    grain = rng.normal(0, rng.uniform(0, 12), (side_px, side_px, 1))
    return _to_bytes(image + grain)


def collage(rng: np.random.Generator, side_px: int) -> Picture:
    """Like a photograph of a room: surfaces in perspective, their shadows, haze, a lens's blur."""
    image = gradient(rng, side_px)
    surfaces = (noise, stripes, checks, cells, gradient)
    for _ in range(int(rng.integers(3, 9))):
        surface = surfaces[rng.integers(len(surfaces))](rng, side_px // 2)
        outline = _quadrangle(rng, side_px)
        image = _laid_over(image, surface, outline, shadow_px=side_px / 60 * rng.uniform(0.5, 3))
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.0))
    light = rng.uniform(0.55, 1) + rng.uniform(0.1, 0.6) * _octaves(rng, side_px, coarse=True)
    grain = rng.normal(0, rng.uniform(1, 8), image.shape)
    return _to_bytes(image * light[..., None] + grain)


FAMILIES: tuple[Family, ...] = (noise, collage, stripes, cells, checks, blobs, gradient, collage)


def picture(seed: int, index: int, side_px: int) -> Picture:
    """Number `index` of the pictures that a seed stands for; the families take turns."""
    return FAMILIES[index % len(FAMILIES)](np.random.default_rng([seed, index]), side_px)


def _palette(rng: np.random.Generator, count: int) -> UInt8[Array, "n 3"]:
    """Colours that go together more often than not: around one hue, or all over the circle."""
    hsv = np.empty((1, count, 3), np.float32)
    hsv[..., 0] = (rng.uniform(0, 360) + rng.normal(0, rng.choice([8, 40, 180]), count)) % 360
    saturation, brightness = _SATURATION[rng.integers(3)], _BRIGHTNESS[rng.integers(3)]
    hsv[..., 1] = rng.beta(*saturation, count)
    hsv[..., 2] = rng.beta(*brightness, count)
    return _to_bytes(255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))[0]


def _ramp(rng: np.random.Generator, height: Float[Array, "s s"], hard: bool) -> Picture:
    """Colours by height, in steps where `hard`."""
    low, high = float(height.min()), float(height.max())
    level = ((height - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    colours = _palette(rng, int(rng.integers(2, 6)))
    at = np.linspace(0, len(colours) - 1, 256)
    if hard:
        return colours[np.rint(at).astype(int)][level]
    table = [np.interp(at, range(len(colours)), channel) for channel in colours.T]
    return np.stack(table, axis=-1).astype(np.uint8)[level]


def _octaves(rng: np.random.Generator, side_px: int, coarse: bool = False) -> Float[Array, "s s"]:
    """Smooth noise, roughly in [0, 1]."""
    total = np.zeros((side_px, side_px), np.float32)
    cell, weight = int(rng.integers(2, 6)), 0.5
    roughness = rng.uniform(0.35, 0.75)
    while cell < (8 if coarse else side_px):
        height, width = cell, max(2, round(cell * rng.uniform(0.5, 2)))
        values = rng.random((height, width), np.float32)
        total += weight * cv2.resize(values, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
        cell, weight = cell * 2, weight * roughness
    return total


def _grid(side_px: int) -> tuple[Float[Array, "s s"], Float[Array, "s s"]]:
    x, y = np.meshgrid(np.linspace(0, 1, side_px), np.linspace(0, 1, side_px))
    return x, y


def _direction(rng: np.random.Generator, side_px: int) -> Float[Array, "s s"]:
    """A plane that rises in some direction."""
    turn = rng.uniform(0, 2 * np.pi)
    x, y = _grid(side_px)
    return np.cos(turn) * x + np.sin(turn) * y


def _worn(rng: np.random.Generator, image: Picture) -> Picture:
    """Uneven in brightness, more or less."""
    depth = rng.uniform(0, 0.6)
    return _to_bytes(image * (1.1 - depth + depth * _octaves(rng, len(image)))[..., None])


def _quadrangle(rng: np.random.Generator, side_px: int) -> Float[Array, "4 2"]:
    """Corners of a surface, anywhere in the picture and partly beyond it."""
    turn = np.pi / 4 + np.arange(4) * np.pi / 2 + rng.normal(0, 0.25, 4) + rng.uniform(-0.3, 0.3)
    reach = side_px * rng.uniform(0.15, 0.6) * rng.uniform(0.6, 1.2, 4)
    centre = rng.uniform(0, side_px, 2)
    stretch = np.array([rng.uniform(0.6, 1.8), rng.uniform(0.4, 1.0)])
    corners = centre + stretch * reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return np.asarray(corners, np.float32)


def _laid_over(
    image: Picture, surface: Picture, outline: Float[Array, "4 2"], shadow_px: float
) -> Picture:
    """A picture put into a quadrangle of another one, with a soft shadow beside it."""
    side, far = len(image), len(surface)
    corners = np.array([[0, 0], [far, 0], [far, far], [0, far]], np.float32)
    warp = cv2.getPerspectiveTransform(corners, outline)
    mask = cv2.warpPerspective(np.full((far, far), 255, np.uint8), warp, (side, side))
    move = np.array([[1, 0, shadow_px], [0, 1, shadow_px]], np.float32)
    shadow = cv2.GaussianBlur(cv2.warpAffine(mask, move, (side, side)), (0, 0), shadow_px)
    shaded = _to_bytes(image * (1 - 0.5 / 255 * shadow.astype(np.float32))[..., None])
    laid = cv2.warpPerspective(surface, warp, (side, side))
    return np.where(mask[..., None] > 127, laid, shaded)


def _to_bytes(colour: Float[Array, "... 3"]) -> UInt8[Array, "... 3"]:
    return np.clip(colour, 0, 255).astype(np.uint8)
