# SPDX-License-Identifier: Apache-2.0
"""Turns what a terminal sends into keys."""

import codecs
from dataclasses import dataclass
from enum import Enum


class Special(Enum):
    """Keys that are no letters."""

    ENTER = "enter"
    ESCAPE = "esc"
    BACKSPACE = "backspace"
    INTERRUPT = "Ctrl-C"


@dataclass(frozen=True)
class Key:
    """One key: a character, or a special key."""

    character: str = ""
    special: Special | None = None


_SPECIALS = {
    "\r": Special.ENTER,
    "\n": Special.ENTER,
    "\x7f": Special.BACKSPACE,
    "\b": Special.BACKSPACE,
    "\x03": Special.INTERRUPT,
}
_ESCAPE = "\x1b"


class KeyDecoder:
    """Decodes UTF-8 and swallows arrows, function keys and the like.

    They begin with an escape and end in letters that mean something here: left is `ESC [ D`, and
    must not discard a take.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._sequence = ""

    def feed(self, data: bytes) -> list[Key]:
        """Take bytes in; return the keys that are complete."""
        keys = []
        for character in self._decoder.decode(data):
            if self._sequence:
                keys += self._continue(character)
            elif character == _ESCAPE:
                self._sequence = _ESCAPE
            elif character in _SPECIALS:
                keys.append(Key(special=_SPECIALS[character]))
            elif character.isprintable():
                keys.append(Key(character))
        return keys

    def pause(self) -> list[Key]:
        """Nothing followed for a while: an escape that was alone is the key itself."""
        alone, self._sequence = self._sequence == _ESCAPE, ""
        return [Key(special=Special.ESCAPE)] if alone else []

    def _continue(self, character: str) -> list[Key]:
        if character == _ESCAPE:  # the one before was alone
            alone, self._sequence = self._sequence == _ESCAPE, _ESCAPE
            return [Key(special=Special.ESCAPE)] if alone else []
        first = len(self._sequence) == 1
        self._sequence += character
        # ESC [ numbers letter, ESC O letter, or ESC and one character for Alt.
        if not (first and character in "[O") and (first or self._ends(character)):
            self._sequence = ""
        return []

    def _ends(self, character: str) -> bool:
        if self._sequence == f"{_ESCAPE}[[":  # F1 to F5 of the Linux console are ESC [ [ letter
            return False
        return self._sequence[1] == "O" or "\x40" <= character <= "\x7e"
