# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the watch over missed deadlines."""

from genima.control.overrun_watch import OverrunWatch

RATE_HZ, PERIOD_S = 50.0, 0.02


def missed_by(body_s: float, seconds: float = 10.0) -> OverrunWatch:
    """A watch over a control thread whose body takes so long each time."""
    watch, now_s, overruns = OverrunWatch(RATE_HZ, most_missed=0.75), 0.0, 0
    deadlines = max(1, -(-round(1e3 * body_s) // round(1e3 * PERIOD_S)))
    while now_s < seconds:
        now_s += deadlines * PERIOD_S
        overruns += deadlines - 1
        watch.hear(overruns, now_s)
    return watch


def test_thread_that_keeps_its_deadlines_is_trusted() -> None:
    assert missed_by(0.010).missed == 0
    assert missed_by(0.010).reason() == ""


def test_body_of_30_ms_misses_every_other_deadline_and_is_only_counted() -> None:
    watch = missed_by(0.030)
    assert 70 <= watch.missed <= 76
    assert watch.reason() == ""


def test_body_of_100_ms_halts_the_arm_with_a_sentence() -> None:
    assert "of 150; free the computer" in missed_by(0.100).reason()


def test_single_stall_of_a_second_is_forgiven_and_forgotten() -> None:
    watch = OverrunWatch(RATE_HZ, most_missed=0.75)
    watch.hear(0, 0.0)
    watch.hear(50, 1.0)
    assert watch.missed == 50 and watch.reason() == ""
    watch.hear(50, 3.9)
    watch.hear(50, 4.1)
    assert watch.missed == 0
