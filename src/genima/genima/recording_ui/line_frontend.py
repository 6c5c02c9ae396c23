# SPDX-License-Identifier: Apache-2.0
"""The interface without a terminal: lines in, lines out."""

import math
from typing import TextIO

from genima.errors import InvalidCommand
from genima.recording_ui.bindings import Action
from genima.recording_ui.dialogue import Dialogue, DialogueView, Message, Tone
from genima.recording_ui.orders import Order
from genima.recording_ui.plain import NOTE, parse_line, status_line
from genima.terminal.line_stream import LineStream

#: How often the state is told while nothing changes [s].
_TELL_EVERY_S = 5.0
_MARKS = {Tone.PLAIN: "note", Tone.WARNING: "warning", Tone.GOOD: "ok", Tone.ERROR: "error"}


class LineFrontend(LineStream):
    """Reads commands, one at a time, and tells what happens.

    Args:
        dialogue: Knows what is going on.
        fd: Where commands come from.
        out: Where to tell.
    """

    def __init__(self, dialogue: Dialogue, fd: int, out: TextIO) -> None:
        super().__init__(fd, out)
        self._dialogue = dialogue
        self._message = Message()
        self._told: tuple[object, ...] = ()
        self._told_s = -math.inf

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
        self.read(wait_s)
        self._dialogue.tick(now_s)
        # Before the next command, whose own message would take the place of the last.
        self._tell(self._dialogue.view(now_s), now_s)
        if self._dialogue.pending is not None:
            return None
        if self.ended:
            raise EOFError
        line = self.next_line()
        return self._obey(line, now_s) if line else None

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
            self.write(f"{_MARKS[view.message.tone]} {view.message.text}")
        snapshot = view.snapshot
        told = (view.state, snapshot and (snapshot.episode, snapshot.kept, snapshot.reason))
        if told != self._told or now_s - self._told_s >= _TELL_EVERY_S:
            self._told, self._told_s = told, now_s
            self.write(status_line(view))
