# SPDX-License-Identifier: Apache-2.0
"""Whether some emergency stop is pressed, or has fallen silent."""

from typing import NamedTuple

#: Longest silence of a source [s]; five of its heartbeats are lost then.
_TIMEOUT_S = 1.0
#: How long a press goes on to count after it was heard last [s]: of two stops with one name, the
#: one that is released must not hide the one that is pressed.
_MEMORY_S = 1.0
#: More buttons than any cell has; further ones are somebody flooding the topic.
_MOST_SOURCES = 16
#: A source's name is cut to this many characters.
_LONGEST_NAME = 40


class _Heard(NamedTuple):
    pressed: bool
    pressed_s: float  # when it was pressed last
    at_s: float


class EmergencyStop:
    """Remembers the stops of all sources; whoever moves the arm asks before each motion.

    A source that was heard once has to go on: a button whose cable or program is broken counts as
    pressed. Latching is the caller's: it stands from the first reason on until a person acts.
    One thread may hear while another one asks.
    """

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}
        self._flooded = False

    def hear(self, pressed: bool, source: str, now_s: float) -> None:
        """Take a message of `source` in, on a clock that does not go back [s]."""
        name = source.strip()[:_LONGEST_NAME] or "unnamed"
        if name not in self._heard and len(self._heard) >= _MOST_SOURCES:
            self._flooded = True
            return
        before = self._heard.get(name)
        pressed_s = now_s if pressed else before.pressed_s if before else float("-inf")
        # A new table for each message: who asks in another thread never sees a half-made one.
        self._heard = {**self._heard, name: _Heard(pressed, pressed_s, now_s)}

    def reason(self, now_s: float) -> str | None:
        """Why the arm must not move, in a sentence; None if it may."""
        if self._flooded:
            return (
                f"more than {_MOST_SOURCES} emergency stops have been heard; end those that are "
                "no buttons and start this node again"
            )
        heard = self._heard
        for name, state in heard.items():
            if state.pressed:
                return f"the emergency stop {name!r} is pressed; release it when all is safe"
        for name, state in heard.items():
            if now_s - state.pressed_s < _MEMORY_S:
                return (
                    f"the emergency stop {name!r} is pressed or was only now released; wait "
                    f"{_MEMORY_S} s, and if this stays, give each stop a name of its own"
                )
            if not now_s - state.at_s <= _TIMEOUT_S:  # so that NaN is silence as well
                return (
                    f"the emergency stop {name!r} has been silent for more than "
                    f"{_TIMEOUT_S} s; see whether it is connected and its program runs"
                )
        return None
