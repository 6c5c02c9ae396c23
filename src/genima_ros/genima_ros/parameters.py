# SPDX-License-Identifier: Apache-2.0
"""Node parameters from frozen dataclasses: declared, checked, and refused with a sentence."""

import array
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from genima.errors import InvalidParameter

Parameters = TypeVar("Parameters")

#: What each ROS 2 node has of its own.
_BUILT_IN = ("use_sim_time", "start_type_description_service")


def parameter(
    default: Any,
    description: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """A dataclass field that is a node parameter.

    Args:
        default: Its default, which also fixes its type.
        description: One sentence.
        unit: Unit of a number.
        minimum: Smallest allowed number.
        maximum: Largest allowed number.
        choices: Allowed strings; empty for any.
    """
    metadata = {
        "description": description,
        "unit": unit,
        "minimum": minimum,
        "maximum": maximum,
        "choices": tuple(choices),
    }
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def declare_parameters(node: Node, schema: type) -> None:
    """Declare every field of `schema` on the node. Values are checked when they are read."""
    defaults = schema()
    for field in dataclasses.fields(schema):
        unit = field.metadata["unit"]
        descriptor = ParameterDescriptor(
            description=field.metadata["description"] + (f" [{unit}]" if unit else ""),
            additional_constraints=_allowed(field),
            # The type is checked by `read_parameters`, whose refusal is a sentence.
            dynamic_typing=True,
        )
        node.declare_parameter(field.name, getattr(defaults, field.name), descriptor)


def read_parameters(node: Node, schema: type[Parameters]) -> Parameters:
    """The node's parameters as an instance of `schema`.

    Raises:
        InvalidParameter: One is unknown, of the wrong type or out of its range.
    """
    given = node._parameter_overrides  # rclpy offers no public view of what a file sets
    names = {field.name for field in dataclasses.fields(schema)}  # type: ignore[arg-type]
    names |= {name for name in given if not _built_in(name)}
    values = {
        name: node.get_parameter(name).value if node.has_parameter(name) else None
        for name in names
    }
    return check_parameters(values, schema, node.get_name())


def check_parameters(
    values: Mapping[str, Any], schema: type[Parameters], node_name: str
) -> Parameters:
    """Values as an instance of `schema`; those that are not given take their defaults.

    Raises:
        InvalidParameter: One is unknown, of the wrong type or out of its range.
    """
    fields = {field.name: field for field in dataclasses.fields(schema)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise InvalidParameter(
            f"unknown parameter {unknown[0]!r}; {node_name} takes {sorted(fields)}"
        )
    return schema(**{name: _checked(fields[name], value) for name, value in values.items()})


def _built_in(name: str) -> bool:
    return name in _BUILT_IN or name.startswith("qos_overrides.")


def _checked(field: "dataclasses.Field[Any]", value: Any) -> Any:
    wanted = type(_default(field))
    if wanted is float and type(value) is int:
        value = float(value)
    if wanted is list and isinstance(value, array.array | list | tuple):
        value = list(value)
    if type(value) is not wanted or not _same_items(value, _default(field)):
        raise InvalidParameter(
            f"parameter {field.name!r} is {value!r}, of type {type(value).__name__}; "
            f"it takes {_allowed(field)}"
        )
    minimum, maximum = field.metadata["minimum"], field.metadata["maximum"]
    choices = field.metadata["choices"]
    too_low = minimum is not None and value < minimum
    too_high = maximum is not None and value > maximum
    endless = wanted is float and not math.isfinite(value)
    if too_low or too_high or endless or (choices and value not in choices):
        raise InvalidParameter(
            f"parameter {field.name!r} is {value!r}; it takes {_allowed(field)}"
        )
    return value


def _same_items(value: Any, default: Any) -> bool:
    """Whether the items of a list, if it is one, are of the type of those in the default."""
    if not isinstance(default, list) or not default:
        return True
    return {type(item) for item in value} <= {type(default[0])}


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _allowed(field: "dataclasses.Field[Any]") -> str:
    metadata = field.metadata
    if metadata["choices"]:
        return "one of " + ", ".join(metadata["choices"])
    names = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    text = names.get(type(_default(field)), "a list")
    if metadata["minimum"] is not None and metadata["maximum"] is not None:
        text += f" from {metadata['minimum']} to {metadata['maximum']}"
    elif metadata["minimum"] is not None:
        text += f" of at least {metadata['minimum']}"
    elif metadata["maximum"] is not None:
        text += f" of at most {metadata['maximum']}"
    return text + (f" {metadata['unit']}" if metadata["unit"] else "")
