# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the worker with a mailbox of size one."""

import threading

from genima.worker import LatestWorker


def test_newest_job_takes_the_place_of_a_waiting_one() -> None:
    started, release, done = threading.Event(), threading.Event(), threading.Event()
    handled: list[int] = []

    def handle(job: int) -> None:
        handled.append(job)
        started.set()
        release.wait(5)
        if job == 3:
            done.set()

    worker = LatestWorker("test", handle, lambda error: None)
    worker.put(1)
    assert started.wait(5)
    worker.put(2)
    worker.put(3)
    release.set()
    assert done.wait(5)
    worker.stop()
    assert handled == [1, 3]
    assert worker.replaced == 1


def test_exception_is_reported_and_the_next_job_is_done() -> None:
    errors: list[Exception] = []
    reported, done = threading.Event(), threading.Event()

    def handle(job: str) -> None:
        if job == "bad":
            raise ValueError("bad job")
        done.set()

    def report(error: Exception) -> None:
        errors.append(error)
        reported.set()

    worker = LatestWorker("test", handle, report)
    worker.put("bad")
    assert reported.wait(5)
    worker.put("good")
    assert done.wait(5)
    worker.stop()
    assert [str(error) for error in errors] == ["bad job"]


def test_stops_while_a_job_waits() -> None:
    started, release = threading.Event(), threading.Event()
    handled: list[int] = []

    def handle(job: int) -> None:
        handled.append(job)
        started.set()
        release.wait(5)

    worker = LatestWorker("test", handle, lambda error: None)
    worker.put(1)
    assert started.wait(5)
    worker.put(2)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    while not worker._stopping:
        pass
    release.set()
    stopper.join(5)
    assert not stopper.is_alive()
    assert handled == [1]
