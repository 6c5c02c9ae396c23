# SPDX-License-Identifier: Apache-2.0
"""Recording by lines, and which folders may be recorded into."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from genima.cameras import CameraRig
from genima.errors import InvalidCommand, InvalidDataset
from genima.recording.dataset import DatasetInfo, write_dataset
from genima.recording.folder import RecordingFolder
from genima.recording_ui.bindings import Action
from genima.recording_ui.dialogue import Dialogue, DialogueView, Wanted
from genima.recording_ui.folder import check_folder
from genima.recording_ui.line_frontend import LineFrontend
from genima.recording_ui.orders import Answer, Command, Order
from genima.recording_ui.plain import parse_line, status_line
from genima.recording_ui.snapshot import RecorderSnapshot, RecorderState, StreamSnapshot


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("start", (Action.START, "")),
        (" stop ", (Action.STOP, "")),
        ("discard", (Action.DISCARD, "")),
        ("note slipped once", ("note", "slipped once")),
        ("status", ("status", "")),
    ],
)
def test_line_means(line: str, meaning: tuple[object, str]) -> None:
    assert parse_line(line) == meaning


@pytest.mark.parametrize("line", ["begin", "keep it", "START", "ask_discard"])
def test_line_that_is_no_command_is_refused_with_the_commands(line: str) -> None:
    with pytest.raises(InvalidCommand, match=f"{line!r} is no command; there are: start, stop"):
        parse_line(line)


def test_status_line_has_a_state_and_named_values() -> None:
    streams = (
        StreamSnapshot("a", lost=2, age_s=0.1, required=True),
        StreamSnapshot("b", lost=1, age_s=2.0, required=True),
    )
    snapshot = RecorderSnapshot(
        RecorderState.REVIEW,
        reason="b was silent",
        episode=3,
        kept=2,
        disk_free_bytes=5_000_000_000,
        streams=streams,
    )
    view = DialogueView(snapshot, RecorderState.REVIEW, take_s=4.25, wanted=Wanted(episodes=9))
    assert status_line(view) == (
        "review episode=3 kept=2 wanted=9 take_s=4.2 lost=3 bad=b disk_free_gb=5.0 "
        "reason='b was silent'"
    )
    assert status_line(DialogueView()) == "looking"


class Script:
    """Commands through a pipe, and a recorder that does them all."""

    def __init__(self) -> None:
        reading, self.writing = os.pipe()
        self.reading = reading
        self.dialogue = Dialogue(Wanted())
        self.dialogue.hear(RecorderSnapshot(RecorderState.IDLE), 0.0)
        self.out = io.StringIO()
        self.frontend = LineFrontend(self.dialogue, reading, self.out)

    def turn(self) -> Order | None:
        return self.frontend.turn(1.0, wait_s=0.0)

    def until_order(self) -> Order:
        """Turn until a command gives an order, which the recorder then does."""
        for _ in range(20):
            order = self.turn()
            if order is not None:
                assert self.turn() is None  # none while this one is not done
                self.dialogue.answer(Answer(True, "done"), 1.0)
                return order
        raise AssertionError(self.out.getvalue())


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()
    yield made
    os.close(made.reading)


def test_commands_that_come_at_once_are_done_one_after_another(script: Script) -> None:
    os.write(script.writing, b"start\nnote one\nfail\nstart\nbegin\ndisc")
    orders = [script.until_order() for _ in range(3)]
    assert orders == [Order(Command.START), Order(Command.FAIL, "one"), Order(Command.START)]
    script.turn()
    os.write(script.writing, b"ard\n")
    assert script.until_order() == Order(Command.DISCARD)
    os.close(script.writing)
    with pytest.raises(EOFError):
        for _ in range(3):
            script.turn()
    told = script.out.getvalue().splitlines()
    assert [line for line in told if line.startswith("ok")] == [
        "ok the recorder is there",
        "ok recording",
        "ok note: one",
        "ok kept as a failure: done",
        "ok recording",
        "ok discarded",
    ]
    assert sum(line.startswith("error 'begin' is no command") for line in told) == 1
    assert [line.split()[0] for line in told if " episode=" in line] == [
        "idle",
        "recording",
        "idle",
        "recording",
        "idle",
    ]


def test_quit_waits_for_an_open_take_to_be_settled(script: Script) -> None:
    os.write(script.writing, b"start\nquit\nkeep\n")
    assert script.until_order() == Order(Command.START)
    assert script.turn() is None
    assert not script.dialogue.finished
    assert script.until_order() == Order(Command.KEEP)
    assert script.dialogue.finished
    assert "warning a take is open: keep, fail or discard it, then this ends" in (
        script.out.getvalue()
    )
    os.close(script.writing)


def test_last_command_needs_no_end_of_line(script: Script) -> None:
    os.write(script.writing, b"start")
    os.close(script.writing)
    assert script.until_order() == Order(Command.START)


def test_nobody_who_reads_is_the_end(script: Script) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        frontend = LineFrontend(script.dialogue, script.reading, out)
        with pytest.raises(EOFError):
            frontend.turn(1.0, wait_s=0.0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)  # what is left must go somewhere
    os.close(script.writing)


def test_new_or_empty_folder_begins_a_data_set(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", resume=False)
    check_folder(tmp_path, resume=False)


def test_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).touch()
    with pytest.raises(InvalidDataset, match=r"holds other things \(a, b, c, \.\.\.\)"):
        check_folder(tmp_path, resume=False)
    with pytest.raises(InvalidDataset, match="is a file, not a folder"):
        check_folder(tmp_path / "a", resume=False)


def test_what_is_left_of_a_recorder_that_ended_before_its_first_take_is_no_other_thing(
    tmp_path: Path,
) -> None:
    RecordingFolder(tmp_path, resume=False).release()
    assert [entry.name for entry in tmp_path.iterdir()] == [".lock"]
    check_folder(tmp_path, resume=False)
    write_dataset(tmp_path, DatasetInfo({}, {}, ()), CameraRig({}))
    (tmp_path / "dataset.json").rename(tmp_path / ".dataset.json.part")  # killed just before
    check_folder(tmp_path, resume=False)
    (tmp_path / "cameras.yaml").write_text("cameras: {}\n")  # somebody's own
    with pytest.raises(InvalidDataset, match=r"holds other things \(cameras\.yaml\)"):
        check_folder(tmp_path, resume=False)


def test_data_set_needs_resume(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(InvalidDataset, match="is a data set already; add --resume"):
        check_folder(tmp_path, resume=False)


def test_only_a_data_set_can_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="leave --resume out to begin one"):
        check_folder(tmp_path, resume=True)
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(InvalidDataset, match="cannot be read"):
        check_folder(tmp_path, resume=True)
