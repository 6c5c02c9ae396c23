# SPDX-License-Identifier: Apache-2.0
"""The conversation between operator and recorder: keys become orders, one at a time."""

import math
from dataclasses import dataclass, replace
from enum import Enum

from genima.recording_ui.bindings import Action, Mode, bindings
from genima.recording_ui.orders import Answer, Command, Order
from genima.recording_ui.snapshot import RecorderSnapshot, RecorderState
from genima.terminal.keys import Key, Special

#: A status that is older than this is no news any more [s]; it comes at 2 Hz.
STATUS_LIMIT_S = 3.0
#: A start-stop key that is held down repeats itself after half a second, which is no stop [s].
HELD_KEY_S = 0.7
_ORDERS = {
    Action.START: Command.START,
    Action.STOP: Command.STOP,
    Action.KEEP: Command.KEEP,
    Action.FAIL: Command.FAIL,
    Action.DISCARD: Command.DISCARD,
}
_AFTER = {Command.START: RecorderState.RECORDING, Command.STOP: RecorderState.REVIEW}
_DONE = {
    Command.START: "recording",
    Command.STOP: "the take has ended; keep or discard it",
    Command.KEEP: "kept as a success",
    Command.FAIL: "kept as a failure",
    Command.DISCARD: "discarded",
}


class Tone(Enum):
    """How a message is meant."""

    PLAIN = "plain"
    GOOD = "good"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Message:
    """The last thing worth saying."""

    text: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Wanted:
    """What the session is to give.

    Attributes:
        task: Short name of the task.
        instruction: What the robot is told.
        episodes: Episodes that the data set shall have in the end; 0 for no end.
        reset_time_s: Time to prepare the scene for the next take [s].
    """

    task: str = ""
    instruction: str = ""
    episodes: int = 0
    reset_time_s: float = 0.0


@dataclass(frozen=True)
class DialogueView:
    """What is to be shown.

    Attributes:
        snapshot: The newest status; None before the first.
        state: What the recorder does; None while it does not answer.
        mode: What is being asked.
        note: The operator's note for the present take.
        message: The last thing worth saying.
        pending: The order that the recorder works on.
        take_s: Length of the present or last take by now [s].
        reset_left_s: Time left to prepare the scene [s]; 0 when it is over.
        wanted: What the session is to give.
    """

    snapshot: RecorderSnapshot | None = None
    state: RecorderState | None = None
    mode: Mode = Mode.COMMAND
    note: str = ""
    message: Message = Message()
    pending: Command | None = None
    take_s: float = 0.0
    reset_left_s: float = 0.0
    wanted: Wanted = Wanted()


