# SPDX-License-Identifier: Apache-2.0
"""Which key does what in which state, and what is said of it."""

import pytest

from genima.recording_ui.bindings import Action, Mode, bindings
from genima.recording_ui.dialogue import HELD_KEY_S, STATUS_LIMIT_S, Dialogue, Tone, Wanted
from genima.recording_ui.orders import Answer, Command, Order
from genima.recording_ui.snapshot import RecorderSnapshot, RecorderState
from genima.terminal.keys import Key, Special

ESCAPE, ENTER = Key(special=Special.ESCAPE), Key(special=Special.ENTER)
BACKSPACE, INTERRUPT = Key(special=Special.BACKSPACE), Key(special=Special.INTERRUPT)
SPACE = Key(" ")


class Operator:
    """A dialogue; before each key a second goes by and the recorder says again what it does."""

    def __init__(self, state: RecorderState | None, **wanted: float) -> None:
        self.dialogue = Dialogue(Wanted(**wanted))  # type: ignore[arg-type]
        self.now_s = 100.0
        if state is not None:
            self.hears(state)

    def hears(self, state: RecorderState, **values: object) -> None:
        self.dialogue.hear(RecorderSnapshot(state, **values), self.now_s)  # type: ignore[arg-type]

    def press(self, *keys: Key | str) -> Order | None:
        """Press keys one after another; what the last gives."""
        order = None
        for key in keys:
            self.now_s += 1.0
            if (snapshot := self.dialogue.view(self.now_s).snapshot) is not None:
                self.dialogue.hear(snapshot, self.now_s)
            order = self.dialogue.press(Key(key) if isinstance(key, str) else key, self.now_s)
        return order

    def succeeds(self, message: str = "") -> None:
        self.dialogue.answer(Answer(True, message), self.now_s)

    @property
    def mode(self) -> Mode:
        return self.dialogue.view(self.now_s).mode

    @property
    def said(self) -> str:
        return self.dialogue.view(self.now_s).message.text

    @property
    def state(self) -> RecorderState | None:
        return self.dialogue.state(self.now_s)


@pytest.mark.parametrize(
    ("state", "key", "command"),
    [
        (RecorderState.IDLE, SPACE, Command.START),
        (RecorderState.IDLE, ENTER, Command.START),
        (RecorderState.FAULT, SPACE, Command.START),
        (RecorderState.RECORDING, SPACE, Command.STOP),
        (RecorderState.RECORDING, ENTER, Command.STOP),
        (RecorderState.RECORDING, Key("k"), Command.KEEP),
        (RecorderState.RECORDING, Key("f"), Command.FAIL),
        (RecorderState.REVIEW, Key("k"), Command.KEEP),
        (RecorderState.REVIEW, Key("K"), Command.KEEP),
        (RecorderState.REVIEW, Key("f"), Command.FAIL),
    ],
)
def test_key_gives_its_order(state: RecorderState, key: Key, command: Command) -> None:
    assert Operator(state).press(key) == Order(command)


@pytest.mark.parametrize(
    ("state", "keys"),
    [
        (RecorderState.IDLE, "kfdn"),
        (RecorderState.FAULT, "kfdn"),
        (RecorderState.REVIEW, " "),
        (None, " kfdn"),
    ],
)
def test_key_that_means_nothing_gives_no_order_and_says_so(
    state: RecorderState | None, keys: str
) -> None:
    for key in keys:
        operator = Operator(state)
        assert operator.press(key) is None
        assert operator.mode is Mode.COMMAND
        assert "does nothing now" in operator.said


@pytest.mark.parametrize("state", [RecorderState.RECORDING, RecorderState.REVIEW])
def test_discard_asks_once_more(state: RecorderState) -> None:
    operator = Operator(state)
    assert operator.press("d") is None
    assert operator.mode is Mode.CONFIRM_DISCARD
    assert operator.press("d") == Order(Command.DISCARD)


