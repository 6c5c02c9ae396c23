# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the deadline loop, the rate meter and the duration statistics."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from genima.errors import InvalidParameter
from genima.timing import DeadlineLoop, DurationStats, RateMeter


class FakeTime:
    """A clock that only sleeping and working move."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept_s: list[float] = []

    def clock_s(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.slept_s.append(duration_s)
        self.now_s += duration_s


def run(
    time: FakeTime, work_s: Callable[[int], float], ticks: int, period_s: float = 0.02
) -> tuple[DeadlineLoop, list[float]]:
    """Run a loop whose nth body takes `work_s(n)`; returns it and when its bodies began."""
    loop = DeadlineLoop(period_s, time.clock_s, time.sleep)
    began_s: list[float] = []

    def body() -> None:
        began_s.append(time.now_s - 100.0)
        time.now_s += work_s(len(began_s) - 1)

    loop.run(body, lambda: len(began_s) >= ticks)
    return loop, began_s


def test_body_runs_at_multiples_of_the_period_however_long_it_takes() -> None:
    loop, began_s = run(FakeTime(), lambda n: 0.001 * (n % 15), ticks=1000)
    assert began_s == pytest.approx(0.02 * np.arange(1000), abs=1e-9)
    assert loop.overruns == 0


def test_missed_deadlines_are_skipped_and_counted_and_not_made_up_for() -> None:
    loop, began_s = run(FakeTime(), lambda n: 0.05 if n == 2 else 0.001, ticks=6)
    assert began_s == pytest.approx([0.0, 0.02, 0.04, 0.10, 0.12, 0.14])
    assert loop.overruns == 2


def test_body_that_always_overruns_keeps_to_the_grid() -> None:
    loop, began_s = run(FakeTime(), lambda n: 0.03, ticks=5)
    assert began_s == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16])
    assert loop.overruns == 5


def test_loop_stops_promptly_in_a_long_wait() -> None:
    time = FakeTime()
    loop = DeadlineLoop(60.0, time.clock_s, time.sleep)
    runs: list[float] = []
    loop.run(lambda: runs.append(time.now_s), lambda: time.now_s > 105.0)
    assert len(runs) == 1
    assert time.now_s < 105.2


def test_loop_that_is_told_to_stop_before_it_begins_does_nothing() -> None:
    loop = DeadlineLoop(0.02)
    loop.run(lambda: pytest.fail("ran"), lambda: True)


def test_error_of_the_body_comes_out() -> None:
    def body() -> None:
        raise RuntimeError("camera on fire")

    time = FakeTime()
    with pytest.raises(RuntimeError, match="camera on fire"):
        DeadlineLoop(0.02, time.clock_s, time.sleep).run(body, lambda: False)


def test_loop_knows_how_late_and_how_long_its_body_was() -> None:
    time = FakeTime()
    late_s = 0.003
    sleep = time.sleep
    time.sleep = lambda duration_s: sleep(duration_s + late_s)  # type: ignore[method-assign]
    loop, _ = run(time, lambda n: 0.004, ticks=11)
    assert loop.lateness.percentile_s(50) == pytest.approx(late_s)
    assert loop.durations.max_s == pytest.approx(0.004)
    assert loop.durations.count == 11


@pytest.mark.parametrize("period_s", [0.0, -1.0, math.nan, math.inf])
def test_period_out_of_range_is_refused(period_s: float) -> None:
    with pytest.raises(InvalidParameter, match="period_s"):
        DeadlineLoop(period_s)


def test_percentiles_are_of_the_newest_durations() -> None:
    stats = DurationStats(capacity=100)
    for duration_s in [9.0] * 50 + list(range(101)):
        stats.add(duration_s)
    assert stats.count == 151
    assert stats.percentile_s(50) == pytest.approx(50.5)
    assert stats.max_s == 100


def test_statistics_of_nothing_are_nan() -> None:
    assert math.isnan(DurationStats().percentile_s(99))
    assert math.isnan(DurationStats().max_s)


def test_rate_jitter_and_age_are_measured() -> None:
    meter = RateMeter()
    for n in range(20):
        meter.tick(0.1 * n + (0.01 if n % 2 else 0.0))
    assert meter.rate_hz == pytest.approx(10.0, rel=0.01)
    assert meter.jitter_s == pytest.approx(0.01, rel=0.01)
    assert meter.age_s(2.41) == pytest.approx(0.5)


def test_rate_is_of_the_newest_intervals() -> None:
    meter = RateMeter(window=5)
    for time_s in [*np.arange(0, 1, 0.01), *np.arange(1, 3, 0.2)]:
        meter.tick(time_s)
    assert meter.rate_hz == pytest.approx(5.0)


def test_rate_needs_two_times_and_age_one() -> None:
    meter = RateMeter()
    assert meter.age_s(5.0) == math.inf
    meter.tick(1.0)
    assert math.isnan(meter.rate_hz) and math.isnan(meter.jitter_s)
    meter.tick(1.0)
    assert math.isnan(meter.rate_hz)


def test_rate_begins_anew_when_the_clock_goes_back() -> None:
    meter = RateMeter()
    for time_s in (100.0, 100.1, 1.0, 1.5):
        meter.tick(time_s)
    assert meter.rate_hz == pytest.approx(2.0)


def test_share_within_counts_what_does_not_exceed_the_limit() -> None:
    stats = DurationStats()
    assert math.isnan(stats.share_within(1.0))
    for value in (0.001, 0.002, 0.005, 0.007):
        stats.add(value)
    assert stats.share_within(0.005) == pytest.approx(0.75)
