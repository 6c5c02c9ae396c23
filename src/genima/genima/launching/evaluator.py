# SPDX-License-Identifier: Apache-2.0
"""Works out which nodes a launch file starts, and how. Starts nothing."""

import re
from collections.abc import Mapping
from functools import singledispatchmethod
from pathlib import Path

from genima.errors import LaunchError
from genima.launching.ament import executable
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
from genima.launching.node_spec import NodeSpec
from genima.launching.parameters import Value, infer_value
from genima.launching.parser import parse_bool, parse_file
from genima.launching.substitution import Scope, Template, perform, perform_words

_NODE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMESPACE = re.compile(r"/|(/[A-Za-z_][A-Za-z0-9_]*)+")


def evaluate(
    launch_file: LaunchFile, given: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[NodeSpec, ...]:
    """Evaluate a launch file with the arguments that were given.

    Raises:
        LaunchError: An argument is missing or unknown, or something cannot be evaluated.
    """
    evaluator = _Evaluator(given, environment)
    evaluator.run_file(launch_file)
    unknown = sorted(set(given) - evaluator.declared)
    if unknown:
        raise LaunchError(
            f"{launch_file.path} has no argument {unknown[0]!r}; "
            f"it has: {', '.join(sorted(evaluator.declared)) or 'none'}."
        )
    return tuple(evaluator.nodes)


def arguments(launch_file: LaunchFile) -> list[Arg]:
    """The arguments that a file declares, in order, whatever their conditions."""

    def declared(entities: tuple[Entity, ...]) -> list[Arg]:
        found: list[Arg] = []
        for entity in entities:
            if isinstance(entity, Arg):
                found.append(entity)
            elif isinstance(entity, Group):
                found += declared(entity.entities)
        return found

    return declared(launch_file.entities)


class _PlacedError(LaunchError):
    """An error that says already where it is."""


class _Evaluator:
    """Walks through the entities with the values of the scope it is in."""

    def __init__(self, given: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.nodes: list[NodeSpec] = []
        self.declared: set[str] = set()
        self._values = dict(given)
        self._namespace: str | None = None
        self._environment = environment
        self._files: list[Path] = []

    def run_file(self, launch_file: LaunchFile) -> None:
        path = launch_file.path.absolute()
        if path in self._files:
            raise LaunchError(f"{path} includes itself.")
        self.declared |= {arg.name for arg in arguments(launch_file)}
        self._files.append(path)
        self._run(launch_file.entities)
        self._files.pop()

    def _run(self, entities: tuple[Entity, ...]) -> None:
        for entity in entities:
            try:
                if entity.condition is None or self._holds(entity.condition):
                    self._visit(entity)
            except _PlacedError:
                raise
            except LaunchError as error:
                raise _PlacedError(f"{entity.where}: {error}") from None

    @singledispatchmethod
    def _visit(self, entity: Entity) -> None:
        raise TypeError(f"no rule for {type(entity).__name__}")

    @_visit.register
    def _(self, arg: Arg) -> None:
        if arg.name in self._values:
            return
        if arg.default is None:
            about = f" ({arg.description})" if arg.description else ""
            raise LaunchError(
                f"the argument {arg.name!r}{about} is required; give {arg.name}:=VALUE."
            )
        self._values[arg.name] = self._text(arg.default)

    @_visit.register
    def _(self, let: Let) -> None:
        self._values[self._text(let.name)] = self._text(let.value)

    @_visit.register
    def _(self, push: PushNamespace) -> None:
        self._namespace = _joined(self._namespace, self._text(push.namespace))

    @_visit.register
    def _(self, group: Group) -> None:
        outside = dict(self._values), self._namespace
        self._run(group.entities)
        if group.scoped:
            self._values, self._namespace = outside

    @_visit.register
    def _(self, include: Include) -> None:
        path = Path(self._text(include.file))
        if path.suffix != ".xml":
            raise LaunchError(f"cannot include {path}: only launch files in XML are supported.")
        # Not a scope of its own, as in `launch`: wrap the include in a group to have one.
        for name, value in include.args:
            self._values[self._text(name)] = self._text(value)
        self.run_file(parse_file(path))

    @_visit.register
    def _(self, node: Node) -> None:
        name = self._optional(node.name)
        if name is not None and not _NODE_NAME.fullmatch(name):
            raise LaunchError(
                f"{name!r} is no node name; allowed: letters, digits and underscores, "
                "not beginning with a digit."
            )
        program = self._text(node.executable)
        self.nodes.append(
            NodeSpec(
                label=name or program,
                executable=executable(self._text(node.package), program, self._environment),
                name=name,
                namespace=_joined(self._namespace, self._optional(node.namespace)),
                args=self._words(node.args),
                ros_args=self._words(node.ros_args),
                params=tuple(self._param(param) for param in node.params),
                remaps=tuple((self._text(old), self._text(new)) for old, new in node.remaps),
                shutdown_on_exit=node.shutdown_on_exit,
                respawn=self._truth("respawn", self._optional(node.respawn) or "false"),
                respawn_delay_s=node.respawn_delay_s,
                sigterm_timeout_s=node.sigterm_timeout_s,
                sigkill_timeout_s=node.sigkill_timeout_s,
            )
        )

    def _param(self, param: Param | ParamFile) -> Path | tuple[str, Value]:
        try:
            if isinstance(param, Param):
                return self._text(param.name), infer_value(param.value, self._scope())
            path = Path(self._text(param.path)).absolute()
        except LaunchError as error:
            raise _PlacedError(f"{param.where}: {error}") from None
        if not path.is_file():
            raise _PlacedError(f"{param.where}: the parameter file {path} does not exist.")
        return path

    def _holds(self, condition: Condition) -> bool:
        kind = "if" if condition.wanted else "unless"
        return self._truth(kind, self._text(condition.text)) == condition.wanted

    def _truth(self, what: str, text: str) -> bool:
        value = parse_bool(text)
        if value is None:
            raise LaunchError(f"{what} is {text!r}, allowed: true, false, 1, 0.")
        return value

    def _text(self, template: Template) -> str:
        return perform(template, self._scope())

    def _optional(self, template: Template | None) -> str | None:
        return None if template is None else self._text(template)

    def _words(self, template: Template | None) -> tuple[str, ...]:
        return () if template is None else perform_words(template, self._scope())

    def _scope(self) -> Scope:
        return Scope(self._values, self._environment, self._files[-1].parent)


def _joined(base: str | None, namespace: str | None) -> str | None:
    """Put `base` in front of a relative `namespace`; the result is absolute."""
    if namespace is None:
        return base
    joined = namespace if namespace.startswith("/") else f"{(base or '/').rstrip('/')}/{namespace}"
    joined = joined.rstrip("/") or "/"
    if not _NAMESPACE.fullmatch(joined):
        raise LaunchError(
            f"{joined!r} is no namespace; allowed: names of letters, digits and underscores, "
            "joined by slashes."
        )
    return joined
