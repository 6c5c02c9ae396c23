# SPDX-License-Identifier: Apache-2.0
"""The interface on a terminal: keys in, a live screen out."""

from rich.console import Console

from genima.recording_ui.dialogue import Dialogue
from genima.recording_ui.orders import Order
from genima.recording_ui.screen import screen
from genima.terminal.keys import Key
from genima.terminal.live_screen import LiveScreen


class ScreenFrontend(LiveScreen):
    """Takes the terminal over while it is entered.

    Args:
        dialogue: Knows what keys mean and what is to be shown.
        fd: The terminal that keys come from.
        console: Where to draw.
    """

    def __init__(self, dialogue: Dialogue, fd: int, console: Console) -> None:
        super().__init__(fd, console)
        self._dialogue = dialogue
        self._keys: list[Key] = []

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
            self._keys = self.read_keys(wait_s)
        pressed, order = bool(self._keys), None
        while self._keys and order is None:
            order = self._dialogue.press(self._keys.pop(0), now_s)
        rings = self._dialogue.tick(now_s)
        view = self._dialogue.view(now_s)
        self.show(lambda height: screen(view, height), now_s, at_once=pressed, ring=rings)
        return order
