# SPDX-License-Identifier: Apache-2.0
"""Polynomials of degree five in time: the pieces that smooth motion is made of."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from genima.arrays import Array, Float
from genima.limits import JointLimits


class Motion(NamedTuple):
    """Where the joints are and how they move.

    Attributes:
        q: Positions [rad].
        dq: Velocities [rad/s].
        ddq: Accelerations [rad/s^2].
    """

    q: Float[Array, "7"]
    dq: Float[Array, "7"]
    ddq: Float[Array, "7"]


@dataclass(frozen=True, eq=False)
class Quintic:
    """One polynomial for each joint, valid from `start_s`; before and after, its ends stand still.

    Attributes:
        start_s: When it begins [s].
        duration_s: How long it lasts [s].
        coefficients: Of the powers 0 to 5 of `t - start_s`.
    """

    start_s: float
    duration_s: float
    coefficients: Float[Array, "6 7"]

    @classmethod
    def between(cls, start: Motion, end: Motion, start_s: float, duration_s: float) -> "Quintic":
        """The one quintic that begins with one motion and ends with another."""
        T = duration_s
        p = end.q - start.q - start.dq * T - 0.5 * start.ddq * T**2
        v = (end.dq - start.dq - start.ddq * T) * T
        a = (end.ddq - start.ddq) * T**2
        coefficients = np.stack(
            [
                start.q,
                start.dq,
                0.5 * start.ddq,
                (10.0 * p - 4.0 * v + 0.5 * a) / T**3,
                (-15.0 * p + 7.0 * v - a) / T**4,
                (6.0 * p - 3.0 * v + 0.5 * a) / T**5,
            ]
        )
        return cls(start_s, T, coefficients)

    @classmethod
    def stop(cls, start: Motion, start_s: float, limits: JointLimits) -> "Quintic":
        """The way to rest from `start` without leaving the limits of acceleration and jerk.

        Velocity is a cubic that ends flat, so that position is free and neither velocity nor
        acceleration steps. All joints take the time that the slowest of them needs.
        """
        # A starting acceleration above the limit can only fall; it must not prevent a solution.
        ddq_max = np.maximum(limits.ddq_max, np.abs(start.ddq) * (1.0 + 1e-9))
        duration_s = float(
            max(
                1e-3,
                np.max(1.5 * np.abs(start.dq) / ddq_max),
                np.max(np.sqrt(6.0 * np.abs(start.dq) / limits.dddq_max)),
                np.max(4.0 * np.abs(start.ddq) / limits.dddq_max),
            )
        )
        while not _stop_is_gentle(start, duration_s, ddq_max, limits.dddq_max):
            duration_s *= 1.15
        T = math.ceil(duration_s * 1e9) / 1e9  # whole nanoseconds, see `elapsed_s`
        c2 = -(3.0 * start.dq + 2.0 * start.ddq * T) / T**2  # of velocity
        c3 = (2.0 * start.dq + start.ddq * T) / T**3
        coefficients = np.stack(
            [start.q, start.dq, 0.5 * start.ddq, c2 / 3.0, c3 / 4.0, np.zeros_like(start.q)]
        )
        return cls(start_s, T, coefficients)

    @property
    def end_s(self) -> float:
        """When it ends [s]."""
        return self.start_s + self.duration_s

    def at(self, t_s: float) -> Motion:
        """The motion at a time; outside the polynomial's time the motion at its nearer end."""
        t = min(max(elapsed_s(self.start_s, t_s), 0.0), self.duration_s)
        c = self.coefficients
        q = c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))))
        dq = c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * 5 * c[5])))
        ddq = 2 * c[2] + t * (6 * c[3] + t * (12 * c[4] + t * 20 * c[5]))
        return Motion(q, dq, ddq)


def elapsed_s(since_s: float, t_s: float) -> float:
    """Time between two stamps [s], to the nanosecond that stamps are given in.

    Without rounding the same motion would come out differently, in its last digits, at a later
    time of day; contact makes much of the last digits, and an episode would not repeat itself.
    """
    return round(t_s - since_s, 9)


def at_rest(q: Float[Array, "7"]) -> Motion:
    """Standing still at `q` [rad]."""
    return Motion(np.array(q, float), np.zeros(7), np.zeros(7))


def _stop_is_gentle(
    start: Motion, T: float, ddq_max: Float[Array, "7"], dddq_max: Float[Array, "7"]
) -> bool:
    """Whether the cubic velocity from `start` to rest within `T` keeps to the limits."""
    c2 = -(3.0 * start.dq + 2.0 * start.ddq * T) / T**2
    c3 = (2.0 * start.dq + start.ddq * T) / T**3
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = -c2 / (3.0 * c3)  # where the acceleration, a parabola, turns
    vertex = np.where(np.isfinite(vertex), np.clip(vertex, 0.0, T), 0.0)
    peak_ddq = np.abs(start.ddq + vertex * (2.0 * c2 + vertex * 3.0 * c3))
    peak_dddq = np.maximum(np.abs(2.0 * c2), np.abs(2.0 * c2 + 6.0 * c3 * T))
    slack = 1.0 + 1e-9
    return bool(np.all(peak_ddq <= ddq_max * slack) and np.all(peak_dddq <= dddq_max * slack))
