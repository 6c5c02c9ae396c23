# SPDX-License-Identifier: Apache-2.0
"""One thread for slow work, with room for one waiting job: the newest wins."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")


class LatestWorker(Generic[Job]):
    """Handles jobs one at a time; a job that arrives while another waits takes its place.

    Args:
        name: Name of the thread.
        handle: Does a job.
        on_error: Told of an exception that `handle` let out; the worker goes on.
    """

    def __init__(
        self, name: str, handle: Callable[[Job], None], on_error: Callable[[Exception], None]
    ) -> None:
        self._handle = handle
        self._on_error = on_error
        self._waiting: list[Job] = []
        self._wake = threading.Condition()
        self._stopping = False
        self.replaced = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Leave a job; one that was still waiting is dropped and counted in `replaced`."""
        with self._wake:
            self.replaced += len(self._waiting)
            self._waiting[:] = [job]
            self._wake.notify()

    def stop(self) -> None:
        """Finish the job in hand, drop the waiting one, and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or bool(self._waiting))
                if self._stopping:
                    return
                job = self._waiting.pop()
            try:
                self._handle(job)
            except Exception as error:
                self._on_error(error)
