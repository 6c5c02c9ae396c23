# SPDX-License-Identifier: Apache-2.0
"""The operator's side of `genima approve`: a terminal with keys, or lines from a script."""

import math
from typing import TextIO

from rich.console import Console

from genima.approval.dialogue import KEYS, ApprovalDialogue, ApprovalView, Order
from genima.approval.screen import headline, screen
from genima.terminal.keys import Special
from genima.terminal.line_stream import LineStream
from genima.terminal.live_screen import LiveScreen

#: A key that comes so soon after a new target was meant for the one before [s].
_TOO_SOON_S = 0.4


class ScreenFrontend(LiveScreen):
    """Takes the terminal over while it is entered.

    Args:
        dialogue: Knows what is to be shown.
        fd: The terminal that keys come from.
        console: Where to draw.
    """

    def __init__(self, dialogue: ApprovalDialogue, fd: int, console: Console) -> None:
        super().__init__(fd, console)
        self._dialogue = dialogue
        self._asked = False

    def turn(self, now_s: float, wait_s: float) -> Order | None:
        """Take in keys, draw, and return what was ordered.

        Raises:
            EOFError: The terminal has gone.
        """
        pressed = self.read_keys(wait_s)
        order = None
        for key in pressed:
            if key.special is Special.INTERRUPT:
                return Order.QUIT
            if key.character in KEYS:
                # One answer a turn: what was typed ahead was not meant for what comes next.
                looked = self._dialogue.view(now_s).asked_for_s >= _TOO_SOON_S
                order = self._dialogue.press(KEYS[key.character], now_s, looked)
                break
        view = self._dialogue.view(now_s)
        rings, self._asked = view.asks and not self._asked, view.asks
        self.show(lambda height: screen(view), now_s, at_once=bool(pressed), ring=rings)
        return order


class LineFrontend(LineStream):
    """A line for each change; `approve`, `reject` and `quit` as lines.

    Nothing is approved by itself: at the end of the input the arm goes on waiting.

    Args:
        dialogue: Knows what goes on.
        fd: Where orders come from.
        out: Where to tell.
    """

    def __init__(self, dialogue: ApprovalDialogue, fd: int, out: TextIO) -> None:
        super().__init__(fd, out)
        self._dialogue = dialogue
        self._told: tuple[str, str] = ("", "")

    def turn(self, now_s: float, wait_s: float) -> Order | None:
        """Tell what has changed and take in one line.

        Raises:
            EOFError: There are no more lines, or nobody reads what is told.
        """
        self.read(wait_s)
        # What is told only now cannot be what a line that came before was meant for.
        news = self._tell(self._dialogue.view(now_s))
        line = self.next_line()
        if line:
            return self._obey(line, now_s, looked=not news)
        if self.ended and not self._dialogue.pending:
            raise EOFError
        return None

    def _obey(self, line: str, now_s: float, looked: bool) -> Order | None:
        try:
            order = Order(line)
        except ValueError:
            words = ", ".join(order.value for order in Order)
            self.write(f"error {line!r} is no answer; there are: {words}")
            return None
        return self._dialogue.press(order, now_s, looked)

    def _tell(self, view: ApprovalView) -> bool:
        """Tell what has changed; returns whether the state is another one."""
        state, before = state_line(view), self._told
        if state != before[0]:
            self.write(state)
        if view.message and view.message != before[1]:
            self.write(f"{'error' if view.failed else 'note'} {view.message}")
        self._told = state, view.message
        return state != before[0]


def state_line(view: ApprovalView) -> str:
    """What goes on: a state, then name=value words."""
    controller = view.controller
    if controller is None:
        return headline(view)[0].lower()
    words = ["asks" if view.asks else controller.state.name.lower()]
    words.append(f"chunk={controller.chunks}")
    if view.asks and view.motion is not None:
        words.append(f"stamp={view.target.stamp_s:.3f}" if view.target else "")
        words.append(f"largest_motion_deg={math.degrees(view.motion.largest_rad):.0f}")
        words.append(f"joint={view.motion.largest_joint}")
        words.append(f"fit={controller.fit:.2f}")
    if controller.reason:
        words.append(f"reason={controller.reason!r}")
    return " ".join(filter(None, words))
