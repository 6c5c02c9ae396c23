# SPDX-License-Identifier: Apache-2.0
"""Follows one start to the configuration that fits the drawing best."""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float
from genima.decode.body import centres_and_axes
from genima.decode.chain import twin
from genima.decode.hand import HandReader
from genima.decode.judge import Judge, Judgement
from genima.decode.refine import edge_rays, refine
from genima.decode.scene import Sampler, Scene
from genima.decode.starts import Start
from genima.limits import JointLimits

# Widths of the robust loss, step by step [px].
_OUTLINE_SCALES_PX = (6.0, 4.0, 3.0, 2.0, 1.5)
_STRIPE_SCALES_PX = (4.0, 3.0, 2.0, 1.5, 1.0, 1.0)
#: A configuration that fits this well is not searched for any longer. Of 300 drawings (seeds 0 to
#: 299) right ones were mostly at 0.98 and above, wrong ones below 0.8.
GOOD_FIT = 0.93
#: Blurred drawings do not get better than this; other starts are not tried.
FAIR_FIT = 0.85
_ROUNDS = 2
# A sphere of which this much agrees is not the wrong way round, if enough of it is in view.
_CLEAR_SHARE = 0.98
_CLEAR_COUNT = 85
_TWIN_GAIN = 0.03
_PERFECT_FIT = 0.99
_LIMIT_SLACK_RAD = 0.1


@dataclass(frozen=True, eq=False)
class Found:
    """A configuration that explains a drawing more or less.

    Attributes:
        q: Joint positions [rad].
        gripper_open: What the gripper sphere's colour says.
        judgement: Agreement with the drawing.
        residual_px: Median distance of its outlines and stripes from the drawn ones [px].
    """

    q: Float[Array, "7"]
    gripper_open: bool
    judgement: Judgement
    residual_px: float

    @property
    def fit(self) -> float:
        """Agreement of the worst sphere, 0 to 1."""
        return self.judgement.fit


class Pursuit:
    """Fits configurations to one drawing.

    Args:
        scene: The drawing.
        sampler: Of the drawing, for reading stripes.
        limits: Joint limits.
    """

    def __init__(self, scene: Scene, sampler: Sampler, limits: JointLimits) -> None:
        self._scene = scene
        self._limits = limits
        self._judge = Judge(scene)
        self._read_hand = HandReader(sampler, limits)

    def follow(self, start: Start) -> Found:
        """Outlines first, which have no false minima near by; then stripes, then both."""
        q = start.q
        found: list[Found] = []
        for attempt in range(_ROUNDS):
            rays = edge_rays(self._scene, centres_and_axes(q)[0], start.gripper_open)
            q = refine(rays, q, self._limits, _OUTLINE_SCALES_PX, with_stripes=False).q
            q = self._read_hand(q, start.gripper_open, thorough=attempt > 0)
            found.append(self._half_turned(self._finished(q, start.gripper_open)))
            q = found[-1].q
            if found[-1].fit > GOOD_FIT:
                break
        return max(found, key=lambda one: one.judgement.rank)

    def settle_twin(self, found: Found, q_now: Float[Array, "7"]) -> Found:
        """Choose between a configuration and its twin.

        Only the stripes of the base sphere tell them apart. Where it is hidden, the one that the
        arm can be at sooner is taken.
        """
        base, count = found.judgement.shares[0], found.judgement.counts[0]
        other_q = twin(found.q)
        if (base > _CLEAR_SHARE and count > _CLEAR_COUNT) or not self._limits.within(other_q):
            return found
        other = self._half_turned(self._finished(other_q, found.gripper_open))
        if other.fit < found.fit - _TWIN_GAIN:
            return found
        gain = float(other.judgement.shares[0] - base)
        if abs(gain) < _TWIN_GAIN:
            gain = float(np.abs(found.q - q_now).max() - np.abs(other.q - q_now).max())
        return other if gain > 0 else found

    def _half_turned(self, found: Found) -> Found:
        """Better of two joint 7: without its caps a sphere looks almost the same from behind."""
        q = found.q.copy()
        q[6] -= np.copysign(np.pi, q[6])
        if found.fit > _PERFECT_FIT or not self._limits.within(q, -_LIMIT_SLACK_RAD):
            return found
        other = self._finished(self._limits.clamp(q), found.gripper_open)
        return max(found, other, key=lambda one: one.judgement.rank)

    def _finished(self, q: Float[Array, "7"], gripper_open: bool) -> Found:
        rays = edge_rays(self._scene, centres_and_axes(q)[0], gripper_open)
        refined = refine(rays, q, self._limits, _STRIPE_SCALES_PX, with_stripes=True)
        judgement = self._judge(refined.q, gripper_open)
        return Found(refined.q, gripper_open, judgement, refined.residual_px)
