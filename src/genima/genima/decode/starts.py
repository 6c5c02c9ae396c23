# SPDX-License-Identifier: Apache-2.0
"""Configurations to start from, put together from discs, chain lengths and the base's stripes."""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float
from genima.decode.body import centres_and_axes
from genima.decode.centres import (
    ELBOW_SHELL,
    Candidates,
    SeenDisc,
    candidates,
    seen_discs,
    shells_around,
)
from genima.decode.chain import (
    BASE_CENTRE,
    LENGTHS_M,
    configurations,
    configurations_on_base,
)
from genima.decode.discs import find_discs
from genima.decode.judge import sphere_labels
from genima.decode.palette import Label
from genima.decode.scene import Sampler, Scene
from genima.decode.stripes import match, read_axes, signs_of
from genima.limits import JointLimits

#: Where spheres can be, as far from a camera as its optical axis goes [m]; it bounds their size.
_NEAREST_M, _FARTHEST_M = 0.12, 2.2
# The smallest sphere still has readable outlines, the largest fills the image.
_MIN_RADIUS_PX, _MAX_RADIUS_PX = 6.0, 128.0
_MOVING = (Label.ELBOW, Label.WRIST, Label.OPEN, Label.CLOSED)
_CHAINS = 8
# Sum of the scores of a sphere's discs over its views: two good ones that agree.
_CONVINCING = 1.5
_LIMIT_SLACK_RAD = 0.25
_DISTINCT_RAD = 0.2
_SAME_RAD = 0.1
_KEPT = 5
_MIN_COUNT = 4
# A sphere that no camera sees speaks neither for a configuration nor much against it.
_UNSEEN_SCORE = 0.4


@dataclass(frozen=True, eq=False)
class Start:
    """One configuration to refine; its joint 7 is not known yet.

    Attributes:
        q: Joint positions [rad].
        gripper_open: What the gripper sphere's colour says.
        score: How well base, elbow and wrist agree with the images, 0 to 1.
    """

    q: Float[Array, "7"]
    gripper_open: bool
    score: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was found in the images before anything was put together."""

    elbow: Candidates
    wrist: Candidates
    gripper: dict[bool, Candidates]
    base_q12: Float[Array, "n 2"]

    @property
    def convincing(self) -> bool:
        """Whether at least two of elbow, wrist and gripper look like spheres."""
        grippers = [c.scores.max(initial=0.0) for c in self.gripper.values()]
        scores = [self.elbow.scores.max(initial=0.0), self.wrist.scores.max(initial=0.0)]
        return sum(score > _CONVINCING for score in (*scores, max(grippers))) >= 2


def gather(scene: Scene, sampler: Sampler) -> Evidence:
    """Find discs in all views and read the base's stripes."""
    discs = {label: _discs(scene, label) for label in _MOVING}
    elbow = candidates(discs[Label.ELBOW], [ELBOW_SHELL])
    on_elbow = shells_around(elbow, LENGTHS_M[1])
    wrist = candidates(discs[Label.WRIST])
    gripper = {}
    shells = []
    for gripper_open, label in ((True, Label.OPEN), (False, Label.CLOSED)):
        gripper[gripper_open] = candidates(discs[label], shells_around(wrist, LENGTHS_M[2]))
        shells += shells_around(candidates(discs[label]), LENGTHS_M[2])
    if not len(wrist.sigmas) or wrist.sigmas.min() > 0.02:
        wrist = candidates(discs[Label.WRIST], shells + on_elbow)
    return Evidence(elbow, wrist, gripper, _read_base(sampler))


def _discs(scene: Scene, label: Label) -> list[SeenDisc]:
    found = []
    for i, seen in enumerate(scene.views):
        f = seen.view.intrinsics.fx
        smallest = max(_MIN_RADIUS_PX, f * seen.radius_m / _FARTHEST_M)
        largest = min(_MAX_RADIUS_PX, f * seen.radius_m / _NEAREST_M)
        discs = find_discs(seen.edges[label], seen.labels, label, (smallest, largest))
        found += seen_discs(i, seen.view, seen.radius_m, discs)
    return found


