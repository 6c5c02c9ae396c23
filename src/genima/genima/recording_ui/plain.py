# SPDX-License-Identifier: Apache-2.0
"""The interface where there is no terminal: a word a line in, a line a happening out.

A script or a pedal drives it; nothing is asked twice there.
"""

from genima.errors import InvalidCommand
from genima.recording_ui.bindings import Action
from genima.recording_ui.dialogue import DialogueView
from genima.recording_ui.snapshot import Health, RecorderSnapshot

_ACTIONS = {
    "start": Action.START,
    "stop": Action.STOP,
    "keep": Action.KEEP,
    "fail": Action.FAIL,
    "discard": Action.DISCARD,
    "quit": Action.QUIT,
}
NOTE = "note"
STATUS = "status"
WORDS = (*_ACTIONS, f"{NOTE} TEXT", STATUS)


def parse_line(line: str) -> tuple[Action | str, str]:
    """What a line asks for: an action, `note` with its text, or `status`.

    Raises:
        InvalidCommand: It is no command.
    """
    word, _, rest = line.strip().partition(" ")
    if word == NOTE:
        return NOTE, rest.strip()
    if rest or word not in (*_ACTIONS, STATUS):
        raise InvalidCommand(f"{line.strip()!r} is no command; there are: {', '.join(WORDS)}")
    return _ACTIONS.get(word, word), ""


def status_line(view: DialogueView) -> str:
    """What goes on: the state, then name=value words."""
    snapshot, state = view.snapshot, view.state
    if snapshot is None:
        return "looking"
    words = ["silent" if state is None else state.name.lower()]
    words.append(f"episode={snapshot.episode}")
    words.append(f"kept={snapshot.kept}")
    if view.wanted.episodes:
        words.append(f"wanted={view.wanted.episodes}")
    words.append(f"take_s={view.take_s:.1f}")
    words.append(f"lost={sum(stream.lost for stream in snapshot.streams)}")
    words.append(f"bad={','.join(_bad(snapshot)) or 'none'}")
    words.append(f"disk_free_gb={snapshot.disk_free_bytes / 1e9:.1f}")
    if snapshot.reason:
        words.append(f"reason={snapshot.reason!r}")
    return " ".join(words)


def _bad(snapshot: RecorderSnapshot) -> list[str]:
    return [stream.topic for stream in snapshot.streams if stream.health is Health.BAD]
