# SPDX-License-Identifier: Apache-2.0
"""Messages between the world and RLBench's process: what goes through, and what does not."""

import ast
import contextlib
import json
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from genima.rlbench_server import wire
from genima.rlbench_server.wire import PREAMBLE, Closed, Connection, Late, Message, WireError

SERVER = Path(wire.__file__).parent
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
ARRAYS = st.one_of(arrays_of.arrays(np.float64, SHAPES), arrays_of.arrays(np.uint8, SHAPES))


def decode(data: bytes) -> Message:
    header_size, payload_size = wire.decode_preamble(data[: PREAMBLE.size])
    rest = data[PREAMBLE.size :]
    assert len(rest) == header_size + payload_size
    return wire.decode(rest[:header_size], rest[header_size:])


def message(header: object, payload: bytes = b"", version: int = wire.VERSION) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return PREAMBLE.pack(wire.MAGIC, version, 0, len(text), len(payload)) + text + payload


@pytest.fixture
def ends() -> tuple[Connection, socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours)
        yield connection, theirs
        connection.close()


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=10),
    st.dictionaries(st.text(max_size=8), PLAIN, max_size=4),
    st.dictionaries(st.text(max_size=8), ARRAYS, max_size=4),
)
def test_what_is_sent_arrives_to_the_last_bit(kind, values, arrays) -> None:
    found = decode(wire.encode(kind, values, arrays))
    assert (found.kind, found.values) == (kind, values)
    assert list(found.arrays) == list(arrays)
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype and found.arrays[name].shape == array.shape
        np.testing.assert_array_equal(found.arrays[name], array)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=60))
def test_no_garbage_does_anything_but_be_refused(header: bytes, payload: bytes) -> None:
    with contextlib.suppress(WireError):
        wire.decode_preamble((header + bytes(PREAMBLE.size))[: PREAMBLE.size])
    with pytest.raises(WireError):
        wire.decode(header, payload)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_message_with_one_byte_changed_is_refused_or_still_a_message(data) -> None:
    whole = bytearray(wire.encode("step", {"a": 1}, {"q": np.arange(3.0)}))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours)
        theirs.sendall(whole)
        theirs.shutdown(socket.SHUT_WR)
        with contextlib.suppress(WireError, Closed):
            assert isinstance(connection.receive(5.0), Message)
        connection.close()


@pytest.mark.parametrize(
    ("header", "payload", "words"),
    [
        ([], b"", "malformed"),
        ({"kind": "a", "values": {}}, b"", "malformed"),
        ({"kind": 1, "values": {}, "arrays": []}, b"", "just kind, values and arrays"),
        ({"kind": "a", "values": {}, "arrays": [], "more": 1}, b"", "just kind"),
        ({"kind": "a", "values": {}, "arrays": [["q", "f8", [2]]]}, bytes(8), "behind the end"),
        ({"kind": "a", "values": {}, "arrays": [["q", "f8", [1]]]}, bytes(9), "belong to no"),
        ({"kind": "a", "values": {}, "arrays": [["q", "O", [1]]]}, bytes(8), "malformed"),
        ({"kind": "a", "values": {}, "arrays": [["q", "f8", [-1]]]}, b"", "shape"),
        ({"kind": "a", "values": {}, "arrays": [["q", "f8", [True]]]}, bytes(8), "shape"),
        ({"kind": "a", "values": {}, "arrays": [["q", "u1", [1] * 5]]}, b"1", "shape"),
        (
            {"kind": "a", "values": {}, "arrays": [["q", "u1", [1]], ["q", "u1", [1]]]},
            b"12",
            "no name of its own",
        ),
        (b'{"kind": "a", "values": {"x": NaN}, "arrays": []}', b"", "NaN is no JSON"),
        (b"[" * 100_000, b"", "malformed"),
    ],
)
def test_malformed_header_is_refused_with_its_fault(header, payload, words) -> None:
    with pytest.raises(WireError, match=words):
        decode(message(header, payload))


def test_huge_sizes_are_refused_before_anything_is_read(ends) -> None:
    connection, theirs = ends
    theirs.sendall(PREAMBLE.pack(wire.MAGIC, wire.VERSION, 0, 2, 2**32 - 1))
    with pytest.raises(WireError, match="payload of 4294967295 bytes; at most"):
        connection.receive(5.0)


def test_too_large_a_message_is_not_sent() -> None:
    with pytest.raises(WireError, match="payload"):
        wire.encode("a", {}, {"x": np.zeros(wire.MAX_PAYLOAD // 8 + 1)})
    with pytest.raises(WireError, match="header"):
        wire.encode("a", {"x": "y" * wire.MAX_HEADER}, {})
    with pytest.raises(WireError, match="not plain"):
        wire.encode("a", {"x": float("nan")}, {})


def test_another_version_is_named() -> None:
    with pytest.raises(WireError, match="version 7 came; this side speaks 1"):
        decode(message({"kind": "a", "values": {}, "arrays": []}, version=7))


def test_half_a_message_is_the_other_sides_end(ends) -> None:
    connection, theirs = ends
    theirs.sendall(wire.encode("step", {}, {"q": np.zeros(7)})[:-1])
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(Closed):
        connection.receive(5.0)


def test_half_a_message_is_late_while_the_other_side_lives(ends) -> None:
    connection, theirs = ends
    theirs.sendall(wire.encode("step", {}, {"q": np.zeros(7)})[:-1])
    with pytest.raises(Late):
        connection.receive(0.05)


def test_a_message_that_nobody_takes_is_late(ends) -> None:
    connection, _ = ends
    with pytest.raises(Late):
        connection.send("a", {}, {"x": np.zeros(2**20)}, 0.05)


def test_messages_of_many_pieces_are_put_together(ends) -> None:
    connection, theirs = ends
    data = wire.encode("images", {}, {"front": np.arange(10_000) % 251})

    def drip() -> None:
        for at in range(0, len(data), 777):
            theirs.sendall(data[at : at + 777])

    sender = threading.Thread(target=drip)
    sender.start()
    found = connection.receive(30.0)
    sender.join()
    np.testing.assert_array_equal(found.arrays["front"], np.arange(10_000) % 251)


@pytest.mark.parametrize("file", sorted(SERVER.glob("*.py")), ids=lambda path: path.name)
def test_server_is_plain_python_3_8_that_needs_numpy_and_rlbench_alone(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 8))
    allowed = {"numpy", "rlbench", "pyrep", *sys.stdlib_module_names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        if isinstance(node, ast.ImportFrom):
            assert node.level == 1 or (node.module or "").partition(".")[0] in allowed
        assert not isinstance(node, ast.Match)
    assert "pickle" not in file.read_text()