def _read_base(sampler: Sampler) -> Float[Array, "n 2"]:
    """Joints 1 and 2 [rad] from the stripes of the base sphere, which never moves."""
    centres = np.full((1, 4, 3), [0.0, 0.0, -9.0])  # far below: they hide nothing
    centres[0, 0] = BASE_CENTRE
    samples = sampler(centres)
    normals = samples.normals[0, 0].reshape(-1, 3)
    signs = signs_of(samples.labels[0, 0], samples.seen[0, 0], Label.BASE).ravel()
    axes, scores = read_axes(normals, signs)
    axes = axes[scores > 0.4]
    # The axis is (cos q1 cos q2, sin q1 cos q2, -sin q2); q2 beyond a quarter turn is the second.
    q1, q2 = np.arctan2(axes[:, 1], axes[:, 0]), -np.arcsin(axes[:, 2])
    return np.stack([q1, q2], axis=-1)


def starts(evidence: Evidence, sampler: Sampler, limits: JointLimits) -> list[Start]:
    """Configurations that explain the evidence, best first."""
    found = []
    for gripper_open, gripper in evidence.gripper.items():
        q = _configurations(evidence, gripper)
        q = q[np.isfinite(q).all(axis=1)]
        q = q[limits.within(q, -_LIMIT_SLACK_RAD)]
        q = q[np.sort(np.unique(np.rint(q / _SAME_RAD), axis=0, return_index=True)[1])]
        if len(q):
            found += _scored(limits.clamp(q), gripper_open, sampler)
    return _distinct(sorted(found, key=lambda start: -start.score))


def _distinct(ranked: list[Start]) -> list[Start]:
    """Without those that are almost the same as a better one."""
    kept: list[Start] = []
    for start in ranked:
        if all(
            start.gripper_open != other.gripper_open
            or np.abs(start.q - other.q)[:4].max() > _DISTINCT_RAD
            for other in kept
        ):
            kept.append(start)
        if len(kept) == _KEPT:
            break
    return kept


def _configurations(evidence: Evidence, gripper: Candidates) -> Float[Array, "n 7"]:
    wrist, elbow = evidence.wrist, evidence.elbow
    w, g = _pairs(wrist, gripper)
    if not len(w):
        return np.empty((0, 7))
    found = []
    for q12 in evidence.base_q12:
        found.append(
            configurations_on_base(np.tile(q12, (len(w), 1)), wrist.points[w], gripper.points[g])
        )
    e, wg = np.divmod(np.arange(len(elbow.points) * len(w)), max(len(w), 1))
    reach = np.linalg.norm(wrist.points[w[wg]] - elbow.points[e], axis=1)
    sigma = 3 * np.hypot(wrist.sigmas[w[wg]], elbow.sigmas[e])
    e, wg = (x[np.abs(reach - LENGTHS_M[1]) < sigma] for x in (e, wg))
    if len(e):
        found.append(configurations(elbow.points[e], wrist.points[w[wg]], gripper.points[g[wg]]))
    return np.concatenate(found) if found else np.empty((0, 7))


def _pairs(wrist: Candidates, gripper: Candidates) -> tuple[Array, Array]:
    """Wrist and gripper candidates as far apart as the hand is long."""
    w, g = np.divmod(
        np.arange(len(wrist.points) * len(gripper.points)), max(len(gripper.points), 1)
    )
    apart = np.linalg.norm(wrist.points[w] - gripper.points[g], axis=1)
    sigma = np.hypot(wrist.sigmas[w], gripper.sigmas[g])
    miss = np.abs(apart - LENGTHS_M[2]) / sigma
    rank = wrist.scores[w] + gripper.scores[g] - 0.1 * miss**2
    best = np.argsort(-rank, kind="stable")[:_CHAINS]
    best = best[miss[best] < 3.0]
    return w[best], g[best]


def _scored(q: Array, gripper_open: bool, sampler: Sampler) -> list[Start]:
    label_of = sphere_labels(gripper_open)
    centres, axes = centres_and_axes(q)
    samples = sampler(centres)
    share, count = match(samples, axes, label_of)
    # Stripes may still be out of step; that a sphere's colours are there at all counts as much.
    right = (samples.labels == label_of[:, None, None]) | (samples.labels == Label.BLACK)
    covered = (right & samples.seen).sum(axis=(2, 3)) / np.maximum(count, 1)
    told = np.where(count > _MIN_COUNT, (share + covered) / 2, _UNSEEN_SCORE)
    told[:, 3] = np.where(count[:, 3] > _MIN_COUNT, covered[:, 3], _UNSEEN_SCORE)
    score = told.mean(axis=1)
    return [Start(q[i], gripper_open, float(score[i])) for i in range(len(q))]
