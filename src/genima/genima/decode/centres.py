# SPDX-License-Identifier: Apache-2.0
"""Where spheres may be in space, from discs in several images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float
from genima.decode.chain import BASE_CENTRE, LENGTHS_M
from genima.view import CameraView

#: Candidates kept for each sphere.
_KEPT = 6
# Two discs are the same sphere if their rays pass this close [m] and both radii fit this well.
_MAX_GAP_M = 0.03
_RADIUS_RATIO = 1.25
# Of a disc that is cut off by the border, the radius says little.
_LOOSE_RATIO = 1.4
_SAME_M = 0.03
# A disc's radius tells its depth to about 4 %, two rays tell it to about a centimetre.
_DEPTH_SIGMA = 0.04
_RAY_SIGMA_M = 0.012


@dataclass(frozen=True, eq=False)
class Candidates:
    """Places where one sphere may be.

    Attributes:
        points: Centres in the base [m].
        sigmas: Uncertainty of each [m].
        scores: Sum of the scores of the discs that say so.
    """

    points: Float[Array, "n 3"]
    sigmas: Float[Array, "n"]
    scores: Float[Array, "n"]


@dataclass(frozen=True, eq=False)
class SeenDisc:
    """A disc as a ray in space.

    Attributes:
        view: Index of the camera.
        origin: Of the camera in the base [m].
        ray: Through the disc's centre, with length 1 along the optical axis.
        depth_m: Along the optical axis, from the radius.
        score: Of the disc.
    """

    view: int
    origin: Float[Array, "3"]
    ray: Float[Array, "3"]
    depth_m: float
    score: float

    @property
    def point(self) -> Float[Array, "3"]:
        """The centre if the radius is right."""
        return self.origin + self.depth_m * self.ray


def seen_discs(
    index: int, view: CameraView, radius_m: float, discs: Float[Array, "n 4"]
) -> list[SeenDisc]:
    """Rays of the discs that were found in one image."""
    k = view.intrinsics
    rotation, origin = view.base_T_cam[:3, :3], view.base_T_cam[:3, 3]
    seen = []
    for u, v, radius_px, score in discs:
        ray = rotation @ np.array([(u - k.cx) / k.fx, (v - k.cy) / k.fy, 1.0])
        seen.append(SeenDisc(index, origin, ray, radius_m * k.fx / radius_px, float(score)))
    return seen


@dataclass(frozen=True, eq=False)
class Shell:
    """A sphere in space that a centre lies on, as it is one rigid piece away from another.

    Attributes:
        anchor: The other centre [m].
        length_m: Length of the piece [m].
        score: Of the other centre.
    """

    anchor: Float[Array, "3"]
    length_m: float
    score: float


#: The elbow's shell is known beforehand, as the base sphere never moves.
ELBOW_SHELL = Shell(BASE_CENTRE, LENGTHS_M[0], 0.0)


def candidates(discs: Sequence[SeenDisc], shells: Sequence[Shell] = ()) -> Candidates:
    """Places for a sphere: single discs, pairs of them in different images, discs on shells."""
    points = [disc.point for disc in discs]
    sigmas = [_DEPTH_SIGMA * disc.depth_m for disc in discs]
    scores = [disc.score for disc in discs]
    for i, one in enumerate(discs):
        for other in discs[i + 1 :]:
            crossing = None if one.view == other.view else _crossing(one, other)
            if crossing is not None:
                points.append(crossing)
                sigmas.append(_RAY_SIGMA_M)
                scores.append(one.score + other.score)
        for shell in shells:
            for point in _on_shell(one, shell):
                points.append(point)
                sigmas.append(_RAY_SIGMA_M)
                scores.append(one.score + shell.score)
    return _best(np.reshape(points, (-1, 3)), np.array(sigmas), np.array(scores))


def shells_around(found: Candidates, length_m: float) -> list[Shell]:
    """Where a sphere's neighbour is, around those candidates that are sure of their place."""
    sure = np.flatnonzero(found.sigmas <= _RAY_SIGMA_M)
    return [Shell(found.points[i], length_m, 0.5 * float(found.scores[i])) for i in sure]


def _on_shell(disc: SeenDisc, shell: Shell) -> list[Array]:
    """Where a disc's ray enters and leaves a shell; its closest point if it just misses it."""
    to_anchor = shell.anchor - disc.origin
    length2 = float(disc.ray @ disc.ray)
    closest = float(to_anchor @ disc.ray) / length2
    offset = disc.origin + closest * disc.ray - shell.anchor
    inside = shell.length_m**2 - float(offset @ offset)
    if inside < 0:
        near = np.sqrt(float(offset @ offset)) - shell.length_m < _MAX_GAP_M
        depths = [closest] if near else []
    else:
        half = np.sqrt(inside / length2)
        depths = [closest - half, closest + half]
    fits = [d for d in depths if d > 0 and 1 / _LOOSE_RATIO < d / disc.depth_m < _LOOSE_RATIO]
    return [disc.origin + depth * disc.ray for depth in fits]


def _crossing(one: SeenDisc, other: SeenDisc) -> "Float[Array, '3'] | None":
    """Where two rays meet, if they do and the radii agree with it."""
    base = other.origin - one.origin
    aa, bb, ab = one.ray @ one.ray, other.ray @ other.ray, one.ray @ other.ray
    determinant = aa * bb - ab * ab
    if determinant < 1e-4 * aa * bb:
        return None
    a, b = base @ one.ray, base @ other.ray
    depth_one = (a * bb - b * ab) / determinant
    depth_other = (a * ab - b * aa) / determinant
    for depth, disc in ((depth_one, one), (depth_other, other)):
        if not 1 / _RADIUS_RATIO < depth / disc.depth_m < _RADIUS_RATIO:
            return None
    p, r = one.origin + depth_one * one.ray, other.origin + depth_other * other.ray
    return (p + r) / 2 if np.linalg.norm(p - r) < _MAX_GAP_M else None


def _best(points: Array, sigmas: Array, scores: Array) -> Candidates:
    """The best few, without those that say the same as a better one."""
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if all(np.linalg.norm(points[i] - points[j]) > _SAME_M for j in kept):
            kept.append(int(i))
        if len(kept) == _KEPT:
            break
    return Candidates(points[kept], sigmas[kept], scores[kept])
