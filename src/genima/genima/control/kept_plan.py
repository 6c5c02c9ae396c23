# SPDX-License-Identifier: Apache-2.0
"""Keeps a plan until the arm's driver holds the arm, which takes some time."""

from typing import NamedTuple

from genima.control.planner import Plan

#: How long a driver may take; a control box has been seen to need half a second [s].
_LONGEST_S = 5.0
#: What is told meanwhile.
TAKES_HOLD = "the arm's driver takes hold of the arm"


class KeptPlan(NamedTuple):
    """What is followed once the arm is held.

    Attributes:
        plan: What to do.
        seen_s: When a chunk of it begins [s]; infinite for now.
        since_s: How long it has waited [s].
    """

    plan: Plan
    seen_s: float
    since_s: float

    def overdue(self, now_s: float) -> str:
        """That the driver does not take the arm; empty while there is time."""
        if now_s - self.since_s <= _LONGEST_S:
            return ""
        return (
            f"the arm's driver has not taken hold of the arm within {_LONGEST_S} s; see its "
            "status and log"
        )