class Dialogue:
    """Turns keys into orders, one at a time, and remembers what is to be shown.

    Args:
        wanted: What the session is to give.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._snapshot: RecorderSnapshot | None = None
        self._heard_s = -math.inf
        self._mode = Mode.COMMAND
        self._note = self._note_before = ""
        self._message = Message("looking for the recorder")
        self._pending: Order | None = None
        self._quitting = False
        self._reset_until_s = -math.inf
        self._toggled_s = -math.inf
        self._rings = False
        #: Set when the program is to end.
        self.finished = False

    @property
    def pending(self) -> Order | None:
        """The order that the recorder works on."""
        return self._pending

    def state(self, now_s: float) -> RecorderState | None:
        """What the recorder does; None while it does not answer."""
        silent = now_s - self._heard_s > STATUS_LIMIT_S
        return None if self._snapshot is None or silent else self._snapshot.state

    def view(self, now_s: float) -> DialogueView:
        """What is to be shown now."""
        snapshot, state = self._snapshot, self.state(now_s)
        since_s = now_s - self._heard_s if state is RecorderState.RECORDING else 0.0
        return DialogueView(
            snapshot=snapshot,
            state=state,
            mode=self._mode,
            note=self._note,
            message=self._message,
            pending=self._pending.command if self._pending else None,
            take_s=snapshot.duration_s + since_s if snapshot else 0.0,
            reset_left_s=max(0.0, self._reset_until_s - now_s),
            wanted=self._wanted,
        )

    def hear(self, snapshot: RecorderSnapshot, now_s: float) -> None:
        """Take in a status of the recorder."""
        before, self._snapshot, self._heard_s = self._snapshot, snapshot, now_s
        if before is None:
            self._welcome(snapshot)
            return
        ended = before.state is RecorderState.RECORDING and snapshot.state is not before.state
        if ended and self._pending is None:
            self.say(f"the take has ended: {snapshot.reason}", Tone.WARNING)
            self._rings = True
        if self._pending is None and not snapshot.state.open_take and self._mode is not Mode.NOTE:
            self.finished |= self._mode is Mode.QUIT  # somebody else has settled the take
            self._mode = Mode.COMMAND

    def lose(self, why: str) -> None:
        """Take in that the recorder has gone for good."""
        self._heard_s = -math.inf
        self._mode, self._pending = Mode.COMMAND, None
        self.say(why, Tone.ERROR)

    def tick(self, now_s: float) -> bool:
        """Look at the clock; returns whether to ring the bell."""
        if -math.inf < self._reset_until_s <= now_s:
            self._reset_until_s = -math.inf
            if self.state(now_s) is RecorderState.IDLE:
                self.say("the time to prepare the scene is over")
                self._rings = True
        rings, self._rings = self._rings, False
        return rings

    def press(self, key: Key, now_s: float) -> Order | None:
        """Take in a key; returns the order that it gives, if any."""
        if key.special is Special.INTERRUPT:
            return self._interrupt(now_s)
        if self._mode is Mode.NOTE:
            self._edit_note(key)
            return None
        word = key.special.value if key.special else key.character.lower()
        if self._mode is Mode.COMMAND and word in (" ", Special.ENTER.value):
            word = "space"
            held, self._toggled_s = now_s - self._toggled_s < HELD_KEY_S, now_s
            if held:
                return None
        else:
            self._toggled_s = -math.inf
        if self._pending:
            self.say(f"one moment: the recorder works on {self._pending.command.value!r}")
            return None
        binding = bindings(self._mode, self.state(now_s)).get(word)
        if binding is None and self._mode is not Mode.COMMAND:
            return self.act(Action.BACK, now_s)
        if binding is None:
            self.say(f"{word!r} does nothing now; see the keys below")
            return None
        return self.act(binding.action, now_s)

    def act(self, action: Action, now_s: float) -> Order | None:
        """Do something, whether or not a key is bound to it now."""
        if action in _ORDERS:
            self._mode = Mode.COMMAND
            self._pending = Order(_ORDERS[action], self._note)
            return self._pending
        if action is Action.EDIT_NOTE:
            self._mode, self._note_before = Mode.NOTE, self._note
        elif action is Action.ASK_DISCARD:
            self._mode = Mode.CONFIRM_DISCARD
        elif action is Action.BACK:
            self._mode, self._quitting = Mode.COMMAND, False
        else:
            self.quit(now_s)
        return None

    def quit(self, now_s: float) -> None:
        """End, after a question where a take is open."""
        state = self.state(now_s)
        self._quitting = state is not None and state.open_take
        self.finished |= not self._quitting
        if self._quitting:
            self._mode = Mode.QUIT
            self.say("a take is open: keep, fail or discard it, then this ends", Tone.WARNING)

    def set_note(self, text: str) -> None:
        """Replace the note of the present take."""
        self._note = text.strip()

    def answer(self, answer: Answer, now_s: float) -> None:
        """Take in what became of the pending order."""
        order, self._pending = self._pending, None
        if order is None:
            return
        command = order.command
        if not answer.success:
            self._quitting = False
            self.say(f"{command.value}: {answer.message}", Tone.ERROR)
            return
        if self._snapshot is not None:  # the status that says so is on its way
            after = _AFTER.get(command, RecorderState.IDLE)
            reason = self._snapshot.reason if command is Command.STOP else ""
            self._snapshot = replace(self._snapshot, state=after, reason=reason)
        kept_as = f": {answer.message}" if command in (Command.KEEP, Command.FAIL) else ""
        self.say(f"{_DONE[command]}{kept_as}", Tone.GOOD)
        if command is Command.START:
            self._reset_until_s = -math.inf
        if command.settles_take:
            self._note = ""
            if self._wanted.reset_time_s > 0:
                self._reset_until_s = now_s + self._wanted.reset_time_s
            self.finished |= self._quitting

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a message until the next one."""
        self._message = Message(text, tone)

    def _welcome(self, snapshot: RecorderSnapshot) -> None:
        if snapshot.recovered:
            self.say(
                f"{snapshot.recovered} unfinished take(s) of an earlier session were recovered "
                "and kept, without a success label",
                Tone.WARNING,
            )
        else:
            self.say("the recorder is there", Tone.GOOD)

    def _interrupt(self, now_s: float) -> Order | None:
        if self._mode is Mode.QUIT:  # the second time
            self.finished = True
        elif self._pending is None:
            self.quit(now_s)
        return None

    def _edit_note(self, key: Key) -> None:
        if key.special is Special.BACKSPACE:
            self._note = self._note[:-1]
        elif key.special is not None:
            if key.special is Special.ESCAPE:
                self._note = self._note_before
            self._mode = Mode.COMMAND
        self._note += key.character
