# SPDX-License-Identifier: Apache-2.0
"""Round things of one colour in one image, found by their outlines."""

import cv2
import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.decode.edges import Edges
from genima.decode.palette import Label

_MIN_EDGES = 14
_MAX_EDGES = 140
_GROUPS = 3
_TRIES = 140
# Fixed once, so that the same image always gives the same discs.
_TRIPLES = np.random.default_rng(20240701).uniform(size=(_TRIES, 3))
# An edge lies on a circle if it is this close [px]; near by, outlines are ellipses [radii].
_TOLERANCE_PX = 1.0
_TOLERANCE_SHARE = 0.03
#: Radii that are looked for together [px]; patches are joined by what the largest needs.
_SCALES_PX = ((6.0, 45.0), (40.0, 130.0))
# Bands are at most a fifth of the radius apart: closing gaps of that width joins a sphere's bands.
_GAP = 0.2
# Of a disc's own area in the image: what has to be colour or black, and what of either.
_MIN_FILLED = 0.6
_MIN_COLOURED = 0.15
_MIN_BLACK = 0.08
_MIN_TO_BLACK = 0.2  # of all edges
# A horizontal or vertical edge of an outline points at most 45 degrees away from the radius; blur,
# noise and rounding add to that.
_MIN_OUTWARD = 0.5


def _unit_disc(n: int) -> "Float[Array, 'n 2']":
    """Points that fill the unit disc evenly (sunflower)."""
    k = np.arange(n) + 0.5
    radius, angle = np.sqrt(k / n), k * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


_FILL = _unit_disc(96)
_AROUND = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_RING = 1.15 * np.stack([np.cos(_AROUND), np.sin(_AROUND)], axis=-1)
# Share of a ring around the disc that may have its colour: a thing behind it, but not the sphere.
_MAX_BEYOND = 0.25


def find_discs(
    edges: Edges, labels: UInt8[Array, "h w"], label: Label, radius_px: tuple[float, float]
) -> Float[Array, "n 4"]:
    """Discs that look like spheres of one colour.

    Args:
        edges: All edges of that colour.
        labels: Labels of the image.
        label: The colour.
        radius_px: Smallest and largest radius to look for [px].

    Returns:
        Centre u, v and radius [px], and a score from 0 to 1, best first.
    """
    mask = labels == label
    found = []
    for low, high in _SCALES_PX:
        low, high = max(low, radius_px[0]), min(high, radius_px[1])
        if low >= high:
            continue
        for group in _groups(edges, mask, low, high):
            disc = _best_disc(edges.select(group), (low, high))
            score = 0.0 if disc is None else _fill_score(disc, labels, label)
            if disc is not None and score > 0:
                found.append([*disc, score])
    discs = np.array(found).reshape(-1, 4)
    return discs[np.argsort(-discs[:, 3], kind="stable")]


def _groups(edges: Edges, mask: Array, smallest_px: float, largest_px: float) -> list[Array]:
    """Indices of the outer edges of each of the largest patches of the colour."""
    if not len(edges) or np.count_nonzero(mask) < _MIN_COLOURED * np.pi * smallest_px**2:
        return []
    width = max(3, round(_GAP * largest_px)) | 1
    kernel = np.ones((width, width), np.uint8)
    grown = cv2.dilate(mask.view(np.uint8), kernel)
    _, patches = cv2.connectedComponents(grown, connectivity=4, ltype=cv2.CV_16U)
    closed = cv2.erode(grown, kernel)
    last = np.array(mask.shape[::-1]) - 1
    inside = np.clip((edges.uv - 0.51 * edges.outward).astype(int), 0, last)
    beyond = np.clip((edges.uv + 0.51 * edges.outward).astype(int), 0, last)
    patch = patches[inside[:, 1], inside[:, 0]]
    # A thing of one colour has no black in it or beside it; a sphere has a lot.
    black = np.bincount(patch, edges.to_black)
    striped = black > _MIN_TO_BLACK * np.bincount(patch)
    patch[closed[beyond[:, 1], beyond[:, 0]] > 0] = 0  # between two bands of one sphere
    sizes = np.bincount(patch, minlength=len(striped)) * striped
    sizes[0] = 0
    largest = np.argsort(-sizes, kind="stable")[:_GROUPS]
    least = max(_MIN_EDGES, 2.0 * smallest_px)
    return [np.flatnonzero(patch == p) for p in largest if sizes[p] >= least]


