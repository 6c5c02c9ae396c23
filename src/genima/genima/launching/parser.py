# SPDX-License-Identifier: Apache-2.0
"""Turns XML elements into a launch description and refuses what it does not know."""

from collections.abc import Callable
from pathlib import Path

from genima.errors import LaunchError
from genima.launching.description import (
    Arg,
    Condition,
    Entity,
    Group,
    Include,
    LaunchFile,
    Let,
    Node,
    Param,
    ParamFile,
    PushNamespace,
)
from genima.launching.substitution import Template, parse_template
from genima.launching.xml_tree import Element, read_xml

# A node is asked politely, then told, then killed; `launch` waits as long at each step.
DEFAULT_TIMEOUT_S = 5.0
OUTPUTS = ("screen", "both")

_TRUE = ("true", "1")
_FALSE = ("false", "0")


def parse_file(path: Path) -> LaunchFile:
    """Parse a launch file.

    Raises:
        LaunchError: The file is not a launch file, or something in it is not supported.
    """
    root = read_xml(path)
    if root.tag != "launch":
        raise LaunchError(f"{root.where}: the outermost tag is <{root.tag}>, not <launch>.")
    _check(root, attributes=(), children=tuple(_PARSERS))
    return LaunchFile(path, _entities(root))


def parse_bool(text: str) -> bool | None:
    """Truth of `true`, `1`, `false`, `0` in any case; None for anything else."""
    lowered = text.strip().lower()
    return True if lowered in _TRUE else False if lowered in _FALSE else None


def _entities(element: Element) -> tuple[Entity, ...]:
    return tuple(_PARSERS[child.tag](child) for child in element.children)


def _arg(element: Element) -> Arg:
    _check(element, ("name", "default", "description", "if", "unless"), ())
    return Arg(
        element.where,
        _condition(element),
        name=_required(element, "name"),
        default=_optional_template(element, "default"),
        description=element.attributes.get("description", ""),
    )


def _let(element: Element) -> Let:
    _check(element, ("name", "value", "if", "unless"), ())
    return Let(
        element.where,
        _condition(element),
        name=_template(element, "name"),
        value=_template(element, "value"),
    )


def _push_namespace(element: Element) -> PushNamespace:
    _check(element, ("namespace", "if", "unless"), ())
    return PushNamespace(
        element.where, _condition(element), namespace=_template(element, "namespace")
    )


def _group(element: Element) -> Group:
    _check(element, ("scoped", "if", "unless"), tuple(_PARSERS))
    scoped = parse_bool(element.attributes.get("scoped", "true"))
    if scoped is None:
        raise LaunchError(
            f"{element.where}: scoped is {element.attributes['scoped']!r}, allowed: true, false."
        )
    return Group(element.where, _condition(element), scoped=scoped, entities=_entities(element))


def _include(element: Element) -> Include:
    _check(element, ("file", "if", "unless"), ("arg",))
    return Include(
        element.where,
        _condition(element),
        file=_template(element, "file"),
        args=tuple(_pair(child, "name", "value") for child in element.children),
    )


def _node(element: Element) -> Node:
    _check(element, _NODE_ATTRIBUTES, ("param", "remap"))
    output = element.attributes.get("output", OUTPUTS[0])
    if output not in OUTPUTS:
        raise LaunchError(f"{element.where}: output is {output!r}, allowed: {', '.join(OUTPUTS)}.")
    on_exit = element.attributes.get("on_exit")
    if on_exit not in (None, "shutdown"):
        raise LaunchError(f"{element.where}: on_exit is {on_exit!r}, allowed: shutdown.")
    return Node(
        element.where,
        _condition(element),
        package=_template(element, "pkg"),
        executable=_template(element, "exec"),
        name=_optional_template(element, "name"),
        namespace=_optional_template(element, "namespace"),
        args=_optional_template(element, "args"),
        ros_args=_optional_template(element, "ros_args"),
        params=tuple(_param(child) for child in element.children if child.tag == "param"),
        remaps=tuple(
            _pair(child, "from", "to") for child in element.children if child.tag == "remap"
        ),
        shutdown_on_exit=on_exit is not None,
        respawn=_optional_template(element, "respawn"),
        respawn_delay_s=_seconds(element, "respawn_delay", 0.0),
        sigterm_timeout_s=_seconds(element, "sigterm_timeout", DEFAULT_TIMEOUT_S),
        sigkill_timeout_s=_seconds(element, "sigkill_timeout", DEFAULT_TIMEOUT_S),
    )


def _param(element: Element) -> Param | ParamFile:
    _check(element, ("name", "value", "from"), ())
    if "from" in element.attributes:
        if len(element.attributes) > 1:
            raise LaunchError(f"{element.where}: <param> has `from` beside name or value.")
        return ParamFile(element.where, _template(element, "from"))
    return Param(element.where, _template(element, "name"), _required(element, "value"))


def _pair(element: Element, first: str, second: str) -> tuple[Template, Template]:
    _check(element, (first, second), ())
    return _template(element, first), _template(element, second)


def _condition(element: Element) -> Condition | None:
    given = [name for name in ("if", "unless") if name in element.attributes]
    if len(given) == 2:
        raise LaunchError(f"{element.where}: <{element.tag}> has both `if` and `unless`.")
    return Condition(_template(element, given[0]), wanted=given[0] == "if") if given else None


def _check(element: Element, attributes: tuple[str, ...], children: tuple[str, ...]) -> None:
    for name in element.attributes:
        if name not in attributes:
            raise LaunchError(
                f"{element.where}: unknown attribute {name!r} of <{element.tag}>; "
                f"allowed: {', '.join(attributes) or 'none'}."
            )
    for child in element.children:
        if child.tag not in children:
            raise LaunchError(
                f"{child.where}: unknown tag <{child.tag}> in <{element.tag}>; "
                f"allowed: {', '.join(children) or 'none'}."
            )


def _required(element: Element, name: str) -> str:
    if name not in element.attributes:
        raise LaunchError(f"{element.where}: <{element.tag}> lacks the attribute {name!r}.")
    return element.attributes[name]


def _template(element: Element, name: str) -> Template:
    text = _required(element, name)
    try:
        return parse_template(text)
    except LaunchError as error:
        raise LaunchError(f"{element.where}: attribute {name!r}: {error}") from None


def _optional_template(element: Element, name: str) -> Template | None:
    return _template(element, name) if name in element.attributes else None


def _seconds(element: Element, name: str, default: float) -> float:
    text = element.attributes.get(name, str(default))
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < float("inf"):
        raise LaunchError(f"{element.where}: {name} is {text!r}, allowed: seconds, not negative.")
    return seconds


_NODE_ATTRIBUTES = (
    "pkg",
    "exec",
    "name",
    "namespace",
    "args",
    "ros_args",
    "output",
    "on_exit",
    "respawn",
    "respawn_delay",
    "sigterm_timeout",
    "sigkill_timeout",
    "if",
    "unless",
)

_PARSERS: dict[str, Callable[[Element], Entity]] = {
    "arg": _arg,
    "let": _let,
    "group": _group,
    "push_ros_namespace": _push_namespace,
    "push-ros-namespace": _push_namespace,
    "node": _node,
    "include": _include,
}
