# SPDX-License-Identifier: Apache-2.0
"""Notices that the control thread has become too slow to be trusted with an arm."""

from collections import deque

#: How far back deadlines are looked at [s]: a machine may stall for a moment.
_WINDOW_S = 3.0

#: Share of the control thread's deadlines that it may miss before the arm halts.
MOST_MISSED = 0.75


class OverrunWatch:
    """Judges how many of the newest deadlines were missed.

    Args:
        rate_hz: How many deadlines there are in a second.
        most_missed: The share of them that may be missed.
    """

    def __init__(self, rate_hz: float, most_missed: float) -> None:
        self._deadlines = rate_hz * _WINDOW_S
        self._most_missed = most_missed
        self._counts: deque[tuple[float, int]] = deque()

    def hear(self, overruns: int, now_s: float) -> None:
        """Take in how many deadlines were missed so far, on a clock that does not go back [s]."""
        self._counts.append((now_s, overruns))
        while len(self._counts) > 1 and self._counts[1][0] <= now_s - _WINDOW_S:
            self._counts.popleft()

    @property
    def missed(self) -> int:
        """How many deadlines of the last seconds were missed."""
        return self._counts[-1][1] - self._counts[0][1] if self._counts else 0

    def reason(self) -> str:
        """Why the arm should halt, in a sentence; empty if it need not."""
        if self.missed <= self._most_missed * self._deadlines:
            return ""
        return (
            f"the control thread missed {self.missed} deadlines in {_WINDOW_S} s, of "
            f"{self._deadlines:.0f}; free the computer of other work"
        )