@pytest.mark.parametrize("key", [ESCAPE, Key("x"), Key("k"), SPACE])
def test_any_other_key_takes_the_discard_back(key: Key) -> None:
    operator = Operator(RecorderState.REVIEW)
    assert operator.press("d", key) is None
    assert operator.mode is Mode.COMMAND
    assert operator.press("k") == Order(Command.KEEP)


@pytest.mark.parametrize("state", [RecorderState.IDLE, RecorderState.FAULT, None])
@pytest.mark.parametrize("key", [Key("q"), INTERRUPT])
def test_quit_ends_at_once_where_no_take_is_open(state: RecorderState | None, key: Key) -> None:
    operator = Operator(state)
    operator.press(key)
    assert operator.dialogue.finished


@pytest.mark.parametrize("state", [RecorderState.RECORDING, RecorderState.REVIEW])
@pytest.mark.parametrize("key", [Key("q"), INTERRUPT])
@pytest.mark.parametrize(
    ("choice", "command"),
    [(("k",), Command.KEEP), (("f",), Command.FAIL), (("d", "d"), Command.DISCARD)],
)
def test_quit_with_an_open_take_ends_only_when_that_is_settled(
    state: RecorderState, key: Key, choice: tuple[str, ...], command: Command
) -> None:
    operator = Operator(state)
    operator.press(key)
    assert operator.mode is Mode.QUIT
    assert operator.press(*choice) == Order(command)
    assert not operator.dialogue.finished
    operator.succeeds()
    assert operator.dialogue.finished


def test_quit_can_be_taken_back() -> None:
    operator = Operator(RecorderState.RECORDING)
    operator.press("q", ESCAPE, "k")
    operator.succeeds()
    assert not operator.dialogue.finished


def test_take_that_cannot_be_kept_does_not_end_the_program() -> None:
    operator = Operator(RecorderState.REVIEW)
    operator.press("q", "k")
    operator.dialogue.answer(Answer(False, "the disk is full"), operator.now_s)
    assert operator.said == "keep: the disk is full"
    operator.press("k")
    operator.succeeds()
    assert not operator.dialogue.finished


def test_second_interrupt_leaves_the_take_to_the_recorder() -> None:
    operator = Operator(RecorderState.RECORDING)
    assert operator.press(INTERRUPT, INTERRUPT) is None
    assert operator.dialogue.finished


def test_note_goes_with_the_take_that_is_kept_and_no_other() -> None:
    operator = Operator(RecorderState.RECORDING)
    operator.press("n", *"kd q", BACKSPACE, "s", ENTER)
    assert operator.mode is Mode.COMMAND
    assert operator.press("k") == Order(Command.KEEP, note="kd s")
    operator.succeeds()
    operator.press(SPACE)
    operator.succeeds()
    assert operator.press("k") == Order(Command.KEEP)


def test_escape_brings_the_note_back_that_was_there() -> None:
    operator = Operator(RecorderState.REVIEW)
    operator.press("n", *"ab", ENTER, "n", "c", ESCAPE)
    assert operator.press("f") == Order(Command.FAIL, note="ab")


def test_start_key_that_is_held_down_does_not_stop_the_take() -> None:
    operator = Operator(RecorderState.IDLE)
    operator.press(SPACE)
    operator.succeeds()
    for _ in range(5):
        operator.now_s += 0.9 * HELD_KEY_S
        assert operator.dialogue.press(SPACE, operator.now_s) is None
    operator.hears(RecorderState.RECORDING)
    assert operator.press(SPACE) == Order(Command.STOP)


def test_start_key_after_another_key_is_not_held_down() -> None:
    operator = Operator(RecorderState.RECORDING)
    operator.press(SPACE)
    operator.succeeds()
    assert operator.dialogue.press(Key("k"), operator.now_s) == Order(Command.KEEP)
    operator.succeeds()
    assert operator.dialogue.press(SPACE, operator.now_s) == Order(Command.START)


