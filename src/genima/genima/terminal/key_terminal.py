# SPDX-License-Identifier: Apache-2.0
"""A terminal that sends each key at once, and is given back as it was."""

import os
import select
import termios
from contextlib import suppress
from types import TracebackType

from genima.terminal.keys import Key, KeyDecoder

_INPUT_FLAGS, _LOCAL_FLAGS, _CONTROLS = 0, 3, 6


class KeyTerminal:
    """Reads keys without waiting for a line, while it is entered.

    Ctrl-C and Ctrl-Z are keys like all others then: neither may end or stop a program whose take
    is open.

    Args:
        fd: The terminal.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._decoder = KeyDecoder()

    def __enter__(self) -> "KeyTerminal":
        self._before = termios.tcgetattr(self._fd)
        raw = termios.tcgetattr(self._fd)
        raw[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        raw[_INPUT_FLAGS] &= ~termios.IXON  # Ctrl-S would freeze the screen
        raw[_CONTROLS][termios.VMIN], raw[_CONTROLS][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSADRAIN, raw)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(termios.error):  # the terminal may have been closed
            # What was typed and not read must not become a command of the shell.
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._before)

    def keys(self, timeout_s: float) -> list[Key]:
        """Keys that were pressed; waits for the first [s].

        Raises:
            EOFError: The terminal has gone.
        """
        data = self.read(timeout_s)
        return self._decoder.feed(data) if data else self._decoder.pause()

    def read(self, timeout_s: float) -> bytes:
        """What keys have sent, those among them that mean nothing; waits for the first [s].

        Raises:
            EOFError: The terminal has gone.
        """
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return b""
        try:
            data = os.read(self._fd, 1024)
        except OSError as error:  # what a terminal that has been closed gives
            raise EOFError from error
        if not data:
            raise EOFError
        return data
