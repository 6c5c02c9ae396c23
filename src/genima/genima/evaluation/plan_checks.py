# SPDX-License-Identifier: Apache-2.0
"""What plans of evaluations and of collections have in common: checks, and plain values."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import Enum
from typing import Any, TypeVar

from genima.errors import GenimaError, InvalidParameter, UnknownTask

Choice = TypeVar("Choice", bound=Enum)


def require_named_once(tasks: tuple[str, ...]) -> None:
    """Refuse a plan without tasks, or that names one twice.

    Raises:
        InvalidParameter: It does.
    """
    if not tasks:
        raise InvalidParameter("no task is named; give --tasks A,B")
    doubled = sorted({name for name in tasks if tasks.count(name) > 1})
    if doubled:
        raise InvalidParameter(f"tasks name {doubled[0]!r} twice; name each task once")


def require_least(plan: object, least: Mapping[str, int]) -> None:
    """Refuse numbers of a plan that are too small.

    Raises:
        InvalidParameter: One is; the message names it.
    """
    for name, minimum in least.items():
        if getattr(plan, name) < minimum:
            raise InvalidParameter(
                f"{name} is {getattr(plan, name)}; give a whole number from {minimum} on"
            )


def require_known(tasks: tuple[str, ...], known: tuple[str, ...], world: str) -> None:
    """Refuse tasks that a world does not have.

    Raises:
        UnknownTask: One is not among `known`; the message lists those there are.
    """
    for name in tasks:
        if name not in known:
            raise UnknownTask(
                f"there is no task {name!r} in world {world!r}; it has: {', '.join(known)}"
            )


def plain_values(plan: Any) -> dict[str, Any]:
    """A plan, a dataclass with `tasks`, as values that JSON can hold."""
    return {
        key: value.value if isinstance(value, Enum) else value
        for key, value in asdict(plan).items()
    } | {"tasks": list(plan.tasks)}


def chosen_values(
    kind: Any,
    values: Mapping[str, Any],
    choices: Mapping[str, type[Enum]],
    error: type[GenimaError],
) -> dict[str, Any]:
    """The inverse of `plain_values`: what a plan is made from.

    Args:
        kind: The plan's class.
        values: As `plain_values` gave them.
        choices: Which of them are choices, and of what.
        error: What to raise.

    Raises:
        GenimaError: Keys are missing or unknown; of type `error`.
        InvalidParameter: A choice is not allowed.
    """
    known = {field.name for field in fields(kind)}
    if set(values) != known:
        raise error(
            f"a plan has the keys {sorted(known)}, this one has {sorted(values)}; it was "
            "written by another version, use a new folder"
        )
    chosen = {name: choose(choice, values[name], name) for name, choice in choices.items()}
    return {**values, **chosen, "tasks": tuple(values["tasks"])}


def changes(here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """How plain values differ, as `seed is 0 there and 5 here`; empty where they do not."""
    return ", ".join(
        f"{name} is {_text(there[name])} there and {_text(here[name])} here"
        for name in here
        if here[name] != there[name]
    )


def choose(kind: type[Choice], text: str, name: str) -> Choice:
    """The member of `kind` with this value.

    Raises:
        InvalidParameter: There is none; the message lists those there are.
    """
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(str(member.value) for member in kind)
        raise InvalidParameter(f"{name} is {text!r}; allowed: {allowed}") from None


def _text(value: object) -> str:
    return (",".join(map(str, value)) if isinstance(value, list) else str(value)) or "none"