def test_only_one_order_at_a_time() -> None:
    operator = Operator(RecorderState.REVIEW)
    operator.press("k")
    assert operator.press("f") is None
    assert "works on 'keep'" in operator.said
    assert operator.press(INTERRUPT) is None
    assert not operator.dialogue.finished


def test_answer_counts_before_the_status_that_follows_it() -> None:
    operator = Operator(RecorderState.IDLE)
    for key, state in ((SPACE, "RECORDING"), (SPACE, "REVIEW"), (Key("k"), "IDLE")):
        operator.press(key)
        operator.succeeds()
        assert operator.state is RecorderState[state]


def test_time_to_prepare_the_scene_runs_after_each_take_and_rings_at_its_end() -> None:
    operator = Operator(RecorderState.REVIEW, reset_time_s=2.0)
    operator.press("k")
    operator.succeeds()
    assert operator.dialogue.view(operator.now_s + 0.5).reset_left_s == pytest.approx(1.5)
    assert not operator.dialogue.tick(operator.now_s + 1.9)
    assert operator.dialogue.tick(operator.now_s + 2.0)
    assert not operator.dialogue.tick(operator.now_s + 2.1)


def test_start_ends_the_time_to_prepare() -> None:
    operator = Operator(RecorderState.REVIEW, reset_time_s=60.0)
    operator.press("k")
    operator.succeeds()
    operator.press(SPACE)
    operator.succeeds()
    assert operator.dialogue.view(operator.now_s).reset_left_s == 0.0
    assert not operator.dialogue.tick(operator.now_s + 61.0)


def test_take_that_ends_by_itself_rings_and_says_why() -> None:
    operator = Operator(RecorderState.RECORDING)
    operator.hears(RecorderState.REVIEW, reason="camera wrist was silent for 1.0 s")
    assert operator.dialogue.tick(operator.now_s)
    message = operator.dialogue.view(operator.now_s).message
    assert message.tone is Tone.WARNING
    assert "camera wrist was silent for 1.0 s" in message.text


def test_take_that_the_operator_ends_does_not_ring() -> None:
    operator = Operator(RecorderState.RECORDING)
    operator.press(SPACE)
    operator.hears(RecorderState.REVIEW, reason="the operator ended it")
    operator.succeeds()
    assert not operator.dialogue.tick(operator.now_s)
    assert operator.said == "the take has ended; keep or discard it"


def test_question_ends_when_somebody_else_has_settled_the_take() -> None:
    operator = Operator(RecorderState.REVIEW)
    operator.press("d")
    operator.hears(RecorderState.IDLE)
    assert operator.mode is Mode.COMMAND
    operator = Operator(RecorderState.REVIEW)
    operator.press("q")
    operator.hears(RecorderState.IDLE)
    assert operator.dialogue.finished


def test_recorder_that_falls_silent_has_no_state() -> None:
    operator = Operator(RecorderState.RECORDING)
    operator.now_s += STATUS_LIMIT_S + 0.1
    assert operator.state is None
    assert operator.dialogue.press(SPACE, operator.now_s) is None
    assert "does nothing now" in operator.said


def test_take_time_goes_on_between_two_statuses() -> None:
    operator = Operator(None)
    operator.hears(RecorderState.RECORDING, duration_s=12.0)
    assert operator.dialogue.view(operator.now_s + 0.3).take_s == pytest.approx(12.3)
    operator.hears(RecorderState.REVIEW, duration_s=12.5)
    assert operator.dialogue.view(operator.now_s + 0.3).take_s == pytest.approx(12.5)


def test_recovered_takes_are_told_of() -> None:
    operator = Operator(None)
    operator.hears(RecorderState.IDLE, recovered=2)
    assert "2 unfinished take(s)" in operator.said


@pytest.mark.parametrize("state", [RecorderState.RECORDING, RecorderState.REVIEW])
def test_no_single_key_loses_an_open_take(state: RecorderState) -> None:
    for binding in bindings(Mode.COMMAND, state).values():
        assert binding.action not in (Action.DISCARD, Action.QUIT)
