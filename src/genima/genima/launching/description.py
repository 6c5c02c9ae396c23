# SPDX-License-Identifier: Apache-2.0
"""What a launch file says, before anything in it is evaluated."""

from dataclasses import dataclass
from pathlib import Path

from genima.launching.substitution import Template


@dataclass(frozen=True)
class Condition:
    """An `if` (or, with `wanted` false, an `unless`)."""

    text: Template
    wanted: bool


@dataclass(frozen=True)
class Entity:
    """What all elements have: a place in a file, and maybe a condition."""

    where: str
    condition: Condition | None


@dataclass(frozen=True)
class Arg(Entity):
    """Declares an argument; it is required if `default` is None."""

    name: str
    default: Template | None
    description: str


@dataclass(frozen=True)
class Let(Entity):
    """Sets a value for the rest of the scope."""

    name: Template
    value: Template


@dataclass(frozen=True)
class PushNamespace(Entity):
    """Puts a namespace in front of the nodes in the rest of the scope."""

    namespace: Template


@dataclass(frozen=True)
class Group(Entity):
    """Entities with, if `scoped`, values and namespace of their own."""

    scoped: bool
    entities: tuple[Entity, ...]


@dataclass(frozen=True)
class Include(Entity):
    """Another launch file, and arguments for it."""

    file: Template
    args: tuple[tuple[Template, Template], ...]


@dataclass(frozen=True)
class Param:
    """One parameter: `value` as written, before types are inferred."""

    where: str
    name: Template
    value: str


@dataclass(frozen=True)
class ParamFile:
    """A parameter file in YAML."""

    where: str
    path: Template


@dataclass(frozen=True)
class Node(Entity):
    """A process to run. Templates that are None were not given."""

    package: Template
    executable: Template
    name: Template | None
    namespace: Template | None
    args: Template | None
    ros_args: Template | None
    params: tuple[Param | ParamFile, ...]
    remaps: tuple[tuple[Template, Template], ...]
    shutdown_on_exit: bool
    respawn: Template | None
    respawn_delay_s: float
    sigterm_timeout_s: float
    sigkill_timeout_s: float


@dataclass(frozen=True)
class LaunchFile:
    """A whole file."""

    path: Path
    entities: tuple[Entity, ...]
