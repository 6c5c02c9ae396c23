# SPDX-License-Identifier: Apache-2.0
"""How complete a stream of messages is, told from the stamps it carries."""

import math
from collections import deque

from genima.recording.episode_info import StreamInfo

_NS = 1e-9
#: Holes that are noted one by one; further ones are only counted.
_MOST_GAPS = 1000
#: Newest intervals that the present rate and jitter are told from.
_WINDOW = 60
#: Stamps that go back by more [ns] belong to another time; by less, messages are out of order.
_NEW_TIME_NS = 1_000_000_000


class StreamStats:
    """Counts messages and finds holes between their stamps.

    A message that is late by more than half a period looks like a hole until the next one comes
    early and closes it. Lateness is forgotten by half with each message, so that a camera whose
    clock is a little off its nominal rate does not seem to lose any.

    Args:
        type_name: Type of the messages.
        period_s: Nominal time between two stamps [s]; 0 for messages that come when they like.

    Attributes:
        count: Messages so far.
    """

    def __init__(self, type_name: str, period_s: float) -> None:
        self._type = type_name
        self._period_s = period_s
        self._newest_ns: deque[int] = deque(maxlen=_WINDOW + 1)
        self._missing = 0
        self._may_be_late = False  # what the last hole misses may only have been late
        self._late = 0.0  # in periods
        self._gaps: list[tuple[float, float]] = []
        self._gap_count = 0
        self._intervals = 0
        self._mean_s = self._squares = 0.0  # Welford's sums over all intervals
        self._reported = 0
        self.count = 0

    def lose(self, count: int) -> None:
        """So many messages did not come through, before the next that does.

        Where the stamps then show a hole, it is theirs: they are counted once.
        """
        self._reported += count

    def add(self, stamp_ns: int) -> None:
        """A message came with this stamp [ns]."""
        self.count += 1
        if not self._newest_ns:
            self._begin(stamp_ns)
            return
        last_ns = self._newest_ns[-1]
        if last_ns - _NEW_TIME_NS < stamp_ns <= last_ns:
            return  # out of order, or a world that waits says the same thing again
        if stamp_ns < last_ns:  # another world, or a clock that was set
            self._begin(stamp_ns)
            return
        self._add_interval(last_ns, stamp_ns)
        self._newest_ns.append(stamp_ns)

    def _begin(self, stamp_ns: int) -> None:
        self._newest_ns.clear()
        self._newest_ns.append(stamp_ns)
        self._late = 0.0
        self._may_be_late = False
        self._missing += self._reported  # no stamp tells where
        self._reported = 0

    def _add_interval(self, last_ns: int, stamp_ns: int) -> None:
        interval_s = (stamp_ns - last_ns) * _NS
        self._intervals += 1
        off_s = interval_s - self._mean_s
        self._mean_s += off_s / self._intervals
        self._squares += off_s * (interval_s - self._mean_s)
        if not self._period_s:
            return
        periods = interval_s / self._period_s + self._late
        steps = max(0, math.floor(periods + 0.5))
        self._late = (periods - steps) / 2.0
        reported, self._reported = self._reported, 0
        # Stamps that are close together do not bring back what is known to be lost.
        missing = max(steps - 1, reported)
        if missing > 0:
            self._open_gap(last_ns, stamp_ns, missing)
        elif steps == 0 and self._may_be_late:
            self._close_gap()
        self._may_be_late = missing == 1 and not reported

    def _open_gap(self, last_ns: int, stamp_ns: int, missing: int) -> None:
        self._missing += missing
        self._gap_count += 1
        if len(self._gaps) < _MOST_GAPS:
            self._gaps.append((last_ns * _NS, stamp_ns * _NS))

    def _close_gap(self) -> None:
        """What looked like a hole was a message that came late."""
        self._missing -= 1
        if self._gap_count == len(self._gaps):
            self._gaps.pop()
        self._gap_count -= 1

    @property
    def lost(self) -> int:
        """Messages known to be missing."""
        return self._missing + self._reported

    @property
    def gaps(self) -> int:
        """Holes between stamps."""
        return self._gap_count

    @property
    def present_rate_hz(self) -> float:
        """Rate over the newest messages; NaN below two."""
        stamps = self._newest_ns
        if len(stamps) < 2:
            return math.nan
        return (len(stamps) - 1) / ((stamps[-1] - stamps[0]) * _NS)

    @property
    def jitter_s(self) -> float:
        """Standard deviation of all intervals [s]; NaN below two messages."""
        return math.sqrt(self._squares / self._intervals) if self._intervals else math.nan

    def info(self) -> StreamInfo:
        """What `episode.json` tells of the stream."""
        return StreamInfo(
            type=self._type,
            count=self.count,
            lost=self.lost,
            gaps=tuple(self._gaps),
            gap_count=self._gap_count,
            rate_hz=1.0 / self._mean_s if self._intervals else math.nan,
            jitter_s=self.jitter_s,
            period_s=self._period_s,
        )
