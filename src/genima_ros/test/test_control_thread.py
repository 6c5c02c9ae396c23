# SPDX-License-Identifier: Apache-2.0
"""How ticks begin and end, whatever a tick or the arm does."""

import threading
from collections.abc import Callable

import pytest

from genima.errors import NotReady
from genima.timing import DeadlineLoop
from genima_ros import control_thread
from genima_ros.control_thread import ControlThread

PATIENCE_S = 30.0


class Bench:
    """A control thread, its ticks, and an arm that stands when the test says so."""

    def __init__(self) -> None:
        self.control = ControlThread("the driver")
        self.ticked = threading.Event()
        self.stands = True
        self.defects: list[Exception] = []

    def begin(self, body: Callable[[], object] = lambda: None) -> None:
        def tick() -> None:
            self.ticked.set()
            body()

        self.ticked.clear()
        loop = DeadlineLoop(0.01)
        self.control.begin(loop, tick, lambda: self.stands, self.defects.append)
        assert self.ticked.wait(PATIENCE_S)

    def join(self) -> None:
        self.control._thread.join(PATIENCE_S)
        assert not self.control.alive


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_thread, "_LONGEST_BRAKING_S", 0.05)


def test_it_ends_where_the_arm_stands_and_can_begin_again(bench: Bench) -> None:
    for _ in range(2):
        bench.begin()
        assert bench.control.end() == ""
        assert not bench.control.alive and bench.defects == []


def test_a_tick_that_never_returns_is_told_of(bench: Bench, impatience: None) -> None:
    hangs = threading.Event()
    bench.begin(hangs.wait)
    fault = bench.control.end()
    assert "does not end within 0.05 s" in fault and "restart the driver" in fault
    hangs.set()
    bench.join()


def test_a_second_one_never_ticks_beside_one_that_does_not_end(
    bench: Bench, impatience: None
) -> None:
    bench.stands = False
    bench.begin()
    first = bench.control._thread
    assert bench.control.end()
    with pytest.raises(NotReady, match="end the process and start the driver again"):
        bench.begin()
    assert bench.control._thread is first
    bench.stands = True
    bench.join()  # it was not revived
    bench.begin()
    bench.control.end()


def test_a_defect_ends_it_and_is_told_of(bench: Bench) -> None:
    bench.begin(lambda: 1 // 0)
    bench.join()
    assert [type(error) for error in bench.defects] == [ZeroDivisionError]
    assert bench.control.end() == ""
