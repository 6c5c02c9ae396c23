# SPDX-License-Identifier: Apache-2.0
"""The interface without a terminal: lines in, lines out."""

import math
import os
import select
from collections import deque
from types import TracebackType
from typing import TextIO

from genima.errors import InvalidCommand
from genima.launching.console import LineBuffer
from genima.recording_ui.bindings import Action
from genima.recording_ui.dialogue import Dialogue, DialogueView, Message, Tone
from genima.recording_ui.orders import Order
from genima.recording_ui.plain import NOTE, parse_line, status_line

#: How often the state is told while nothing changes [s].
_TELL_EVERY_S = 5.0
_MARKS = {Tone.PLAIN: "note", Tone.WARNING: "warning", Tone.GOOD: "ok", Tone.ERROR: "error"}


class LineFrontend:
    """Reads commands, one at a time, and tells what happens.

    Args:
        dialogue: Knows what is going on.
        fd: Where commands come from.
        out: Where to tell.
    """

    def __init__(self, dialogue: Dialogue, fd: int, out: TextIO) -> None:
        self._dialogue = dialogue
        self._fd = fd
        self._out = out
        self._buffer = LineBuffer()
        self._lines: deque[str] = deque()
        self._at_end = False
        self._message = Message()
        self._told: tuple[object, ...] = ()
        self._told_s = -math.inf

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
        """Take in what has come, tell what has changed, carry out one command.

        Args:
            now_s: The time [s].
            wait_s: How long to wait for a command [s].

        Returns:
            The order that a command gave.

        Raises:
            EOFError: There are no more commands, or nobody reads what is told.
        """
        self._read(wait_s)
        self._dialogue.tick(now_s)
        try:  # before the next command, whose own message would take the place of the last
            self._tell(self._dialogue.view(now_s), now_s)
        except BrokenPipeError:
            raise EOFError from None
        if self._dialogue.pending is not None:
            return None
        if self._lines:
            return self._obey(self._lines.popleft(), now_s)
        if self._at_end:
            raise EOFError
        return None

    def _read(self, wait_s: float) -> None:
        if self._at_end or not select.select([self._fd], [], [], wait_s)[0]:
            return
        data = os.read(self._fd, 4096)
        self._at_end = not data
        lines = self._buffer.feed(data) if data else self._buffer.flush()
        self._lines += [text for line in lines if (text := line.decode(errors="replace").strip())]

    def _obey(self, line: str, now_s: float) -> Order | None:
        try:
            what, rest = parse_line(line)
        except InvalidCommand as error:
            self._dialogue.say(str(error), Tone.ERROR)
            return None
        if isinstance(what, Action):
            return self._dialogue.act(what, now_s)
        if what == NOTE:
            self._dialogue.set_note(rest)
            self._dialogue.say(f"note: {rest}", Tone.GOOD)
        else:
            self._told = ()
        return None

    def _tell(self, view: DialogueView, now_s: float) -> None:
        if view.message is not self._message:
            self._message = view.message
            self._line(f"{_MARKS[view.message.tone]} {view.message.text}")
        snapshot = view.snapshot
        told = (view.state, snapshot and (snapshot.episode, snapshot.kept, snapshot.reason))
        if told != self._told or now_s - self._told_s >= _TELL_EVERY_S:
            self._told, self._told_s = told, now_s
            self._line(status_line(view))

    def _line(self, text: str) -> None:
        print(text, file=self._out, flush=True)
