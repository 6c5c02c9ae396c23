# SPDX-License-Identifier: Apache-2.0
"""Messages of ROS 2 as they travel and are recorded (CDR), decoded without ROS.

Only the types that an episode holds. Arrays are views of the bytes given wherever CDR allows it.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.errors import InvalidDataset

_Item = TypeVar("_Item")
#: Encapsulations that ROS 2 writes: plain CDR, big and little endian.
_BYTE_ORDERS = {b"\x00\x00": ">", b"\x00\x01": "<"}
_ENCAPSULATION_BYTES = 4
_TIME = struct.Struct("<iI")


@dataclass(frozen=True)
class Header:
    """std_msgs/Header.

    Attributes:
        stamp_ns: When what the message tells was so [ns].
        frame_id: The frame it is told in.
    """

    stamp_ns: int
    frame_id: str

    @property
    def stamp_s(self) -> float:
        """The stamp [s]."""
        return self.stamp_ns * 1e-9


@dataclass(frozen=True, eq=False)
class Image:
    """sensor_msgs/Image, with the names of its fields."""

    header: Header
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: UInt8[Array, "n"]


@dataclass(frozen=True, eq=False)
class CompressedImage:
    """sensor_msgs/CompressedImage, with the names of its fields."""

    header: Header
    format: str
    data: UInt8[Array, "n"]


@dataclass(frozen=True, eq=False)
class CameraInfo:
    """sensor_msgs/CameraInfo, less binning and region of interest."""

    header: Header
    height: int
    width: int
    distortion_model: str
    d: Float[Array, "n"]
    k: Float[Array, "9"]
    r: Float[Array, "9"]
    p: Float[Array, "12"]


@dataclass(frozen=True, eq=False)
class JointState:
    """sensor_msgs/JointState, with the names of its fields [rad, rad/s, N m]."""

    header: Header
    name: tuple[str, ...]
    position: Float[Array, "n"]
    velocity: Float[Array, "n"]
    effort: Float[Array, "n"]


@dataclass(frozen=True, eq=False)
class JointTrajectoryPoint:
    """trajectory_msgs/JointTrajectoryPoint; `time_from_start_ns` in nanoseconds."""

    positions: Float[Array, "n"]
    velocities: Float[Array, "n"]
    accelerations: Float[Array, "n"]
    effort: Float[Array, "n"]
    time_from_start_ns: int


@dataclass(frozen=True, eq=False)
class JointTrajectory:
    """trajectory_msgs/JointTrajectory, with the names of its fields."""

    header: Header
    joint_names: tuple[str, ...]
    points: tuple[JointTrajectoryPoint, ...]


@dataclass(frozen=True)
class GripperCommand:
    """genima_msgs/GripperCommand."""

    header: Header
    open: bool


@dataclass(frozen=True)
class String:
    """std_msgs/String."""

    data: str


class _Reader:
    """Reads one value after the other; each is aligned to its own size after the encapsulation."""

    def __init__(self, data: bytes) -> None:
        self._order = _BYTE_ORDERS.get(bytes(data[:2]))
        if self._order is None or len(data) < _ENCAPSULATION_BYTES:
            raise InvalidDataset(
                f"a message begins with {bytes(data[:4]).hex()}; only plain CDR is read "
                "(00000000 or 00010000), which all ROS 2 middlewares write"
            )
        self._body = memoryview(data)[_ENCAPSULATION_BYTES:]
        self._at = 0

    def number(self, code: str) -> int:
        """A whole number, by its code in `struct`."""
        size = struct.calcsize(f"={code}")
        self._at += -self._at % size
        value = struct.unpack_from(f"{self._order}{code}", self._body, self._at)[0]
        self._at += size
        return int(value)

    def text(self) -> str:
        """A string; its length counts the closing zero."""
        raw = self._take(self.number("I"))
        return bytes(raw).rstrip(b"\0").decode("utf-8", "replace")

    def doubles(self, count: int | None = None) -> Float[Array, "n"]:
        """An array of doubles, or a sequence if no count is given."""
        count = self.number("I") if count is None else count
        if count:  # an empty sequence is not padded
            self._at += -self._at % 8
        values = np.frombuffer(self._take(8 * count), f"{self._order}f8")
        return values.astype(float)

    def octets(self) -> UInt8[Array, "n"]:
        """A sequence of bytes, as a view."""
        return np.frombuffer(self._take(self.number("I")), np.uint8)

    def sequence(self, item: Callable[[], _Item]) -> tuple[_Item, ...]:
        """A sequence of whatever `item` reads."""
        count = self.number("I")
        if count > len(self._body):
            raise struct.error("count exceeds the message")
        return tuple(item() for _ in range(count))

    def time_ns(self) -> int:
        """builtin_interfaces/Time or Duration [ns]."""
        return self.number("i") * 1_000_000_000 + self.number("I")

    def header(self) -> Header:
        """std_msgs/Header."""
        return Header(self.time_ns(), self.text())

    def _take(self, count: int) -> memoryview:
        taken = self._body[self._at : self._at + count]
        if len(taken) != count:
            raise struct.error("message ends early")
        self._at += count
        return taken


def _image(reader: _Reader) -> Image:
    header, height, width = reader.header(), reader.number("I"), reader.number("I")
    encoding, is_bigendian = reader.text(), reader.number("B")
    return Image(
        header, height, width, encoding, is_bigendian, reader.number("I"), reader.octets()
    )


def _compressed_image(reader: _Reader) -> CompressedImage:
    return CompressedImage(reader.header(), reader.text(), reader.octets())


def _camera_info(reader: _Reader) -> CameraInfo:
    header, height, width = reader.header(), reader.number("I"), reader.number("I")
    model, d = reader.text(), reader.doubles()
    k, r, p = reader.doubles(9), reader.doubles(9), reader.doubles(12)
    return CameraInfo(header, height, width, model, d, k, r, p)


def _joint_state(reader: _Reader) -> JointState:
    header, names = reader.header(), reader.sequence(reader.text)
    return JointState(header, names, reader.doubles(), reader.doubles(), reader.doubles())


def _trajectory_point(reader: _Reader) -> JointTrajectoryPoint:
    q, dq, ddq, effort = (reader.doubles() for _ in range(4))
    return JointTrajectoryPoint(q, dq, ddq, effort, reader.time_ns())


def _joint_trajectory(reader: _Reader) -> JointTrajectory:
    header, names = reader.header(), reader.sequence(reader.text)
    points = reader.sequence(lambda: _trajectory_point(reader))
    return JointTrajectory(header, names, points)


def _gripper_command(reader: _Reader) -> GripperCommand:
    return GripperCommand(reader.header(), bool(reader.number("B")))


def _string(reader: _Reader) -> String:
    return String(reader.text())


def _decode(what: str, data: bytes, read: Callable[[_Reader], _Item]) -> _Item:
    try:
        return read(_Reader(data))
    except struct.error as error:
        raise InvalidDataset(
            f"a message of {len(data)} bytes is no whole {what} ({error}); the file is damaged, "
            "or the message was made from another definition"
        ) from error


def stamp_ns(data: bytes) -> int:
    """The stamp of any message that begins with a header [ns]; as `decode_header`, but fast.

    Raises:
        InvalidDataset: The bytes are no such message.
    """
    if len(data) < _ENCAPSULATION_BYTES + 8 or data[:2] != b"\x00\x01":
        return decode_header(data).stamp_ns
    sec, nanosec = _TIME.unpack_from(data, _ENCAPSULATION_BYTES)
    return int(sec * 1_000_000_000 + nanosec)


def decode_header(data: bytes) -> Header:
    """The header of any message that begins with one.

    Raises:
        InvalidDataset: The bytes are no such message; so for all functions below.
    """
    return _decode("std_msgs/Header", data, _Reader.header)


def decode_image(data: bytes) -> Image:
    """Decode a sensor_msgs/Image."""
    return _decode("sensor_msgs/Image", data, _image)


def decode_compressed_image(data: bytes) -> CompressedImage:
    """Decode a sensor_msgs/CompressedImage."""
    return _decode("sensor_msgs/CompressedImage", data, _compressed_image)


def decode_camera_info(data: bytes) -> CameraInfo:
    """Decode a sensor_msgs/CameraInfo."""
    return _decode("sensor_msgs/CameraInfo", data, _camera_info)


def decode_joint_state(data: bytes) -> JointState:
    """Decode a sensor_msgs/JointState."""
    return _decode("sensor_msgs/JointState", data, _joint_state)


def decode_joint_trajectory(data: bytes) -> JointTrajectory:
    """Decode a trajectory_msgs/JointTrajectory."""
    return _decode("trajectory_msgs/JointTrajectory", data, _joint_trajectory)


def decode_gripper_command(data: bytes) -> GripperCommand:
    """Decode a genima_msgs/GripperCommand."""
    return _decode("genima_msgs/GripperCommand", data, _gripper_command)


def decode_string(data: bytes) -> String:
    """Decode a std_msgs/String."""
    return _decode("std_msgs/String", data, _string)


def encode_compressed_image(header: Header, format: str, data: bytes) -> bytes:
    """A sensor_msgs/CompressedImage, little endian."""
    sec, nanosec = divmod(header.stamp_ns, 1_000_000_000)
    parts = [b"\x00\x01\x00\x00", struct.pack("<iI", sec, nanosec)]
    at = 8
    for text in (header.frame_id, format):
        raw = text.encode() + b"\0"
        piece = struct.pack("<I", len(raw)) + raw
        piece += b"\0" * (-(at + len(piece)) % 4)
        parts.append(piece)
        at += len(piece)
    return b"".join([*parts, struct.pack("<I", len(data)), data])
