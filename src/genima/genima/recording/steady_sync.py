# SPDX-License-Identifier: Apache-2.0
"""Has the disk store a file while it grows, so that a power cut takes only the newest of it."""

import threading
from collections.abc import Callable

#: Rest between one time and the next [s].
_PERIOD_S = 1.0


class SteadySync:
    """Calls `sync` about once a second, on a thread of its own: who writes does not wait for it.

    Args:
        sync: Returns when the disk has stored what was written before the call.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._error: OSError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Say whether the disk is well.

        Raises:
            OSError: It could not store something; it says so only once.
        """
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the thread; afterwards `sync` is not called any more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD_S):
            try:
                self._sync()
            except OSError as error:
                self._error = error
                return
