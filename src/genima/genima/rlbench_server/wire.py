# SPDX-License-Identifier: Apache-2.0
"""Messages between a world and its simulator: a JSON header and raw arrays, with limits.

A message is a fixed preamble, a header and a payload, little-endian throughout:

    magic "GRLB" | u16 version | u16 zero | u32 bytes of header | u32 bytes of payload

The header is a JSON object `{"kind": text, "values": object, "arrays": [[name, type, shape]]}`;
the payload is the arrays one behind the other in C order. Nothing of it is ever executed.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
MAGIC = b"GRLB"
MAX_HEADER = 1 << 20
"""Most bytes of a header."""
MAX_PAYLOAD = 1 << 26
"""Most bytes of all arrays of a message; a step with four images of 256 px has 0.8 MB."""
MAX_ARRAYS = 64
MAX_DIMENSIONS = 4

PREAMBLE = struct.Struct("<4sHHII")
TYPES: dict[str, Any] = {"f8": np.dtype("<f8"), "u1": np.dtype("u1")}


class WireError(Exception):
    """What came is no message of this version, or is too large."""


class Closed(Exception):
    """The other side has closed the connection."""


class Late(Exception):
    """No whole message came in time."""


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: What it is.
        values: Plain values by name.
        arrays: dict[str, Any] of float64 or uint8 by name.
    """

    kind: str
    values: dict[str, Any]
    arrays: dict[str, Any]


def encode(kind: str, values: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """The bytes of a message; arrays become float64 unless they are uint8.

    Raises:
        WireError: It is larger than is allowed, or its values are not plain.
    """
    described: list[list[Any]] = []
    parts: list[bytes] = []
    for name, given in arrays.items():
        array = np.asarray(given)
        code = "u1" if array.dtype == np.uint8 else "f8"
        described.append([name, code, list(array.shape)])
        parts.append(np.ascontiguousarray(array, TYPES[code]).tobytes())
    content = {"kind": kind, "values": dict(values), "arrays": described}
    try:
        header = json.dumps(content, allow_nan=False).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise WireError(f"the values of a message {kind!r} are not plain: {error}") from error
    payload = b"".join(parts)
    _require_sizes(len(header), len(payload))
    preamble = PREAMBLE.pack(MAGIC, VERSION, 0, len(header), len(payload))
    return preamble + header + payload


def decode_preamble(preamble: bytes) -> tuple[int, int]:
    """How many bytes of header and of payload follow.

    Raises:
        WireError: It is not the beginning of a message of this version.
    """
    magic, version, zero, header_size, payload_size = PREAMBLE.unpack(preamble)
    if magic != MAGIC or zero != 0:
        raise WireError(f"{preamble!r} is not the beginning of a message")
    if version != VERSION:
        raise WireError(f"a message of version {version} came; this side speaks {VERSION}")
    _require_sizes(header_size, payload_size)
    return header_size, payload_size


def decode(header: bytes, payload: bytes) -> Message:
    """The message of a header and a payload.

    Raises:
        WireError: They are malformed or do not fit one another.
    """
    try:
        content = json.loads(header.decode("utf-8"), parse_constant=_refuse_constant)
        kind, values, described = content["kind"], content["values"], content["arrays"]
        plain = isinstance(kind, str) and isinstance(values, dict) and isinstance(described, list)
        if not plain or len(content) != 3 or len(described) > MAX_ARRAYS:
            raise ValueError("it has not just kind, values and arrays")
        return Message(kind, values, _arrays(described, payload))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError(f"the header of a message is malformed: {error}") from error


def _arrays(described: list[Any], payload: bytes) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    start = 0
    for entry in described:
        name, code, shape = entry
        if not isinstance(name, str) or name in arrays:
            raise ValueError(f"an array has no name of its own: {name!r}")
        if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
            raise ValueError(f"array {name!r} has the shape {shape!r}")
        # bool is an int for Python; a shape is made of sizes only.
        if any(type(size) is not int or not 0 <= size <= MAX_PAYLOAD for size in shape):
            raise ValueError(f"array {name!r} has the shape {shape!r}")
        dtype = TYPES[code]
        count = 1
        for size in shape:
            count *= size
        end = start + count * dtype.itemsize
        if end > len(payload):
            raise ValueError(f"array {name!r} goes on behind the end of the message")
        arrays[name] = np.frombuffer(payload, dtype, count, start).reshape(shape)
        start = end
    if start != len(payload):
        raise ValueError(f"{len(payload) - start} bytes belong to no array")
    return arrays


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _require_sizes(header_size: int, payload_size: int) -> None:
    if header_size > MAX_HEADER:
        raise WireError(f"a header of {header_size} bytes; at most {MAX_HEADER} are allowed")
    if payload_size > MAX_PAYLOAD:
        raise WireError(f"a payload of {payload_size} bytes; at most {MAX_PAYLOAD} are allowed")


class Connection:
    """Sends and receives messages on a connected stream socket.

    Args:
        stream: The socket; this object owns it.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream

    def send(
        self,
        kind: str,
        values: Mapping[str, Any],
        arrays: Mapping[str, Any],
        limit_s: float | None = None,
    ) -> None:
        """Send a message.

        Raises:
            WireError: It cannot be sent as it is.
            Closed: Nobody takes it any more.
            Late: It was not taken within `limit_s` [s].
        """
        data = encode(kind, values, arrays)
        self._stream.settimeout(limit_s)
        try:
            self._stream.sendall(data)
        except socket.timeout as error:  # noqa: UP041
            raise Late from error
        except OSError as error:
            raise Closed from error

    def receive(self, limit_s: float | None = None) -> Message:
        """Wait for the next message.

        Raises:
            WireError: What came is none.
            Closed: The other side has gone.
            Late: It is not there as a whole after `limit_s` [s].
        """
        end_s = None if limit_s is None else time.monotonic() + limit_s
        header_size, payload_size = decode_preamble(self._read(PREAMBLE.size, end_s))
        header = self._read(header_size, end_s)
        return decode(header, self._read(payload_size, end_s))

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def _read(self, size: int, end_s: float | None) -> bytes:
        data = bytearray()
        while len(data) < size:
            left_s = None if end_s is None else end_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise Late
            self._stream.settimeout(left_s)
            try:
                part = self._stream.recv(min(size - len(data), 1 << 20))
            except socket.timeout as error:  # noqa: UP041
                raise Late from error
            except OSError as error:
                raise Closed from error
            if not part:
                raise Closed
            data += part
        return bytes(data)
