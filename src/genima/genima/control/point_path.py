# SPDX-License-Identifier: Apache-2.0
"""The way through the points of one trajectory, and the stop behind its end."""

import numpy as np

from genima.arrays import Array, Float
from genima.control.quintic import Motion, Quintic, at_rest
from genima.errors import InvalidCommand
from genima.limits import JointLimits

#: A trajectory whose mean speed between two points is above this many times the limit is refused.
_SPEED_SLACK = 2.0
#: Likewise for the acceleration at the ends of the cubic between two points.
_ACCELERATION_SLACK = 10.0
#: A velocity below this is rest [rad/s]; it is what rounding leaves of zero.
_REST_RAD_S = 1e-6


class PointPath:
    """Cubics through points, then a stop.

    Args:
        times_s: When each point is reached [s]; rising.
        q: Joint positions [rad].
        dq: Joint velocities [rad/s].
        limits: That the stop keeps to.
    """

    def __init__(
        self,
        times_s: Float[Array, "n"],
        q: Float[Array, "n 7"],
        dq: Float[Array, "n 7"],
        limits: JointLimits,
    ) -> None:
        self._times_s, self._q, self._dq = times_s, q, dq
        self._limits = limits
        self._stop: Quintic | None = None

    @classmethod
    def standing(cls, q: Float[Array, "7"], now_s: float, limits: JointLimits) -> "PointPath":
        """No motion at all."""
        return cls(np.array([now_s]), np.array([q], float), np.zeros((1, 7)), limits)

    @classmethod
    def gently_begun(
        cls,
        times_s: Float[Array, "n"],
        q: Float[Array, "n 7"],
        dq: Float[Array, "n 7"],
        limits: JointLimits,
    ) -> "PointPath":
        """From the first point to the next one that can be reached gently, and on."""
        ends = np.abs(_end_accelerations(times_s[1:] - times_s[0], q[1:] - q[0], dq[0], dq[1:]))
        gentle = (ends <= _ACCELERATION_SLACK * limits.ddq_max).all(axis=(0, 2))
        rows = [0, *range(1 + int(np.argmax(gentle)), len(times_s))]
        return cls(times_s[rows], q[rows], dq[rows], limits)

    @property
    def moves(self) -> bool:
        """Whether there is more than one point."""
        return len(self._times_s) > 1

    @property
    def start_s(self) -> float:
        """The time of the first point [s]."""
        return float(self._times_s[0])

    @property
    def end_s(self) -> float:
        """The time of the last point [s]; a standing path covers nothing."""
        return float(self._times_s[-1]) if self.moves else -np.inf

    @property
    def rest_s(self) -> float:
        """When the stop behind the last point is over [s]."""
        return self._stopping().end_s

    def at(self, t_s: float) -> Motion:
        """The motion at a time from the first point on."""
        if not self.moves:
            return at_rest(self._q[0])
        if t_s <= self._times_s[-1]:
            return self._cubic(t_s)
        stop = self._stopping()
        return stop.at(t_s) if t_s < stop.end_s else at_rest(stop.at(t_s).q)

    def require_possible(self) -> None:
        """Refuse a path that no limit would let pass.

        Raises:
            InvalidCommand: Mean speed or acceleration on the way to a point is far too high.
        """
        T = np.diff(self._times_s)
        way = np.diff(self._q, axis=0)
        _require_below(_SPEED_SLACK * self._limits.dq_max, np.abs(way) / T[:, None], "rad/s")
        ends = _end_accelerations(T, way, self._dq[:-1], self._dq[1:])
        limit = _ACCELERATION_SLACK * self._limits.ddq_max
        _require_below(limit, np.abs(ends).max(axis=0), "rad/s^2")

    def _stopping(self) -> Quintic:
        if self._stop is None:  # most paths are replaced before they end
            end_s = float(self._times_s[-1])
            end = self._cubic(end_s)
            # A last point at rest is where to stand; to fade its acceleration would leave it.
            end = end._replace(ddq=np.where(np.abs(end.dq) < _REST_RAD_S, 0.0, end.ddq))
            self._stop = Quintic.stop(end, end_s, self._limits)
        return self._stop

    def _cubic(self, t_s: float) -> Motion:
        times_s = self._times_s
        i = int(np.clip(np.searchsorted(times_s, t_s), 1, len(times_s) - 1))
        T = times_s[i] - times_s[i - 1]
        t = t_s - times_s[i - 1]
        q0, q1, dq0, dq1 = self._q[i - 1], self._q[i], self._dq[i - 1], self._dq[i]
        rise = (q1 - q0) / T
        c2 = (3.0 * rise - 2.0 * dq0 - dq1) / T
        c3 = (dq0 + dq1 - 2.0 * rise) / T**2
        return Motion(
            q0 + t * (dq0 + t * (c2 + t * c3)),
            dq0 + t * (2.0 * c2 + t * 3.0 * c3),
            2.0 * c2 + 6.0 * t * c3,
        )


def _end_accelerations(
    T: Float[Array, "n"],
    way: Float[Array, "n 7"],
    dq0: Float[Array, "*n 7"],
    dq1: Float[Array, "n 7"],
) -> Float[Array, "2 n 7"]:
    """Accelerations at both ends of cubics [rad/s^2]; in between they lie between these."""
    T = T[:, None]
    rise = way / T
    return np.stack([6.0 * rise - 4.0 * dq0 - 2.0 * dq1, 2.0 * dq0 + 4.0 * dq1 - 6.0 * rise]) / T


def _require_below(limit: Float[Array, "7"], values: Float[Array, "n 7"], unit: str) -> None:
    excess = values / limit
    if excess.max() > 1.0:
        row, joint = np.unravel_index(np.argmax(excess), excess.shape)
        raise InvalidCommand(
            f"trajectory: joint {joint + 1} would need {values[row, joint]:.2f} {unit} on the "
            f"way to point {row}, at most {limit[joint]:.2f} {unit} is followed; "
            "begin where the arm is"
        )
