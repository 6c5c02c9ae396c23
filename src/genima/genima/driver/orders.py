# SPDX-License-Identifier: Apache-2.0
"""A thread for what blocks: one order after the other, each with its answer."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

from genima.errors import GenimaError, NotReady


class OrderQueue:
    """Carries out orders in the sequence they came, in a thread that keeps no process alive.

    Args:
        name: Of the thread.
        on_defect: Told of an exception that should not have happened.
    """

    def __init__(self, name: str, on_defect: Callable[[Exception], None]) -> None:
        self._on_defect = on_defect
        self._orders: queue.SimpleQueue[tuple[Callable[[], str], Future[str]] | None]
        self._orders = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, order: Callable[[], str]) -> "Future[str]":
        """Have an order carried out; the future holds what it returns or raises."""
        future: Future[str] = Future()
        self._orders.put((order, future))
        return future

    def close(self, timeout_s: float) -> None:
        """Refuse what waits, and wait for the order under way as long as that [s]."""
        self._closed = True
        self._orders.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (item := self._orders.get()) is not None:
            order, future = item
            future.set_running_or_notify_cancel()
            try:
                if self._closed:
                    raise NotReady("this node ends; start it again")
                future.set_result(order())
            except Exception as error:  # whoever asked decides what it means
                future.set_exception(error)
                if not isinstance(error, GenimaError):
                    self._on_defect(error)
