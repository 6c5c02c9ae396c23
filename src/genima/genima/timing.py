# SPDX-License-Identifier: Apache-2.0
"""Keeping a rhythm, and measuring how well it is kept."""

import math
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from genima.errors import InvalidParameter

#: Times closer than this are the same [s]; stamps travel as whole nanoseconds.
SAME_TIME_S = 1e-6
#: Longest time between two looks at whether to stop [s].
_LONGEST_SLEEP_S = 0.1


class DurationStats:
    """Percentiles of the newest durations. Adding is cheap; asking is not.

    Args:
        capacity: How many durations are remembered.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self._newest: deque[float] = deque(maxlen=capacity)
        self._count = 0

    @property
    def count(self) -> int:
        """How many were ever added."""
        return self._count

    @property
    def max_s(self) -> float:
        """The longest that is remembered [s]; NaN if there is none."""
        return max(list(self._newest), default=math.nan)

    def add(self, duration_s: float) -> None:
        """Remember a duration [s]."""
        self._newest.append(duration_s)
        self._count += 1

    def share_within(self, limit_s: float) -> float:
        """Share of those remembered that do not exceed a limit [s]; NaN if there is none."""
        newest = list(self._newest)
        return sum(value <= limit_s for value in newest) / len(newest) if newest else math.nan

    def percentile_s(self, percent: float) -> float:
        """The duration that `percent` of those remembered do not exceed [s]; NaN without any."""
        newest = list(self._newest)
        return float(np.percentile(newest, percent)) if newest else math.nan


class DeadlineLoop:
    """Runs a body at fixed points in time, `start + k * period`, whatever single runs take.

    A body that is still running when its next deadlines pass skips them; they are counted and not
    made up for, so that a delay is never followed by a burst.

    Args:
        period_s: Time between two deadlines [s].
        clock_s: A clock that does not go back [s].
        sleep: Waits for some seconds.

    Raises:
        InvalidParameter: The period is not positive.

    Attributes:
        lateness: How long after its deadline the body began.
        durations: How long the body took.
    """

    def __init__(
        self,
        period_s: float,
        clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not 0 < period_s < math.inf:
            raise InvalidParameter(f"period_s: got {period_s}; it must be above 0")
        self._period_s = period_s
        self._clock_s = clock_s
        self._sleep = sleep
        self._overruns = 0
        self.lateness = DurationStats()
        self.durations = DurationStats()

    @property
    def overruns(self) -> int:
        """How many deadlines were skipped so far."""
        return self._overruns

    def run(self, body: Callable[[], object], should_stop: Callable[[], bool]) -> None:
        """Run `body` at once and then at each deadline until `should_stop` says so.

        `should_stop` is asked before each run of the body and at least ten times a second.
        """
        deadline_s = self._clock_s()
        while self._wait_until(deadline_s, should_stop):
            began_s = self._clock_s()
            body()
            ended_s = self._clock_s()
            self.lateness.add(began_s - deadline_s)
            self.durations.add(ended_s - began_s)
            deadline_s = self._next_deadline_s(deadline_s, ended_s)

    def _wait_until(self, deadline_s: float, should_stop: Callable[[], bool]) -> bool:
        """Sleep; returns whether the deadline has come, rather than the end."""
        while not should_stop():
            left_s = deadline_s - self._clock_s()
            if left_s <= 0:
                return True
            self._sleep(min(left_s, _LONGEST_SLEEP_S))
        return False

    def _next_deadline_s(self, deadline_s: float, now_s: float) -> float:
        skipped = max(0, math.ceil((now_s - deadline_s) / self._period_s) - 1)
        self._overruns += skipped
        return deadline_s + (skipped + 1) * self._period_s


class RateMeter:
    """Rate, jitter and age of something that comes again and again.

    Args:
        window: How many of the newest intervals count.
    """

    def __init__(self, window: int = 30) -> None:
        self._times_s: deque[float] = deque(maxlen=window + 1)

    def tick(self, time_s: float) -> None:
        """It came. If time went back since the last time, the measurement begins anew."""
        if self._times_s and time_s < self._times_s[-1]:
            self._times_s.clear()
        self._times_s.append(time_s)

    @property
    def rate_hz(self) -> float:
        """How often it comes [1/s]; NaN until it came twice."""
        times_s = list(self._times_s)
        if len(times_s) < 2 or times_s[-1] == times_s[0]:
            return math.nan
        return (len(times_s) - 1) / (times_s[-1] - times_s[0])

    @property
    def jitter_s(self) -> float:
        """Standard deviation of its intervals [s]; NaN until it came twice."""
        intervals_s = np.diff(list(self._times_s))
        return float(intervals_s.std()) if len(intervals_s) else math.nan

    def age_s(self, now_s: float) -> float:
        """How long ago it came last [s]; infinite if it never came."""
        return now_s - self._times_s[-1] if self._times_s else math.inf
