# SPDX-License-Identifier: Apache-2.0
"""How frame times become stamps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genima.realsense.frames import FrameClock
from genima.realsense.stamps import FrameStamps

PERIOD_S = 1 / 30


def stamps(times_s: list[float], arrived_s: list[float]) -> np.ndarray:
    mapping = FrameStamps()
    return np.array(
        [
            mapping.stamp_s(FrameClock.CAMERA, time_s, arrival_s)
            for time_s, arrival_s in zip(times_s, arrived_s, strict=True)
        ]
    )


def test_time_of_the_system_is_the_stamp() -> None:
    mapping = FrameStamps()
    assert mapping.stamp_s(FrameClock.SYSTEM, 5.0, 99.0) == 5.0
    assert mapping.stamp_s(FrameClock.SYSTEM, 4.0, 99.0) == 4.0


@pytest.mark.parametrize("clock", [FrameClock.CAMERA, FrameClock.RECORDED])
def test_other_clock_keeps_its_intervals_once_the_least_delay_was_seen(clock: FrameClock) -> None:
    mapping = FrameStamps()
    delays_s = [0.030, 0.010, 0.045, 0.020, 0.012]
    got = [
        mapping.stamp_s(clock, 7.0 + i * PERIOD_S, 1000.0 + i * PERIOD_S + delay_s)
        for i, delay_s in enumerate(delays_s)
    ]
    np.testing.assert_allclose(got[1:], 1000.0 + np.arange(1, 5) * PERIOD_S + 0.010)


@given(st.lists(st.floats(0.001, 0.5), min_size=2, max_size=60))
def test_stamps_never_go_back_and_never_lie_after_the_arrival(delays_s: list[float]) -> None:
    times_s = np.arange(len(delays_s)) * PERIOD_S
    # Frames arrive in order, however late one is.
    arrived_s = np.maximum.accumulate(times_s + 50.0 + delays_s)
    got = stamps(times_s.tolist(), arrived_s.tolist())
    assert (np.diff(got) >= -1e-9).all()
    assert (got <= arrived_s + 1e-9).all()


@pytest.mark.parametrize("drift", [50e-6, -50e-6])  # 30 ms in these ten minutes
def test_drift_between_the_clocks_does_not_accumulate(drift: float) -> None:
    n = 30 * 600
    true_s = np.arange(n) * PERIOD_S
    drifting_s = true_s * (1 + drift)
    delays_s = np.random.default_rng(1).uniform(0.010, 0.020, n)
    got = stamps(drifting_s.tolist(), (true_s + delays_s).tolist())
    late_s = got - true_s
    assert late_s.min() > 0.008 and late_s.max() < 0.0205


def test_clock_that_starts_anew_is_mapped_anew() -> None:
    got = stamps([100.0, 100.1, 0.0, 0.1], [500.0, 500.1, 503.0, 503.1])
    np.testing.assert_allclose(got, [500.0, 500.1, 503.0, 503.1])
