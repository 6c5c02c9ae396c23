# SPDX-License-Identifier: Apache-2.0
"""Bytes of a terminal become keys, and the terminal is given back."""

import os
import termios

import pytest

from genima.terminal.key_terminal import KeyTerminal
from genima.terminal.keys import Key, KeyDecoder, Special

ESCAPE = Key(special=Special.ESCAPE)


def test_letters_and_special_keys() -> None:
    keys = KeyDecoder().feed(b"k \r\n\x7f\x03")
    names = [key.special.value if key.special else key.character for key in keys]
    assert names == ["k", " ", "enter", "enter", "backspace", "Ctrl-C"]


@pytest.mark.parametrize(
    "sequence",
    [b"\x1b[D", b"\x1bOD", b"\x1b[3~", b"\x1b[1;5D", b"\x1b[[D", b"\x1bd", b"\x1b[200~"],
    ids=["left", "left, application", "delete", "ctrl-left", "F4 of a console", "alt-d", "paste"],
)
def test_keys_that_send_letters_after_an_escape_are_no_letters(sequence: bytes) -> None:
    decoder = KeyDecoder()
    assert decoder.feed(sequence + b"k") == [Key("k")]
    cut = [key for byte in sequence + b"k" for key in decoder.feed(bytes([byte]))]
    assert cut == [Key("k")]


def test_escape_alone_is_a_key_once_nothing_follows() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.pause() == [ESCAPE]
    assert decoder.pause() == []
    assert decoder.feed(b"d") == [Key("d")]


def test_two_escapes_are_two_keys() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b\x1b") == [ESCAPE]
    assert decoder.pause() == [ESCAPE]


def test_letters_beyond_ascii_may_come_in_pieces() -> None:
    decoder = KeyDecoder()
    first, second = "ü".encode()
    assert decoder.feed(bytes([first])) == []
    assert decoder.feed(bytes([second])) == [Key("ü")]


def test_control_characters_are_swallowed() -> None:
    assert KeyDecoder().feed(b"\x1a\x1c\x13\x00") == []


@pytest.mark.parametrize("error", [None, RuntimeError])
def test_terminal_is_given_back_as_it_was(error: type[Exception] | None) -> None:
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    try:
        with KeyTerminal(slave) as terminal:
            assert not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
            os.write(master, b"q\x03")
            assert terminal.keys(10.0) == [Key("q"), Key(special=Special.INTERRUPT)]
            if error:
                raise error
    except RuntimeError:
        assert error is not None
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_terminal_that_is_closed_is_the_end() -> None:
    master, slave = os.openpty()
    with pytest.raises(EOFError), KeyTerminal(slave) as terminal:
        os.close(master)
        terminal.keys(10.0)
    os.close(slave)
