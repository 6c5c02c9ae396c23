# SPDX-License-Identifier: Apache-2.0
"""What the screen shows in each state."""

import io
import math
import re

import pytest
from rich.console import Console

from genima.recording_ui.bindings import Mode, bindings
from genima.recording_ui.dialogue import DialogueView, Message, Tone, Wanted
from genima.recording_ui.orders import Command
from genima.recording_ui.screen import clock, screen
from genima.recording_ui.snapshot import Health, RecorderSnapshot, RecorderState, StreamSnapshot

WIDTH, HEIGHT = 90, 24
WANTED = Wanted("push_button", "push the maroon button", episodes=20, reset_time_s=10.0)
GOOD = StreamSnapshot(
    "front/color/image_raw", rate_hz=30.0, jitter_s=0.001, age_s=0.02, required=True
)


def stream(**values: object) -> StreamSnapshot:
    return StreamSnapshot(**{**vars(GOOD), **values})  # type: ignore[arg-type]


def snapshot(state: RecorderState, **values: object) -> RecorderSnapshot:
    facts: dict[str, object] = {
        "dataset": "/data/demos",
        "task": "task of the take",
        "instruction": "instruction of the take",
        "episode": 7,
        "kept": 6,
        "discarded": 2,
        "written_bytes": 812_000_000,
        "disk_free_bytes": 210_000_000_000,
        "disk_left_s": 3900.0,
        "queue_bytes": 3_400_000,
        "streams": (GOOD,),
    }
    return RecorderSnapshot(state, **{**facts, **values})  # type: ignore[arg-type]


def view(state: RecorderState | None, **values: object) -> DialogueView:
    shown = snapshot(state or RecorderState.IDLE)
    return DialogueView(**{"snapshot": shown, "state": state, "wanted": WANTED, **values})  # type: ignore[arg-type]


def render(shown: DialogueView, height: int = HEIGHT, colours: bool = False) -> list[str]:
    """The screen as lines of text."""
    console = Console(
        file=io.StringIO(),
        width=WIDTH,
        height=height,
        force_terminal=colours,
        color_system="256" if colours else None,
        no_color=False,
    )
    console.print(screen(shown, height), end="")
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def text(shown: DialogueView) -> str:
    return "\n".join(render(shown))


@pytest.mark.parametrize(
    ("shown", "headline"),
    [
        (view(None, snapshot=None), "LOOKING FOR THE RECORDER"),
        (view(None), "THE RECORDER DOES NOT ANSWER"),
        (view(RecorderState.IDLE), "READY for episode 7"),
        (view(RecorderState.IDLE, reset_left_s=3.2), "PREPARE THE SCENE: 4 s"),
        (view(RecorderState.RECORDING, take_s=72.34), "● RECORDING episode 7"),
        (view(RecorderState.REVIEW, take_s=72.34), "■ TAKE ENDED: keep episode 7?"),
        (view(RecorderState.FAULT), "CANNOT RECORD"),
        (
            view(RecorderState.IDLE, snapshot=snapshot(RecorderState.IDLE, reason="no camera")),
            "NOT READY",
        ),
    ],
)
def test_headline_says_the_state(shown: DialogueView, headline: str) -> None:
    line = render(shown)[1]
    assert line.startswith(f" {headline} ")
    assert line.endswith("take 01:12.3 ") == (shown.take_s > 0)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("state", [None, *RecorderState])
def test_footer_names_exactly_the_keys_that_work(mode: Mode, state: RecorderState | None) -> None:
    footer = render(view(state, mode=mode))[-1]
    named = re.findall(r"(?:^| ) (\w+)  \w", footer)
    assert named == list(bindings(mode, state))


def test_footer_says_what_is_waited_for() -> None:
    footer = render(view(RecorderState.REVIEW, pending=Command.KEEP))[-1]
    assert footer.strip() == "waiting for the recorder: keep"


def test_work_and_progress_are_shown() -> None:
    assert re.search(
        "push_button  push the maroon button +6 of 20 kept", text(view(RecorderState.IDLE))
    )
    assert "task of the take  instruction of the take" in text(view(RecorderState.RECORDING))
    done = view(RecorderState.IDLE, snapshot=snapshot(RecorderState.IDLE, kept=20))
    assert "20 of 20 kept, all that were wanted" in text(done)
    assert "6 kept" in text(view(RecorderState.IDLE, wanted=Wanted()))


def test_disk_and_queue_are_shown() -> None:
    line = "disk left 210.0 GB, 65 min   take 812 MB   queue 3.4 MB   discarded 2   /data/demos"
    assert line in text(view(RecorderState.RECORDING))
    unknown = view(RecorderState.IDLE, snapshot=snapshot(RecorderState.IDLE, disk_left_s=-1.0))
    assert "disk left 210.0 GB   take" in text(unknown)


def test_figures_of_a_recorder_that_is_silent_are_not_shown() -> None:
    assert "front/color" in text(view(RecorderState.IDLE))
    silent = text(view(None))
    assert "front/color" not in silent and "disk left" not in silent


