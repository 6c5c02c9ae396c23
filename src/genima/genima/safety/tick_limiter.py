# SPDX-License-Identifier: Apache-2.0
"""Keeps a stream of positions, one a tick, within all limits without delaying it.

Position, velocity, acceleration and jerk are those of the stream itself: the backward differences
of its values over the tick h, v = (q[k] - q[k-1]) / h and so on. A motion that keeps to a limit in
continuous time keeps to it in this sense too: a difference is an average of the derivative.

Jerk needs no state of its own. Two neighbouring accelerations differ by at most twice their bound,
so |a| <= min(a_max, j_max h / 2) bounds the jerk. At 50 Hz the jerk limits of Panda and FR3 allow
this ten times over and cost nothing.

What remains is a double integrator with walls. From velocity v it comes to rest after the further
distance D(v) = n v - a n (n + 1) / 2, n = floor(v / a), in units of one tick. Every step that is
let out leaves D to the wall ahead, so that braking is possible from any state, whatever comes.
"""

import numpy as np

from genima.arrays import Array, Float
from genima.limits import JointLimits

#: Shrinks the bounds by more than the rounding of differences of positions can add.
_ROUNDING = 1.0 - 1e-10

#: Output, step, velocity and wanted positions, as of `TickLimiter`.
_State = tuple[Float[Array, "7"], Float[Array, "7"], Float[Array, "7"], Float[Array, "7"] | None]


class TickLimiter:
    """Follows wanted positions exactly where the limits allow, else as closely as they do.

    A joint that was left behind catches up in the least time and without overshoot: it aims at the
    wanted position as it moves on with its present velocity.

    Args:
        limits: Bounds on position, velocity, acceleration and jerk of the output.
        period_s: One tick [s].
        q: Where the joints stand [rad]. A joint that stands outside its position bounds may stay
            there and come back, and goes no further.
        even: Whether every tick takes a whole period. Else `track` is told what share it takes,
            and braking begins up to half a tick sooner, since the ticks to come may be short.
    """

    def __init__(
        self, limits: JointLimits, period_s: float, q: Float[Array, "7"], even: bool = True
    ) -> None:
        h = period_s
        self._period_s = h
        self._even = even
        self._step_max = _ROUNDING * h * limits.dq_max
        ddq_max = np.minimum(limits.ddq_max, limits.dddq_max * h / 2.0)
        self._change_max = _ROUNDING * h * h * ddq_max
        self._half_change, self._double_rate = 0.5 * self._change_max, 2.0 / self._change_max
        self._q = np.array(q, float)
        self._q_min = np.minimum(limits.q_min, self._q)
        self._q_max = np.maximum(limits.q_max, self._q)
        self._step: Float[Array, "7"] = np.zeros(7)  # of a whole tick, at the newest speed
        self._dq: Float[Array, "7"] = np.zeros(7)
        self._wanted: Float[Array, "7"] | None = None
        self._before: _State = (self._q, self._step, self._dq, self._wanted)

    @property
    def q(self) -> Float[Array, "7"]:
        """The newest output [rad]."""
        return self._q

    @property
    def dq(self) -> Float[Array, "7"]:
        """Velocity at the newest output [rad/s]: exact while the acceleration is constant."""
        return self._dq

    @property
    def standing(self) -> bool:
        """Whether the newest output is the same as the one before."""
        return not self._step.any()

    def track(self, q_wanted: Float[Array, "7"], share: float = 1.0) -> Float[Array, "7"]:
        """Go one tick on, towards finite wanted positions.

        Args:
            q_wanted: Where to go [rad].
            share: Of the period that this tick takes, above 0 and at most 1.

        Returns:
            The output [rad], which is `q_wanted` itself in every joint that no limit concerns.
        """
        self._before = (self._q, self._step, self._dq, self._wanted)
        wanted = _clipped(q_wanted, self._q_min, self._q_max)
        pace = self._step if self._wanted is None else wanted - self._wanted
        pace = _clipped(pace, -self._step_max, self._step_max)
        self._wanted = wanted
        way = wanted - self._q
        gap = way - share * pace  # to the wanted motion, seen from a frame that moves with it
        distance = np.abs(gap)
        # Both ends of the position range are walls to brake for, and so is the wanted motion.
        walls = np.array([self._q_max - self._q, self._q - self._q_min, distance])
        up, down, closer = self._largest_steps(walls, share)
        change = share * self._change_max
        caught = distance <= change
        step = np.where(caught, way, share * (pace + np.copysign(closer, gap)))
        slowest, fastest = self._step - change, self._step + change
        lowest = np.maximum(np.maximum(slowest, -down), -self._step_max)
        highest = np.minimum(np.minimum(fastest, up), self._step_max)
        allowed = _clipped(step, share * lowest, share * highest)
        q = np.where(caught & (allowed == step), wanted, self._q + allowed)
        return self._advance(q, share)

    def brake(self) -> Float[Array, "7"]:
        """Go one tick on, towards rest in the least time.

        Returns:
            The output [rad].
        """
        self._wanted = None
        if self.standing and not self._dq.any():
            return self._q
        slower = np.maximum(np.abs(self._step) - self._change_max, 0.0)
        return self._advance(self._q + np.copysign(slower, self._step), 1.0)

    def take_back(self) -> None:
        """Undo the last `track`, and all since."""
        self._q, self._step, self._dq, self._wanted = self._before

    def way_to_rest(self) -> Float[Array, "n 7"]:
        """The newest output and all that `brake` would let follow, to rest [rad].

        Each joint goes one way only.
        """
        speed = np.abs(self._step)
        ticks = np.arange(0.0, np.ceil((speed / self._change_max).max()) + 1.0)
        slower = np.maximum(speed - ticks[:, None] * self._change_max, 0.0)
        slower[0] = 0.0
        return np.asarray(self._q + np.cumsum(np.copysign(slower, self._step), axis=0))

    def _largest_steps(self, room: Float[Array, "n 7"], share: float) -> Float[Array, "n 7"]:
        """The largest steps of a whole tick from which braking still ends before walls."""
        if not self._even:  # however short the ticks of braking are
            further = np.sqrt(share**2 + self._double_rate * room) - share
            return self._change_max * further
        n = np.floor(np.sqrt(self._double_rate * room + 0.25) - 0.5)
        return room / (n + 1.0) + self._half_change * n

    def _advance(self, q: Float[Array, "7"], share: float) -> Float[Array, "7"]:
        q = _clipped(q, self._q_min, self._q_max)
        step = (q - self._q) / share
        # Velocity at the end of the step; the step itself gives the velocity in its middle.
        ahead = np.where(step == 0.0, 0.0, 1.5 * step - 0.5 * self._step)
        self._dq = _clipped(ahead, -self._step_max, self._step_max) / self._period_s
        self._q, self._step = q, step
        return q


def _clipped(
    x: Float[Array, "7"], low: Float[Array, "7"], high: Float[Array, "7"]
) -> Float[Array, "7"]:
    """As np.clip, which takes several times as long for seven numbers."""
    return np.minimum(np.maximum(x, low), high)
