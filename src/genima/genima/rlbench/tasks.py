# SPDX-License-Identifier: Apache-2.0
"""The tasks of RLBench that can be chosen, as a file of `config/tasks` lists them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genima.errors import InvalidParameter
from genima.launching.ament import share_directory
from genima.strict_yaml import read_mapping, require_keys, require_text

_FILE = Path("config") / "tasks" / "rlbench.yaml"


@dataclass(frozen=True)
class RlbenchTask:
    """One task.

    Attributes:
        name: What it is called here.
        file: Name of its file in RLBench, without the ending.
        instruction: What RLBench says first of its variation 0.
    """

    name: str
    file: str
    instruction: str


def load_tasks(path: Path) -> Mapping[str, RlbenchTask]:
    """Read a file of tasks; by name, in the order of the file.

    Raises:
        InvalidParameter: It is missing or malformed.
    """
    root = read_mapping(path, InvalidParameter)
    require_keys(root, {"tasks"}, set(), str(path), InvalidParameter)
    entries = root["tasks"]
    if not isinstance(entries, dict) or not entries:
        raise InvalidParameter(f"{path}: 'tasks' must map names to their descriptions")
    return {str(name): _task(path, str(name), entry) for name, entry in entries.items()}


def installed_tasks() -> Mapping[str, RlbenchTask]:
    """The tasks of the installed file.

    Raises:
        LaunchError: The workspace is not built, or its environment is not set.
    """
    return load_tasks(share_directory("genima_bringup", os.environ) / _FILE)


def _task(path: Path, name: str, entry: object) -> RlbenchTask:
    where = f"{path}: task {name!r}"
    require_keys(entry, {"rlbench_file", "instruction"}, set(), where, InvalidParameter)
    assert isinstance(entry, dict)
    return RlbenchTask(
        name=name,
        file=require_text(entry, "rlbench_file", where, InvalidParameter),
        instruction=require_text(entry, "instruction", where, InvalidParameter),
    )
