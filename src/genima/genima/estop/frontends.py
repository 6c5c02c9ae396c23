# SPDX-License-Identifier: Apache-2.0
"""What presses the stop: a terminal's keys, or lines of a script or a pedal."""

from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console

from genima.estop.button import CALM_S, Deed, StopButton, deed_of
from genima.estop.screen import screen
from genima.terminal.line_stream import LineStream
from genima.terminal.live_screen import LiveScreen

_DEEDS = {deed.value: deed for deed in Deed}
#: Tells which nodes hear the stop.
Listeners = Callable[[], Sequence[str]]


class ScreenFrontend(LiveScreen):
    """Takes the terminal over while it is entered.

    Args:
        button: What is pressed.
        listeners: Who hears it.
        fd: The terminal that keys come from.
        console: Where to draw.
    """

    def __init__(
        self, button: StopButton, listeners: Listeners, fd: int, console: Console
    ) -> None:
        super().__init__(fd, console)
        self._button = button
        self._listeners = listeners

    def turn(self, now_s: float, wait_s: float) -> bool:
        """Take in keys; returns whether the program is to end.

        Raises:
            EOFError: The terminal has gone.
        """
        data = self.read_anything(wait_s)
        return bool(data) and self._button.do(deed_of(data), now_s)

    def tell(self, now_s: float, news: bool) -> None:
        """Draw, which may take long: what has changed is sent before.

        Raises:
            EOFError: The terminal has gone.
        """
        view = self._button.view(self._listeners(), now_s)
        self.show(lambda height: screen(view), now_s, at_once=news, ring=False)


class LineFrontend(LineStream):
    """The lines `release` and `quit`; every other line presses, and so does the end of them.

    Args:
        button: What is pressed.
        listeners: Who hears it.
        fd: Where lines come from.
        out: Where to tell.
    """

    def __init__(self, button: StopButton, listeners: Listeners, fd: int, out: TextIO) -> None:
        super().__init__(fd, out)
        self._button = button
        self._listeners = listeners
        self._told = ""

    def turn(self, now_s: float, wait_s: float) -> bool:
        """Take in one line; returns whether the program is to end.

        Raises:
            EOFError: There are no more lines.
        """
        self.read(wait_s)
        line = self.next_line()
        if line is None:
            if self.ended:
                raise EOFError
            return False
        deed = _DEEDS.get(line, Deed.PRESS)
        ends = self._button.do(deed, now_s)
        if deed is not Deed.PRESS and self._button.pressed and not ends:
            self.write(f"error {line} comes too soon; send nothing for {CALM_S} s before it")
        return ends

    def tell(self, now_s: float, news: bool) -> None:
        """Write what has changed.

        Raises:
            EOFError: Nobody reads any more.
        """
        view = self._button.view(self._listeners(), now_s)
        words = f"{'pressed' if view.pressed else 'released'} name={view.name!r}"
        words += f" heard_by={','.join(view.listeners) or 'nobody'}"
        words += f" missing={','.join(view.missing) or 'nobody'}"
        if words != self._told:
            self._told = words
            self.write(words)
