# SPDX-License-Identifier: Apache-2.0
"""Messages that nobody in his right mind would send, made from the definition of any type.

A message is either made of hostile values throughout, or a good one of which a few fields are
spoilt: the first are refused at once, the second get deep into a node. The rest are good ones
whose bytes are spoilt, as a broken or malicious participant sends them.
"""

import array
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.serialization import serialize_message
from rosidl_parser.definition import (
    AbstractNestedType,
    AbstractString,
    AbstractWString,
    Array,
    BasicType,
    NamespacedType,
)

from genima.kinematics import JOINT_NAMES
from genima.policy import Policy

_FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-3, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e9, 3.14)
_WORDS = (
    "",
    " ",
    "\0",
    "rgb8",
    "bgr8",
    "mono8",
    "rgba8",
    "16UC1",
    "yuv422_yuy2",
    "bayer_rggb8",
    "32FC1",
    "plumb_bob",
    "equidistant",
    "oracle",
    "push the maroon button",
    "panda_finger_joint1",
    "fr3_joint1",
    "../../../etc/passwd",
    "%s%n{0}{goal}",
    "\x1b[2J\x1b]0;title\x07",
    "Drücke den Knopf ☃ \U0001f916",
    "x" * 5000,
    *JOINT_NAMES,
    *Policy().cameras,
)
_LENGTHS = (0, 1, 2, 6, 7, 8, 9, 14, 20, 100)
#: Of numbers also this many, now and then: a message of a megabyte.
_HUGE = 1_000_000
_HUGE_SHARE = 0.002
#: Shares of good messages, of spoilt ones, and of those with spoilt bytes; others are all hostile.
_GOOD, _SPOILT, _BYTES = 0.15, 0.5, 0.15
_FLOAT_32_MAX = 3.4e38


class HostileMessages:
    """Makes messages of one type, the same ones for the same seed.

    Args:
        kind: Type of message.
        seed: Of all choices.
    """

    def __init__(self, kind: type, seed: int) -> None:
        self._kind = kind
        self._rng = np.random.default_rng(seed)

    def next(self, good: Any) -> Any:
        """The next message, or its bytes.

        Args:
            good: What the node would like to get; it is changed.
        """
        draw = self._rng.random()
        if draw < _GOOD:
            return good
        if draw < _GOOD + _SPOILT:
            for _ in range(self._rng.integers(1, 4)):
                self._spoil(good)
            return good
        if draw < _GOOD + _SPOILT + _BYTES:
            return self._spoilt_bytes(serialize_message(good))
        return self.hostile(self._kind)

    def hostile(self, kind: type) -> Any:
        """A message whose every field is hostile."""
        message = kind()
        for name, slot in _slots(kind):
            setattr(message, name, self._value(slot))
        return message

    def _spoil(self, message: Any) -> None:
        """Make one field hostile, maybe one further down."""
        slots = _slots(type(message))
        if not slots:
            return
        name, slot = slots[self._rng.integers(len(slots))]
        value = getattr(message, name)
        if isinstance(slot, NamespacedType) and self._rng.random() < 0.9:
            self._spoil(value)
        elif isinstance(slot, AbstractNestedType) and len(value) and self._rng.random() < 0.7:
            index = int(self._rng.integers(len(value)))
            if isinstance(slot.value_type, NamespacedType):
                self._spoil(value[index])
            else:
                value[index] = self._value(slot.value_type)
        else:
            setattr(message, name, self._value(slot))

    def _spoilt_bytes(self, data: bytes) -> bytes:
        spoilt = bytearray(data)
        way = self._rng.integers(4)
        if way == 0:  # cut off
            return bytes(spoilt[: self._rng.integers(len(spoilt) + 1)])
        if way == 1:  # noise
            return self._rng.bytes(int(self._rng.integers(0, 2000)))
        for _ in range(self._rng.integers(1, 9)):
            # The beginning is where lengths and kinds of encoding are.
            end = min(len(spoilt), 64) if way == 2 else len(spoilt)
            spoilt[self._rng.integers(end)] = self._rng.integers(256)
        return bytes(spoilt)

    def _value(self, slot: Any) -> Any:
        if isinstance(slot, BasicType):
            return self._number(slot.typename)
        if isinstance(slot, AbstractString | AbstractWString):
            return self._choose(_WORDS)
        if isinstance(slot, NamespacedType):
            return self.hostile(_class(slot))
        return self._sequence(slot)

    def _sequence(self, slot: AbstractNestedType) -> Any:
        item = slot.value_type
        if isinstance(slot, Array):
            length = slot.size
        else:
            length = int(self._choose(_LENGTHS))
            basic = isinstance(item, BasicType)
            if basic and self._rng.random() < _HUGE_SHARE:
                length = _HUGE
            length = min(length, getattr(slot, "maximum_size", length))
        if isinstance(item, BasicType) and item.typename in _ARRAY_CODES and length > 100:
            return array.array(_ARRAY_CODES[item.typename], [self._number(item.typename)]) * length
        values = [self._value(item) for _ in range(length)]
        if isinstance(slot, Array) and isinstance(item, BasicType):
            return np.array(values, _NUMPY_TYPES.get(item.typename))
        return values

    def _number(self, typename: str) -> Any:
        if typename in ("float", "double", "long double"):
            value = float(self._choose(_FLOATS)) * (1.0 if self._rng.random() < 0.5 else 0.37)
            big = typename == "float" and np.isfinite(value) and abs(value) > _FLOAT_32_MAX
            return _FLOAT_32_MAX if big else value
        if typename == "boolean":
            return bool(self._rng.integers(2))
        if typename == "octet":
            return bytes([self._rng.integers(256)])
        bits = int(typename.removeprefix("u").removeprefix("int"))
        low, high = (
            (0, 2**bits - 1) if typename[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        ordinary = [value for value in (0, 1, 2, 3, 640, 480, 1_700_000_000) if value <= high]
        return int(
            self._choose([low, high, *ordinary, int(self._rng.integers(0, min(high, 2**31)))])
        )

    def _choose(self, values: Sequence[Any]) -> Any:
        return values[self._rng.integers(len(values))]


_ARRAY_CODES = {
    "uint8": "B",
    "int8": "b",
    "double": "d",
    "float": "f",
    "int32": "i",
    "uint32": "I",
}
_NUMPY_TYPES = {"double": np.float64, "float": np.float32, "uint8": np.uint8}


def _slots(kind: type) -> list[tuple[str, Any]]:
    names = kind.get_fields_and_field_types()
    return list(zip(names, kind.SLOT_TYPES, strict=True))


def _class(slot: NamespacedType) -> type:
    module = importlib.import_module(".".join(slot.namespaces))
    return getattr(module, slot.name)
