# SPDX-License-Identifier: Apache-2.0
"""Configurations (dataclasses of numbers, names, enums, tuples and dataclasses) as JSON values."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from genima.errors import GenimaError, InvalidParameter

Settings = TypeVar("Settings")


def plain(settings: Any) -> dict[str, Any]:
    """The fields of a dataclass as values that JSON can hold."""
    return {field.name: _plain(getattr(settings, field.name)) for field in fields(settings)}


def filled(default: Settings, values: Mapping[str, Any], what: str) -> Settings:
    """The inverse of `plain`.

    Args:
        default: Gives the types, and the values of fields that are absent.
        values: Of JSON.
        what: What is read, for the message.

    Raises:
        InvalidParameter: A key is unknown, or a value is not of the right kind.
        GenimaError: What the dataclass itself says of its values.
    """
    known = {field.name: getattr(default, field.name) for field in fields(default)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise InvalidParameter(f"{what}: unknown keys {unknown}; remove them")
    changes = {}
    for name, value in values.items():
        try:
            changes[name] = _of_kind(known[name], value, f"{what}: {name}")
        except GenimaError:
            raise  # it says itself what is wrong
        except (AttributeError, TypeError, ValueError) as error:
            raise InvalidParameter(f"{what}: {name} is {value!r}: {error}") from error
    return replace(default, **changes)  # type: ignore[type-var]


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return plain(value)
    if isinstance(value, Enum):
        return value.value
    return dict(value) if isinstance(value, Mapping) else value


def _of_kind(old: Any, value: Any, what: str) -> Any:
    if is_dataclass(old):
        return filled(old, value, what)
    return dict(value) if isinstance(old, Mapping) else type(old)(value)
