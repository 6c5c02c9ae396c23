# SPDX-License-Identifier: Apache-2.0
"""Finds installed ROS packages by the rules of the ament index, without ROS."""

import os
from collections.abc import Mapping
from pathlib import Path

from genima.errors import LaunchError


def prefixes(environment: Mapping[str, str]) -> list[Path]:
    """Install prefixes in the order in which they are searched."""
    entries = environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [Path(entry) for entry in entries if entry]


def share_directory(package: str, environment: Mapping[str, str]) -> Path:
    """Folder with a package's launch files, configuration and so on.

    Raises:
        LaunchError: No such package is installed.
    """
    return _prefix_of(package, environment) / "share" / package


def executable(package: str, name: str, environment: Mapping[str, str]) -> Path:
    """Path of an executable of a package.

    Raises:
        LaunchError: The package or the executable is not installed.
    """
    folder = _prefix_of(package, environment) / "lib" / package
    path = folder / name
    if not (path.is_file() and os.access(path, os.X_OK)):
        found = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        raise LaunchError(
            f"package {package!r} has no executable {name!r}; it has: "
            f"{', '.join(found) or 'none'}. Build the workspace again if it is new."
        )
    return path


def _prefix_of(package: str, environment: Mapping[str, str]) -> Path:
    searched = prefixes(environment)
    for prefix in searched:
        if (prefix / "share/ament_index/resource_index/packages" / package).exists():
            return prefix
    raise LaunchError(
        f"package {package!r} is not installed in any of: "
        f"{', '.join(map(str, searched)) or '(AMENT_PREFIX_PATH is empty)'}."
    )