def test_disk_that_is_nearly_full_is_red() -> None:
    short = snapshot(RecorderState.IDLE, disk_left_s=120.0)
    (line,) = [
        x
        for x in render(view(RecorderState.IDLE, snapshot=short), colours=True)
        if "disk left" in x
    ]
    assert line.startswith("\x1b[1;31mdisk left")


@pytest.mark.parametrize(
    ("row", "health"),
    [
        (GOOD, Health.GOOD),
        (stream(lost=1), Health.IMPERFECT),
        (stream(gaps=1), Health.IMPERFECT),
        (stream(jitter_s=0.02), Health.IMPERFECT),
        (stream(jitter_s=math.nan, rate_hz=math.nan), Health.GOOD),
        (stream(age_s=1.2), Health.BAD),
        (stream(age_s=-1.0), Health.BAD),
        (stream(age_s=9.0, type="sensor_msgs/msg/CameraInfo"), Health.GOOD),
        (stream(age_s=-1.0, required=False), Health.WAITING),
        (stream(age_s=300.0, required=False, jitter_s=4.0), Health.GOOD),
    ],
)
def test_stream_is_judged(row: StreamSnapshot, health: Health) -> None:
    assert row.health is health
    shown = view(RecorderState.IDLE, snapshot=snapshot(RecorderState.IDLE, streams=(row,)))
    (line,) = [line for line in render(shown) if "front/color" in line]
    assert line.endswith(health.value)  # for who sees no colours
    (line,) = [line for line in render(shown, colours=True) if "front/color" in line]
    colour = {Health.GOOD: "32", Health.IMPERFECT: "33", Health.BAD: "1;31", Health.WAITING: "90"}
    assert line.startswith(f"\x1b[{colour[health]}m")


def test_row_of_a_stream_tells_its_figures() -> None:
    row = stream(lost=3, gaps=2, rate_hz=29.97, jitter_s=0.0021, age_s=0.031)
    shown = text(view(RecorderState.IDLE, snapshot=snapshot(RecorderState.IDLE, streams=(row,))))
    assert re.search(r"front/color/image_raw +30\.0 Hz +3 +2 +2\.1 ms +0\.03 s +look", shown)
    shown = text(
        view(
            RecorderState.IDLE,
            snapshot=snapshot(RecorderState.IDLE, streams=(StreamSnapshot("instruction"),)),
        )
    )
    assert re.search(r"instruction +- +0 +0 +- +never +waiting", shown)


@pytest.mark.parametrize("height", [24, 30, 15])
def test_everything_fits_and_bad_streams_are_never_left_out(height: int) -> None:
    rows = [stream(topic=f"topic_{i}") for i in range(30)]
    rows[29] = stream(topic="topic_29", age_s=5.0)
    many = snapshot(RecorderState.RECORDING, streams=tuple(rows))
    lines = render(view(RecorderState.RECORDING, snapshot=many, note="x"), height)
    assert len(lines) <= height
    assert any(line.startswith("topic_29 ") for line in lines)
    left_out = 30 - sum(line.startswith("topic_") for line in lines)
    assert f"and {left_out} more" in "\n".join(lines)


def test_long_texts_are_cut_and_not_wrapped() -> None:
    long = Wanted("push_button", "push " * 60)
    lines = render(view(RecorderState.IDLE, wanted=long))
    assert len(lines) == len(render(view(RecorderState.IDLE)))
    assert max(map(len, lines)) <= WIDTH


def test_message_note_and_questions_are_shown() -> None:
    shown = text(view(RecorderState.REVIEW, message=Message("keep: disk full", Tone.ERROR)))
    assert "keep: disk full" in shown
    assert "note: slipped" in text(view(RecorderState.REVIEW, note="slipped"))
    assert "note: slip▏" in text(view(RecorderState.REVIEW, note="slip", mode=Mode.NOTE))
    assert "cannot be brought back" in text(view(RecorderState.REVIEW, mode=Mode.CONFIRM_DISCARD))


@pytest.mark.parametrize(
    "state", [RecorderState.IDLE, RecorderState.RECORDING, RecorderState.FAULT]
)
def test_what_is_in_the_way_is_shown(state: RecorderState) -> None:
    broken = snapshot(state, reason="/data is read-only")
    assert "/data is read-only" in text(view(state, snapshot=broken))


def test_question_at_the_end_is_not_hidden_by_what_is_in_the_way() -> None:
    shown = view(
        RecorderState.RECORDING,
        snapshot=snapshot(RecorderState.RECORDING, reason="the disk is behind"),
        message=Message("a take is open"),
        mode=Mode.QUIT,
    )
    assert "a take is open" in text(shown)


def test_text_of_others_is_no_markup() -> None:
    odd = Wanted("t", "pick [red]cube[/red] [/x]")
    assert "pick [red]cube[/red] [/x]" in text(view(RecorderState.IDLE, wanted=odd))
    row = stream(topic="[bold]x[/y]")
    shown = view(RecorderState.IDLE, snapshot=snapshot(RecorderState.IDLE, streams=(row,)))
    assert "[bold]x[/y]" in text(shown)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "00:00.0"), (59.96, "01:00.0"), (72.34, "01:12.3"), (3723.0, "1:02:03.0")],
)
def test_clock(seconds: float, words: str) -> None:
    assert clock(seconds) == words
