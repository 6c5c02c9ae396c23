# SPDX-License-Identifier: Apache-2.0
"""The interface on a terminal: keys in, a live screen out."""

import math
from contextlib import ExitStack, suppress
from types import TracebackType

from rich.console import Console
from rich.live import Live

from genima.recording_ui.dialogue import Dialogue
from genima.recording_ui.keys import Key
from genima.recording_ui.orders import Order
from genima.recording_ui.screen import screen
from genima.recording_ui.terminal import KeyTerminal

#: How often the screen is drawn while nobody presses a key [s].
_DRAW_EVERY_S = 0.2


class ScreenFrontend:
    """Takes the terminal over while it is entered.

    Args:
        dialogue: Knows what keys mean and what is to be shown.
        fd: The terminal that keys come from.
        console: Where to draw.
    """

    def __init__(self, dialogue: Dialogue, fd: int, console: Console) -> None:
        self._dialogue = dialogue
        self._console = console
        self._terminal = KeyTerminal(fd)
        # Whoever reads a key must draw, too: threads of its own would draw half a change.
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._stack = ExitStack()
        self._keys: list[Key] = []
        self._drawn_s = -math.inf

    def __enter__(self) -> "ScreenFrontend":
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

    def turn(self, now_s: float, wait_s: float) -> Order | None:
        """Take in keys and draw.

        Args:
            now_s: The time [s].
            wait_s: How long to wait for a key [s].

        Returns:
            The order that a key gave; keys after it are for the next turn.

        Raises:
            EOFError: The terminal has gone.
        """
        if not self._keys:
            self._keys = self._terminal.keys(wait_s)
        pressed, order = bool(self._keys), None
        while self._keys and order is None:
            order = self._dialogue.press(self._keys.pop(0), now_s)
        try:
            self._draw(now_s, at_once=pressed)
        except OSError:
            raise EOFError from None
        return order

    def _draw(self, now_s: float, at_once: bool) -> None:
        if self._dialogue.tick(now_s):
            self._console.bell()
        if at_once or now_s - self._drawn_s >= _DRAW_EVERY_S:
            self._drawn_s = now_s
            view = self._dialogue.view(now_s)
            self._live.update(screen(view, self._console.height), refresh=True)
