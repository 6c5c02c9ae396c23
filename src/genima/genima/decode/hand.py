# SPDX-License-Identifier: Apache-2.0
"""Reads joints 5 to 7 from the stripes, once the spheres are where they belong."""

from itertools import product

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.decode.body import centres_and_axes
from genima.decode.chain import with_hand_flipped, with_wrist_axes
from genima.decode.judge import sphere_labels
from genima.decode.scene import Sampler, Samples
from genima.decode.snap import snapped
from genima.decode.stripes import match, read_axes, read_turn, signs_of
from genima.limits import JointLimits

#: Angles of joint 7 that are tried [rad], a third of a stripe apart.
_TURNS = np.linspace(-np.pi, np.pi, 120, endpoint=False)
_WRIST, _GRIPPER = 2, 3
# What is only a little beyond a limit may come back when it is refined.
_LIMIT_SLACK_RAD = 0.1
# Readings of one sphere's stripes that are combined with those of the others.
_READINGS = 2


class HandReader:
    """Finds the orientation of the hand.

    Args:
        sampler: Of the drawing.
        limits: Joint limits.
    """

    def __init__(self, sampler: Sampler, limits: JointLimits) -> None:
        self._sampler = sampler
        self._limits = limits
        self._turns = _TURNS[np.clip(_TURNS, limits.q_min[6], limits.q_max[6]) == _TURNS]

    def __call__(
        self, q: Float[Array, "7"], gripper_open: bool, thorough: bool
    ) -> Float[Array, "7"]:
        """The best of several ways to read the stripes.

        Args:
            q: Configuration whose spheres have the right centres [rad].
            gripper_open: What the gripper sphere's colour says.
            thorough: Doubt joints 1 to 4 as well.
        """
        label_of = sphere_labels(gripper_open)
        samples = self._sampler(centres_and_axes(q[None])[0])
        options = [q[None], with_hand_flipped(q[None])]
        wrist_axes = _axes_of(samples, _WRIST, label_of)
        if len(wrist_axes):
            options.append(with_wrist_axes(q, wrist_axes))
        if thorough:
            options.append(self._snapped(q, samples, label_of))
        tried = np.concatenate(options)
        tried = self._limits.clamp(tried[self._limits.within(tried, -_LIMIT_SLACK_RAD)])
        return self._best_turned(tried, label_of) if len(tried) else q

    def _best_turned(self, q: Float[Array, "n 7"], label_of: UInt8[Array, "4"]) -> Array:
        """The best of some configurations, each with its best joint 7."""
        q[:, 6] = 0.0
        quarter = q.copy()
        quarter[:, 6] = np.pi / 2
        centres, axes = centres_and_axes(q)
        _, axes_at_90 = centres_and_axes(quarter)
        samples = self._sampler(centres)
        for i in range(len(q)):
            normals, signs = _seen(samples, i, _GRIPPER, label_of)
            agreement = read_turn(
                normals, signs, axes[i, _GRIPPER], axes_at_90[i, _GRIPPER], self._turns
            )
            q[i, 6] = self._turns[np.argmax(agreement)]
        _, axes = centres_and_axes(q)
        shares, _ = match(samples, axes, label_of)
        return np.asarray(q[np.argmax(shares.sum(axis=1))])

    def _snapped(self, q: Array, samples: Samples, label_of: UInt8[Array, "4"]) -> Array:
        """`q` moved to all combinations of the readings of base, elbow and wrist."""
        unknown = np.full((1, 3), np.nan)
        readings = []
        for sphere in range(_GRIPPER):
            axes = _axes_of(samples, sphere, label_of)[:_READINGS]
            readings.append(axes if len(axes) else unknown)
        centres, _ = centres_and_axes(q)
        return np.array(
            [
                snapped(q, centres, np.stack([*axes, unknown[0]]), self._limits)
                for axes in product(*readings)
            ]
        )


def _axes_of(samples: Samples, sphere: int, label_of: UInt8[Array, "4"]) -> Float[Array, "n 3"]:
    axes, _ = read_axes(*_seen(samples, 0, sphere, label_of))
    return axes


def _seen(
    samples: Samples, i: int, sphere: int, label_of: UInt8[Array, "4"]
) -> tuple[Array, Array]:
    """Normals and signs of one sphere of one configuration, from all views."""
    labels, seen = samples.labels[i, sphere], samples.seen[i, sphere]
    signs = signs_of(labels, seen, label_of[sphere])
    return samples.normals[i, sphere].reshape(-1, 3), signs.ravel()
