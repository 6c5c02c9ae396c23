# SPDX-License-Identifier: Apache-2.0
"""What is missing is told from stamps alone, and nothing is told that is not so."""

import math

import numpy as np
import pytest

from genima.recording.stream_stats import StreamStats

PERIOD_NS = 33_333_333


def stats_of(stamps_ns, period_s: float = PERIOD_NS * 1e-9) -> StreamStats:
    stats = StreamStats("sensor_msgs/msg/Image", period_s)
    for stamp_ns in stamps_ns:
        stats.add(int(stamp_ns))
    return stats


def test_steady_stream_has_no_losses() -> None:
    info = stats_of(np.arange(100) * PERIOD_NS).info()
    assert (info.count, info.lost, info.gap_count) == (100, 0, 0)
    assert info.rate_hz == pytest.approx(30.0)
    assert info.jitter_s == pytest.approx(0.0, abs=1e-9)


def test_hole_is_counted_and_marked_by_the_stamps_around_it() -> None:
    stamps = np.delete(np.arange(100) * PERIOD_NS, [50, 51, 70])
    info = stats_of(stamps).info()
    assert (info.count, info.lost, info.gap_count) == (97, 3, 2)
    edges = [49 * PERIOD_NS, 52 * PERIOD_NS, 69 * PERIOD_NS, 71 * PERIOD_NS]
    assert np.ravel(info.gaps) == pytest.approx(np.array(edges) * 1e-9)


@pytest.mark.parametrize("rate_hz", [29.0, 29.97, 30.3])
def test_camera_whose_clock_is_off_loses_nothing(rate_hz: float) -> None:
    assert stats_of(np.arange(5000) * 1e9 / rate_hz).lost == 0


def test_late_message_is_no_hole_once_the_next_one_has_come() -> None:
    stamps = np.arange(50) * PERIOD_NS
    stamps[20] += round(0.7 * PERIOD_NS)
    info = stats_of(stamps).info()
    assert (info.lost, info.gap_count, info.gaps) == (0, 0, ())


def test_slow_camera_is_seen_to_miss_every_second_frame() -> None:
    assert stats_of(np.arange(50) * 2 * PERIOD_NS).lost == 49


def test_same_stamp_again_is_no_loss_and_no_interval() -> None:
    stats = stats_of([0, PERIOD_NS, PERIOD_NS, PERIOD_NS, 2 * PERIOD_NS])
    assert (stats.count, stats.lost) == (5, 0)
    assert stats.info().rate_hz == pytest.approx(30.0)


def test_time_that_goes_back_begins_anew() -> None:
    stats = stats_of([10**12, 10**12 + PERIOD_NS, 5, 5 + PERIOD_NS])
    assert (stats.count, stats.lost) == (4, 0)
    assert stats.present_rate_hz == pytest.approx(30.0)


def test_reported_losses_that_leave_a_hole_are_counted_once() -> None:
    stats = stats_of([0, PERIOD_NS])
    stats.lose(2)
    assert stats.lost == 2
    stats.add(4 * PERIOD_NS)
    assert stats.lost == 2


def test_reported_losses_of_a_stream_without_a_period_add_up() -> None:
    stats = stats_of([0], period_s=0.0)
    for i in range(3):
        stats.lose(1)
        stats.add(10**9 * (i + 1))
    assert (stats.lost, stats.gaps) == (3, 0)


def test_reported_losses_stay_lost_however_close_the_stamps_are() -> None:
    stats = stats_of([], period_s=0.01)
    for i in range(40):
        if i == 20:
            stats.lose(5)
        stats.add(i * 10**6)
    info = stats.info()
    assert (info.count, info.lost, info.gap_count) == (40, 5, 1)
    assert info.gaps[0] == pytest.approx((0.019, 0.020))


def test_more_losses_than_the_hole_has_room_for_are_all_counted() -> None:
    stats = stats_of([0, PERIOD_NS])
    stats.lose(5)
    stats.add(3 * PERIOD_NS)
    assert (stats.lost, stats.gaps) == (5, 1)


def test_reported_loss_is_not_taken_back_by_an_early_message() -> None:
    stats = stats_of(np.arange(20) * PERIOD_NS)
    stats.lose(1)
    stats.add(round(20.7 * PERIOD_NS))
    stats.add(21 * PERIOD_NS)
    assert (stats.lost, stats.gaps) == (1, 1)


@pytest.mark.parametrize("stamps", [[], [10**13]])
def test_losses_before_the_first_message_are_counted(stamps: list[int]) -> None:
    stats = stats_of(stamps)
    stats.lose(3)
    for stamp_ns in np.arange(10) * PERIOD_NS:
        stats.add(int(stamp_ns))
    assert (stats.lost, stats.gaps) == (3, 0)


def test_message_or_none_has_no_rate() -> None:
    for stamps in ([], [5]):
        info = stats_of(stamps).info()
        assert math.isnan(info.rate_hz) and math.isnan(info.jitter_s)


def test_memory_of_holes_is_bounded_while_they_are_still_counted() -> None:
    info = stats_of(np.arange(3000) * 2 * PERIOD_NS).info()
    assert info.gap_count == 2999
    assert len(info.gaps) == 1000


def test_jitter_is_the_spread_of_all_intervals() -> None:
    stamps = np.cumsum(np.random.default_rng(0).normal(PERIOD_NS, 2e6, 4000)).astype(np.int64)
    assert stats_of(stamps).info().jitter_s == pytest.approx(
        np.diff(stamps).std() * 1e-9, rel=1e-3
    )


def test_message_out_of_order_is_counted_and_makes_no_hole() -> None:
    stats = stats_of(np.array([0, 1, 3, 2, 4, 5]) * PERIOD_NS)
    assert (stats.count, stats.gaps) == (6, 1)
    two_sources = np.ravel([[t, t - 10 * PERIOD_NS] for t in np.arange(20, 60) * PERIOD_NS])
    assert stats_of(two_sources).lost == 0
