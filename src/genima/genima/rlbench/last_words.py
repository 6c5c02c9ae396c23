# SPDX-License-Identifier: Apache-2.0
"""The end of what a program says, however much that is: nobody reads it unless it fails."""

import os
import threading

_KEPT_BYTES = 4000
_KEPT_LINES = 4
_CHUNK_BYTES = 65536


class LastWords:
    """Takes what a program writes and keeps the end of it, without a file that grows.

    Give `end` to the program as its output, then call `begin`.

    Attributes:
        end: File descriptor to write to.
    """

    def __init__(self) -> None:
        self._reading, self.end = os.pipe()
        self._kept = b""
        self._thread = threading.Thread(target=self._read, name="last words", daemon=True)

    def begin(self) -> None:
        """Read; from now on only the program holds `end`."""
        os.close(self.end)
        self._thread.start()

    def text(self, limit_s: float) -> str:
        """The last lines.

        Args:
            limit_s: How long to wait for what is on its way [s]; no longer than until everybody
                who could write has ended.
        """
        self._thread.join(limit_s)
        lines = [line.strip() for line in self._kept.decode(errors="replace").splitlines()]
        return " | ".join([line for line in lines if line][-_KEPT_LINES:])

    def _read(self) -> None:
        while data := os.read(self._reading, _CHUNK_BYTES):
            self._kept = (self._kept + data)[-_KEPT_BYTES:]
        os.close(self._reading)
