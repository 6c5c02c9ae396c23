# SPDX-License-Identifier: Apache-2.0
"""Writes the output of several processes to one terminal, line by line, marked by origin."""

import os
from typing import BinaryIO

_RESET = b"\x1b[0m"
_COLOURS = tuple(b"\x1b[%dm" % code for code in (36, 32, 33, 35, 34, 96, 92, 93, 95, 94))


class Console:
    """Marks lines with the label of their process.

    Args:
        stream: Where to write.
        labels: All labels; each gets a colour if the stream is a terminal.
    """

    def __init__(self, stream: BinaryIO, labels: list[str]) -> None:
        self._stream = stream
        self.coloured = stream.isatty() and "NO_COLOR" not in os.environ
        order = list(dict.fromkeys(labels))
        self._colour = {label: _COLOURS[i % len(_COLOURS)] for i, label in enumerate(order)}

    def line(self, label: str, text: bytes) -> None:
        """Write one line.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        mark = f"[{label}]".encode()
        if self.coloured:
            mark = self._colour.get(label, b"") + mark + _RESET
        self._stream.write(mark + b" " + text + b"\n")
        self._stream.flush()


class LineBuffer:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes in; return the lines that are complete, without their ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def flush(self) -> list[bytes]:
        """The last line, if it has no end."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []
