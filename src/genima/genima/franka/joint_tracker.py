# SPDX-License-Identifier: Apache-2.0
"""Commanded joint positions for an arm under joint impedance control, kept within its limits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidCommand
from genima.franka.library import franky
from genima.franka.types import ImpedanceGains, SentCommand
from genima.limits import JointLimits
from genima.safety.tick_limiter import TickLimiter

#: Kept to the position limits [rad]: what the arm overshoots its command by.
_MARGIN_RAD = 0.01
#: Share of a period that has to pass between two commands; in less nothing is gained.
_LEAST_SHARE = 0.05


class JointTracker:
    """franky.JointImpedanceTracker behind our limits: franky checks none of its own.

    The arm is in control from here until `stop`, and stays at the last command for as long as no
    other comes. A command goes as far as the limits allow in the time since the one before was
    sent, and never further than in one period: of a caller that was late and then hurries, the
    arm is sent no faster.

    Args:
        robot: A franky.Robot.
        limits: Of the arm.
        period_s: Time between two commands [s].
        gains: How the arm is held.
        clock_s: A clock that does not go back [s].

    Raises:
        Exception: Whatever franky raises (`failures.arm_error` explains it).
    """

    def __init__(
        self,
        robot: Any,
        limits: JointLimits,
        period_s: float,
        gains: ImpedanceGains,
        clock_s: Callable[[], float],
    ) -> None:
        bounds = replace(
            limits, q_min=limits.q_min + _MARGIN_RAD, q_max=limits.q_max - _MARGIN_RAD
        )
        q = np.array(robot.current_joint_positions, float)
        self._limiter = TickLimiter(bounds, period_s, q, even=False)
        self._period_s, self._clock_s = period_s, clock_s
        self._sent_s = -np.inf
        self._tracker = franky().JointImpedanceTracker(
            robot,
            stiffness=np.array(gains.stiffness),
            damping=np.array(gains.damping) if gains.damping else None,
            lower_joint_limits=limits.q_min,
            upper_joint_limits=limits.q_max,
        )

    @property
    def q(self) -> Float[Array, "7"]:
        """The newest command [rad]."""
        return self._limiter.q

    @property
    def running(self) -> bool:
        """Whether the arm is still in control."""
        return bool(self._tracker.is_running)

    def command(self, q: Float[Array, "7"]) -> SentCommand:
        """Send the arm towards `q` [rad], by one period at most.

        Returns:
            What was sent last: `q` itself where no limit concerns it. It was sent before if that
            was but a moment ago.

        Raises:
            InvalidCommand: A position is missing or not finite; the arm stays where it is.
        """
        wanted = np.asarray(q, float)
        if wanted.shape != (7,) or not np.isfinite(wanted).all():
            raise InvalidCommand(f"commanded positions {q}; seven finite numbers are needed")
        share = min(1.0, (self._clock_s() - self._sent_s) / self._period_s)
        if share >= _LEAST_SHARE:
            self._limiter.track(wanted, share)
            self._tracker.set_target(self._limiter.q, self._limiter.dq)
            self._sent_s = self._clock_s()  # on a busy machine later than the time before it
        return SentCommand(self._limiter.q, self._limiter.dq, self._sent_s)

    def stop(self) -> None:
        """Bring the arm to rest, from whatever motion, and give up control; takes half a second.

        Raises:
            Exception: What ended the control before, as franky kept it.
        """
        self._tracker.stop()
