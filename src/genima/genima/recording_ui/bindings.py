# SPDX-License-Identifier: Apache-2.0
"""Which key does what in which situation. The footer of the screen is made from the same table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from genima.recording_ui.snapshot import RecorderState


class Mode(Enum):
    """What the operator is being asked."""

    COMMAND = "command"
    NOTE = "note"
    CONFIRM_DISCARD = "confirm discard"
    QUIT = "quit"


class Action(Enum):
    """What a key can do."""

    START = "start"
    STOP = "stop"
    KEEP = "keep"
    FAIL = "fail"
    ASK_DISCARD = "ask before a discard"
    DISCARD = "discard"
    EDIT_NOTE = "edit the note"
    ASK_QUIT = "ask before the end"
    QUIT = "quit"
    BACK = "back"


@dataclass(frozen=True)
class Binding:
    """A key's meaning.

    Attributes:
        action: What it does.
        label: The same in words for the footer.
    """

    action: Action
    label: str


_KEEP = Binding(Action.KEEP, "keep as success")
_FAIL = Binding(Action.FAIL, "keep as failure")
_DISCARD = Binding(Action.ASK_DISCARD, "discard")
_QUIT = Binding(Action.QUIT, "quit")
_BACK = Binding(Action.BACK, "go back")
_REVIEW = {
    "k": _KEEP,
    "f": _FAIL,
    "d": _DISCARD,
    "n": Binding(Action.EDIT_NOTE, "note"),
    "q": Binding(Action.ASK_QUIT, "quit"),
}
_START = {"space": Binding(Action.START, "start"), "q": _QUIT}
_COMMANDS = {
    None: {"q": _QUIT},
    RecorderState.IDLE: _START,
    RecorderState.FAULT: _START,
    RecorderState.RECORDING: {"space": Binding(Action.STOP, "stop"), **_REVIEW},
    RecorderState.REVIEW: _REVIEW,
}
_QUESTIONS = {
    Mode.NOTE: {
        "enter": Binding(Action.BACK, "take the note"),
        "esc": Binding(Action.BACK, "leave it as it was"),
    },
    Mode.CONFIRM_DISCARD: {"d": Binding(Action.DISCARD, "discard for good"), "esc": _BACK},
    Mode.QUIT: {"k": _KEEP, "f": _FAIL, "d": _DISCARD, "esc": _BACK},
}


def bindings(mode: Mode, state: RecorderState | None) -> Mapping[str, Binding]:
    """The keys that do something.

    Args:
        mode: What is being asked.
        state: Of the recorder; None while it does not answer.
    """
    return MappingProxyType(_COMMANDS[state] if mode is Mode.COMMAND else _QUESTIONS[mode])
