# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own: what it shows, and keys pressed for it."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

#: Longest wait for anything [s]; machines may be busy.
PATIENCE_S = 60.0
#: What a terminal obeys and a person does not see: colours, cursor, title.
_CONTROLS = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>])")
ALTERNATE_SCREEN = "\x1b[?1049h", "\x1b[?1049l"


class TerminalSession:
    """Runs a program on a pseudo terminal.

    Args:
        command: Its words.
        environment: Its environment.
        size: Lines and columns.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        size: tuple[int, int] = (30, 100),
    ) -> None:
        self._master, self._slave = os.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.modes_before = termios.tcgetattr(self._slave)
        self.output = ""
        self._read_to = 0
        slave = self._slave
        self.process = subprocess.Popen(
            command,
            env={**environment, "TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> "TerminalSession":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for fd in (self._master, self._slave):
            if fd >= 0:
                os.close(fd)

    @property
    def modes(self) -> list[object]:
        """Modes of the terminal now."""
        return termios.tcgetattr(self._slave)

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def until(self, words: str) -> None:
        """Wait until something is shown that was not there when the last wait ended."""
        pattern, end_s = re.compile(words), time.monotonic() + PATIENCE_S
        while True:
            shown = _CONTROLS.sub("", self.output[self._read_to :])
            if pattern.search(shown):
                self._read_to = len(self.output)
                return
            if time.monotonic() > end_s or not self._read():
                raise AssertionError(f"never shown: {words!r}; shown was:\n{shown[-3000:]}")

    def until_end(self) -> int:
        """Wait for the program's end; returns its exit code."""
        end_s = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            if self._master >= 0:
                self._read()
            else:
                time.sleep(0.05)
            if time.monotonic() > end_s:
                raise AssertionError(f"does not end; shown was:\n{self.output[-3000:]}")
        while self._master >= 0 and self._read(wait_s=0.0):
            pass
        return self.process.returncode

    def _read(self, wait_s: float = 0.2) -> bool:
        """Take in what is shown; false if nothing can come any more."""
        if select.select([self._master], [], [], wait_s)[0]:
            self.output += os.read(self._master, 65536).decode(errors="replace")
            return True
        return self.process.poll() is None and wait_s > 0
