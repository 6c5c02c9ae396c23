# SPDX-License-Identifier: Apache-2.0
"""YAML files written by people: plain data only, no key twice, and errors that name file and key.

The error class is the caller's, so that each kind of file fails with its own.
"""

import math
from pathlib import Path
from typing import Any

import yaml

from genima.errors import GenimaError


class _UniqueKeyLoader(yaml.SafeLoader):
    """The safe loader, except that a key given twice is an error instead of silently the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key_node.value!r} is given twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def read_mapping(path: Path, error: type[GenimaError]) -> dict[str, Any]:
    """Read a file whose top level is a mapping.

    Raises:
        GenimaError: As `error`: the file is missing, no YAML, carries objects or repeats a key.
    """
    try:
        # Not executing anything: the loader above is a SafeLoader.
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeyLoader)
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror}); check the path") from cause
    except UnicodeDecodeError as cause:
        raise error(f"{path}: is not a text file; it must be YAML in UTF-8") from cause
    # A date of 30 February is a ValueError.
    except (yaml.YAMLError, ValueError, RecursionError) as cause:
        raise error(f"{path}: is not plain YAML: {_one_line(cause)}") from cause
    if not isinstance(content, dict):
        raise error(f"{path}: must hold a mapping of keys, got {type(content).__name__}")
    return content


def _one_line(cause: Exception) -> str:
    mark = getattr(cause, "problem_mark", None)
    place = f" in line {mark.line + 1}" if mark is not None else ""
    return f"{getattr(cause, 'problem', None) or cause}{place}"


def require_keys(
    entry: Any, required: set[str], optional: set[str], where: str, error: type[GenimaError]
) -> None:
    """Refuse an entry that is no mapping, lacks a required key or has one that nobody reads."""
    if not isinstance(entry, dict):
        raise error(f"{where}: must map {sorted(required)}, got {type(entry).__name__}")
    missing = sorted(required - set(entry))
    if missing:
        raise error(f"{where}: lacks {missing}; required are {sorted(required)}")
    unknown = sorted(str(key) for key in set(entry) - required - optional)
    if unknown:
        raise error(f"{where}: unknown keys {unknown}; allowed are {sorted(required | optional)}")


def require_text(entry: dict[str, Any], key: str, where: str, error: type[GenimaError]) -> str:
    """A value that must be text and not empty."""
    value = entry[key]
    if not isinstance(value, str) or not value:
        raise error(f"{where}: {key!r} must be text, got {value!r}")
    return value


def require_numbers(values: Any, count: int, where: str, error: type[GenimaError]) -> list[float]:
    """A list of that many finite numbers."""
    numeric = isinstance(values, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values
    )
    if not numeric or len(values) != count:
        raise error(f"{where}: must be {count} finite numbers, got {values!r}")
    return [float(v) for v in values]
