# SPDX-License-Identifier: Apache-2.0
"""The operator's side of `genima approve`: a terminal with keys, or lines from a script."""

import math
import os
import select
from collections import deque
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live

from genima.approval.dialogue import KEYS, ApprovalDialogue, ApprovalView, Order
from genima.approval.screen import headline, screen
from genima.launching.console import LineBuffer
from genima.recording_ui.keys import Special
from genima.recording_ui.terminal import KeyTerminal

#: How often the screen is drawn while nobody presses a key [s].
_DRAW_EVERY_S = 0.2
#: A key that comes so soon after a new target was meant for the one before [s].
_TOO_SOON_S = 0.4


class Frontend(Protocol):
    """What an operator looks at, and answers with."""

    def __enter__(self) -> "Frontend": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def turn(self, now_s: float, wait_s: float) -> Order | None:
        """Show what is new and wait a little [s] for an order.

        Raises:
            EOFError: Nobody can answer any more.
        """


class ScreenFrontend:
    """Takes the terminal over while it is entered.

    Args:
        dialogue: Knows what is to be shown.
        fd: The terminal that keys come from.
        console: Where to draw.
    """

    def __init__(self, dialogue: ApprovalDialogue, fd: int, console: Console) -> None:
        self._dialogue = dialogue
        self._console = console
        self._terminal = KeyTerminal(fd)
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._stack = ExitStack()
        self._drawn_s = -math.inf
        self._asked = False

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

        Raises:
            EOFError: The terminal has gone.
        """
        pressed = self._terminal.keys(wait_s)
        order = None
        for key in pressed:
            if key.special is Special.INTERRUPT:
                return Order.QUIT
            if key.character in KEYS:
                # One answer a turn: what was typed ahead was not meant for what comes next.
                looked = self._dialogue.view(now_s).asked_for_s >= _TOO_SOON_S
                order = self._dialogue.press(KEYS[key.character], now_s, looked)
                break
        try:
            self._draw(self._dialogue.view(now_s), now_s, at_once=bool(pressed))
        except OSError:
            raise EOFError from None
        return order

    def _draw(self, view: ApprovalView, now_s: float, at_once: bool) -> None:
        if view.asks and not self._asked:
            self._console.bell()
            at_once = True
        self._asked = view.asks
        if at_once or now_s - self._drawn_s >= _DRAW_EVERY_S:
            self._drawn_s = now_s
            self._live.update(screen(view), refresh=True)


class LineFrontend:
    """A line for each change; `approve`, `reject` and `quit` as lines.

    Nothing is approved by itself: at the end of the input the arm goes on waiting.

    Args:
        dialogue: Knows what goes on.
        fd: Where orders come from.
        out: Where to tell.
    """

    def __init__(self, dialogue: ApprovalDialogue, fd: int, out: TextIO) -> None:
        self._dialogue = dialogue
        self._fd = fd
        self._out = out
        self._buffer = LineBuffer()
        self._lines: deque[str] = deque()
        self._at_end = False
        self._told: tuple[str, str] = ("", "")

    def __enter__(self) -> "LineFrontend":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was taken over."""

    def turn(self, now_s: float, wait_s: float) -> Order | None:
        """Tell what has changed and take in one line.

        Raises:
            EOFError: There are no more lines, or nobody reads what is told.
        """
        self._read(wait_s)
        try:
            # What is told only now cannot be what a line that came before was meant for.
            news = self._tell(self._dialogue.view(now_s))
            if self._lines:
                return self._obey(self._lines.popleft(), now_s, looked=not news)
        except BrokenPipeError:
            raise EOFError from None
        if self._at_end and not self._dialogue.pending:
            raise EOFError
        return None

    def _obey(self, line: str, now_s: float, looked: bool) -> Order | None:
        try:
            order = Order(line)
        except ValueError:
            words = ", ".join(order.value for order in Order)
            self._line(f"error {line!r} is no answer; there are: {words}")
            return None
        return self._dialogue.press(order, now_s, looked)

    def _read(self, wait_s: float) -> None:
        if self._at_end or not select.select([self._fd], [], [], wait_s)[0]:
            return
        data = os.read(self._fd, 4096)
        self._at_end = not data
        lines = self._buffer.feed(data) if data else self._buffer.flush()
        self._lines += [text for line in lines if (text := line.decode(errors="replace").strip())]

    def _tell(self, view: ApprovalView) -> bool:
        """Tell what has changed; returns whether the state is another one."""
        state, before = state_line(view), self._told
        if state != before[0]:
            self._line(state)
        if view.message and view.message != before[1]:
            self._line(f"{'error' if view.failed else 'note'} {view.message}")
        self._told = state, view.message
        return state != before[0]

    def _line(self, text: str) -> None:
        print(text, file=self._out, flush=True)


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
