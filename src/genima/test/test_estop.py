# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the emergency stop on a keyboard."""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from genima.errors import InvalidParameter
from genima.estop.button import CALM_S, Deed, StopButton, deed_of, default_name
from genima.estop.frontends import LineFrontend
from genima.estop.screen import screen
from genima.safety import EmergencyStop

ARROW_UP, F5 = b"\x1b[A", b"\x1b[15~"


def pressed_button() -> StopButton:
    button = StopButton("door")
    button.do(Deed.PRESS, 10.0)
    return button


def released_button() -> StopButton:
    button = StopButton("door")
    button.do(Deed.RELEASE, CALM_S)
    assert not button.pressed
    return button


def test_it_begins_pressed_and_releases_no_stop_that_died_pressed() -> None:
    listener = EmergencyStop()
    for begun_s in (10.0, 20.0):  # started, and started again
        button = StopButton("door")
        listener.hear(button.pressed, button.name, begun_s)
        assert listener.reason(begun_s) == (
            "the emergency stop 'door' is pressed; release it when all is safe"
        )
    button.do(Deed.RELEASE, 21.0)
    listener.hear(button.pressed, button.name, 21.0)
    assert listener.reason(21.0) is None


@pytest.mark.parametrize(
    "data", [b" ", b"\r", b"x", b"r", b"q", b"\x03", b"\x1b", ARROW_UP, F5, "ü".encode(), b"rr"]
)
def test_any_key_presses(data: bytes) -> None:
    button = released_button()
    assert not button.do(deed_of(data), 2.0)
    assert button.pressed


@pytest.mark.parametrize("data", [b"x", b"rr", b"qr", ARROW_UP, b"R"])
def test_only_the_key_for_it_releases(data: bytes) -> None:
    button = pressed_button()
    button.do(deed_of(data), 10.0 + 2.0 * CALM_S)
    assert button.pressed
    button.do(deed_of(b"r"), 10.0 + 4.0 * CALM_S)
    assert not button.pressed


def test_keys_hit_in_alarm_do_not_release() -> None:
    button = released_button()
    for i, data in enumerate((b"a", b"r", b"f", b"r", b"q", b"r")):
        assert not button.do(deed_of(data), 10.0 + 0.3 * i)
        assert button.pressed
    button.do(Deed.RELEASE, 11.5 + CALM_S)
    assert not button.pressed


def test_it_ends_pressed_only() -> None:
    button = released_button()
    assert not button.do(Deed.QUIT, 2.0) and button.pressed
    assert not button.do(Deed.QUIT, 2.0 + 0.5 * CALM_S)
    assert button.do(Deed.QUIT, 2.0 + 3.0 * CALM_S) and button.pressed


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "do\nor"])
def test_name_that_listeners_would_not_know_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match="1 to 40 printable characters"):
        StopButton(name)


def test_default_names_of_two_processes_differ_whatever_the_host_is_called() -> None:
    first, second = (StopButton(default_name("h" * 64, pid)).name for pid in (4194303, 4194302))
    assert first != second


@pytest.mark.parametrize("pressed", [False, True])
@pytest.mark.parametrize(
    ("listeners", "told"),
    [
        ([], ""),
        (["rosbag2_recorder", "_ros2cli_7"], ""),
        (["rosbag2_recorder", "controller"], "heard by controller; not by panda_driver, teleop"),
        (["teleop"], "heard by teleop; not by controller, panda_driver"),
        (["teleop", "panda_driver", "controller"], "heard by controller, panda_driver, teleop"),
    ],
)
def test_screen_says_what_it_does_and_which_arm_hears_it(
    pressed: bool, listeners: list[str], told: str
) -> None:
    button = pressed_button() if pressed else released_button()
    console = Console(width=78, height=24, record=True, file=io.StringIO())
    console.print(screen(button.view(listeners, 15.0)))
    text, heard = console.export_text(), bool(told)
    assert ("PRESSED" in text) is pressed
    assert ("PRESSED: THE ARM STOPS" in text) is (pressed and heard)
    assert ("ANY KEY STOPS THE ARM" in text) is (heard and not pressed)
    assert told in text and "rosbag2" not in text
    assert ("NO ARM HEARS THIS STOP" in text) is not heard
    assert ("r  release" in text) is pressed


def test_every_line_presses_but_the_one_that_releases(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    out = (tmp_path / "out").open("w+")
    button = StopButton("door")
    lines = LineFrontend(button, lambda: ["controller"], read_end, out)
    for line, now_s, pressed in (
        ("stop!", 1.0, True),  # it is pressed from the beginning
        ("release", 1.5, True),  # too soon
        ("release", 3.0, False),
        ("press", 5.0, True),
    ):
        os.write(write_end, f"{line}\n".encode())
        assert not lines.turn(now_s, 1.0)
        lines.tell(now_s, True)
        assert button.pressed is pressed
    os.close(write_end)
    with pytest.raises(EOFError):
        lines.turn(6.0, 1.0)
        lines.turn(6.0, 1.0)
    os.close(read_end)
    out.seek(0)
    assert out.read().splitlines() == [
        "pressed name='door' heard_by=controller missing=panda_driver,teleop",
        "error release comes too soon; send nothing for 1.0 s before it",
        "released name='door' heard_by=controller missing=panda_driver,teleop",
        "pressed name='door' heard_by=controller missing=panda_driver,teleop",
    ]
