# SPDX-License-Identifier: Apache-2.0
"""Notices that the arm's driver fails to take hold of the arm, and says so in a sentence."""

import numpy as np

#: What is told while it does.
TAKES_HOLD = "the arm's driver takes hold of the arm"
#: How long it may [s]. A driver that is just letting go of the arm takes up to 15 s for that, then
#: 5 s to take it anew; before this is over it gives up by itself, with a better sentence.
_LONGEST_S = 22.0


class HoldWatch:
    """Watches for how long the arm is not held."""

    def __init__(self) -> None:
        self._since_s = -np.inf

    def begin(self, now_s: float) -> None:
        """The arm is held, or is to be from now on."""
        self._since_s = now_s

    def overdue(self, now_s: float) -> str:
        """That the driver does not take the arm; empty while there is time."""
        if now_s - self._since_s <= _LONGEST_S:
            return ""
        return (
            f"the arm's driver has not taken hold of the arm within {_LONGEST_S:g} s; see its "
            "status and log"
        )
