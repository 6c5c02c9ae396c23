# SPDX-License-Identifier: Apache-2.0
"""Lines of a script or a pedal in, lines out, for programs that have no terminal."""

import os
import select
from collections import deque
from types import TracebackType
from typing import Self, TextIO

from genima.launching.console import LineBuffer


class LineStream:
    """Reads lines without ever blocking for longer than it is told.

    Args:
        fd: Where lines come from.
        out: Where to tell.
    """

    def __init__(self, fd: int, out: TextIO) -> None:
        self._fd = fd
        self._out = out
        self._buffer = LineBuffer()
        self._lines: deque[str] = deque()
        self._at_end = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was taken over."""

    def read(self, wait_s: float) -> None:
        """Take in what has come; waits a while [s] for something."""
        if self._at_end or not select.select([self._fd], [], [], wait_s)[0]:
            return
        data = os.read(self._fd, 4096)
        self._at_end = not data
        lines = self._buffer.feed(data) if data else self._buffer.flush()
        self._lines += [text for line in lines if (text := line.decode(errors="replace").strip())]

    def next_line(self) -> str | None:
        """The first line that was not yet taken; None if there is none."""
        return self._lines.popleft() if self._lines else None

    @property
    def ended(self) -> bool:
        """Whether no line will come any more."""
        return self._at_end and not self._lines

    def write(self, text: str) -> None:
        """Tell a line.

        Raises:
            EOFError: Nobody reads any more.
        """
        try:
            print(text, file=self._out, flush=True)
        except BrokenPipeError:
            raise EOFError from None