def _best_disc(edges: Edges, radius_px: tuple[float, float]) -> "Float[Array, '3'] | None":
    """The circle through three edges that most of the others lie on, too."""
    if len(edges) > _MAX_EDGES:
        edges = edges.select(np.linspace(0, len(edges) - 1, _MAX_EDGES).astype(int))
    triples = (_TRIPLES * len(edges)).astype(int)
    a, b, c = (edges.uv[triples[:, i]] for i in range(3))
    centre, radius = _circles(a, b, c)
    usable = (radius >= radius_px[0]) & (radius <= radius_px[1])
    for i in range(3):
        offset = edges.uv[triples[:, i]] - centre
        outward = np.einsum("ni,ni->n", offset, edges.outward[triples[:, i]])
        usable &= outward > _MIN_OUTWARD * radius
    if not usable.any():
        return None
    centre, radius = centre[usable], radius[usable]
    support = _on_circle(edges, centre, radius).astype(float) @ np.where(edges.to_black, 0.5, 1.0)
    # An outline that explains the same edges with a shorter circle is the likelier one.
    best = int(np.argmax(support / np.sqrt(radius)))
    disc = np.array([*centre[best], radius[best]])
    for _ in range(2):
        on = _on_circle(edges, disc[None, :2], disc[2:])[0]
        if on.sum() < _MIN_EDGES // 2:
            return None
        disc = _fitted(edges.uv[on])
    return disc if radius_px[0] <= disc[2] <= radius_px[1] else None


def _circles(a: Array, b: Array, c: Array) -> tuple[Array, Array]:
    """Centres and radii of the circles through three points each."""
    b, c = b - a, c - a
    twice = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    twice = np.where(np.abs(twice) < 1e-6, np.nan, twice)
    b2, c2 = np.sum(b * b, axis=1), np.sum(c * c, axis=1)
    x = (c[:, 1] * b2 - b[:, 1] * c2) / twice
    y = (b[:, 0] * c2 - c[:, 0] * b2) / twice
    return a + np.stack([x, y], axis=-1), np.hypot(x, y)


def _on_circle(edges: Edges, centre: Array, radius: Array) -> Array:
    """Which edges (columns) lie on which circles (rows) and lead out of them."""
    du = np.subtract.outer(-centre[:, 0], -edges.uv[:, 0]).astype(np.float32)
    dv = np.subtract.outer(-centre[:, 1], -edges.uv[:, 1]).astype(np.float32)
    outward = du * edges.outward[:, 0].astype(np.float32)
    outward += dv * edges.outward[:, 1].astype(np.float32)
    du *= du
    dv *= dv
    du += dv
    distance = np.sqrt(du, out=du)
    on = outward > _MIN_OUTWARD * distance
    distance -= radius[:, None].astype(np.float32)
    tolerance = np.maximum(_TOLERANCE_PX, _TOLERANCE_SHARE * radius)
    on &= np.abs(distance, out=distance) < tolerance[:, None]
    return on


def _fitted(uv: Array) -> Array:
    """The circle with the least algebraic error."""
    middle = uv.mean(axis=0)
    p = uv - middle
    length2 = np.sum(p * p, axis=1)
    # With the mean at the origin the normal equations of (x, y) and of the radius fall apart.
    x, y = np.linalg.solve(2 * p.T @ p + 1e-9 * np.eye(2), p.T @ length2)
    return np.array([x + middle[0], y + middle[1], np.sqrt(length2.mean() + x * x + y * y)])


def _fill_score(disc: Array, labels: Array, label: Label) -> float:
    """How much of a disc is colour or black; 0 if it cannot be a sphere."""
    seen = _look(disc, 0.95 * _FILL, labels)
    if len(seen) < len(_FILL) // 8:
        return 0.0
    around = _look(disc, _RING, labels)
    coloured, black = float(np.mean(seen == label)), float(np.mean(seen == Label.BLACK))
    beyond = float(np.mean(around == label)) if len(around) else 0.0
    if coloured < _MIN_COLOURED or black < _MIN_BLACK or coloured + black < _MIN_FILLED:
        return 0.0
    if beyond > _MAX_BEYOND:
        return 0.0
    return (coloured + black - beyond) * float(np.sqrt(len(seen) / len(_FILL)))


def _look(disc: Array, offsets: Array, labels: Array) -> Array:
    """Labels at offsets in units of the radius, as far as they lie in the image."""
    at = np.floor(disc[:2] + disc[2] * offsets).astype(int)
    height, width = labels.shape
    inside = (at[:, 0] >= 0) & (at[:, 1] >= 0) & (at[:, 0] < width) & (at[:, 1] < height)
    return np.asarray(labels[at[inside, 1], at[inside, 0]])
