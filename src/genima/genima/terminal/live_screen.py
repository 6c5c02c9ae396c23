# SPDX-License-Identifier: Apache-2.0
"""A terminal that a program takes over: keys in, one drawing out."""

import math
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from genima.terminal.key_terminal import KeyTerminal
from genima.terminal.keys import Key

#: How often the screen is drawn while nothing happens [s].
_DRAW_EVERY_S = 0.2


class LiveScreen:
    """Takes the terminal over while it is entered.

    Args:
        fd: The terminal that keys come from.
        console: Where to draw.
    """

    def __init__(self, fd: int, console: Console) -> None:
        self._console = console
        self._terminal = KeyTerminal(fd)
        # Whoever reads a key must draw, too: threads of its own would draw half a change.
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._stack = ExitStack()
        self._drawn_s = -math.inf

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._terminal)
            stack.enter_context(self._live)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # the terminal may have been closed
            self._stack.close()

    def read_keys(self, wait_s: float) -> list[Key]:
        """Keys that were pressed; waits for the first [s].

        Raises:
            EOFError: The terminal has gone.
        """
        return self._terminal.keys(wait_s)

    def read_anything(self, wait_s: float) -> bytes:
        """What keys have sent, whatever they are; waits for the first [s].

        Raises:
            EOFError: The terminal has gone.
        """
        return self._terminal.read(wait_s)

    def show(
        self, draw: Callable[[int], RenderableType], now_s: float, *, at_once: bool, ring: bool
    ) -> None:
        """Draw, if it is time to.

        Args:
            draw: What to show, for a number of lines.
            now_s: The time [s].
            at_once: Draw in any case: a key was pressed.
            ring: Ring the bell and draw.

        Raises:
            EOFError: The terminal has gone.
        """
        try:
            if ring:
                self._console.bell()
            if at_once or ring or now_s - self._drawn_s >= _DRAW_EVERY_S:
                self._drawn_s = now_s
                self._live.update(draw(self._console.height), refresh=True)
        except OSError:
            raise EOFError from None
