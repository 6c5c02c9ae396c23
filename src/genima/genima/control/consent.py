# SPDX-License-Identifier: Apache-2.0
"""Holds a target back until the operator has answered."""

from typing import NamedTuple

import numpy as np

from genima.arrays import Array, Float
from genima.control.planner import Plan
from genima.errors import InvalidCommand

#: Whoever answers sooner has not seen this target but the one before [s].
_SHORTEST_LOOK_S = 0.3


class AskedTarget(NamedTuple):
    """What the operator is asked about.

    Attributes:
        plan: What would be done.
        q: Where the arm stood when the target was shown [rad].
        asked_s: Since when [s].
    """

    plan: Plan
    q: Float[Array, "7"]
    asked_s: float

    def moved(self, q: Float[Array, "7"], tolerance_rad: float) -> str:
        """That the arm is no longer where it was shown [rad]; empty if it is."""
        apart_rad = float(np.abs(q - self.q).max())
        if apart_rad <= tolerance_rad:
            return ""
        return (
            f"the arm was moved by {apart_rad:.2f} rad since the target was shown, at most "
            f"{tolerance_rad} rad are allowed; another one is drawn"
        )


class Consent:
    """At most one target that waits for an answer. Silence is never consent.

    Args:
        timeout_s: How long a target is worth an answer: the scene may have changed since [s].
        look: Whether to take no answer that comes too soon to be one to this target.
    """

    def __init__(self, timeout_s: float, look: bool) -> None:
        self._timeout_s = timeout_s
        self._look_s = _SHORTEST_LOOK_S if look else 0.0
        self._asked: AskedTarget | None = None

    @property
    def pending(self) -> bool:
        """Whether a target waits."""
        return self._asked is not None

    def ask(self, plan: Plan, q: Float[Array, "7"], now_s: float) -> None:
        """Hold a target back, in place of any earlier one; the arm stands at `q` [rad]."""
        self._asked = AskedTarget(plan, q, now_s)

    def drop(self) -> None:
        """There is nothing to be asked about any more."""
        self._asked = None

    def answer(self, now_s: float) -> AskedTarget:
        """Take the target that the operator has answered about.

        Raises:
            InvalidCommand: None waits, or it came up only now.
        """
        asked = self._asked
        if asked is None:
            raise InvalidCommand("no drawn target waits for approval; see the controller's status")
        if 0 <= now_s - asked.asked_s < self._look_s:
            raise InvalidCommand("this target was drawn only now; look at it, then answer")
        self._asked = None
        return asked

    def overdue(self, now_s: float) -> str:
        """That nobody has answered in time; empty while there is time."""
        if self._asked is None or now_s - self._asked.asked_s <= self._timeout_s:
            return ""
        return f"nobody approved the drawn target within {self._timeout_s} s; another is drawn"
