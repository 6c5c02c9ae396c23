# SPDX-License-Identifier: Apache-2.0
"""Machines where ROS 2 itself is installed: no environment of our own, the system's Python."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from workspace.build import ensure_built
from workspace.errors import SetupError
from workspace.machine import Need, require

# What comes with the system, so that it fits the NumPy that ROS was built with.
_SYSTEM_MODULES = {
    "cv2": "python3-opencv",
    "matplotlib": "python3-matplotlib",
    "numpy": "python3-numpy",
    "scipy": "python3-scipy",
    "yaml": "python3-yaml",
}
_PIP_MODULES = ("av", "jaxtyping", "rich", "typer")


def ros_is_sourced() -> bool:
    """Whether this machine has ROS 2 itself, so that none is needed from wheels."""
    return "ROS_DISTRO" in os.environ and shutil.which("ros2") is not None


def set_up_sourced(root: Path) -> bool:
    """Build with the ROS 2 that is sourced.

    Returns:
        Whether anything was built.

    Raises:
        SetupError: Something is missing, or the build failed.
    """
    needs = [
        Need(module, (package,), lambda module=module: _exists(module))
        for module, package in _SYSTEM_MODULES.items()
    ]
    colcon = Need(
        "colcon", ("python3-colcon-common-extensions",), lambda: shutil.which("colcon") is not None
    )
    require([colcon, *needs])
    missing = [module for module in _PIP_MODULES if not _exists(module)]
    if missing:
        pins = (root / "requirements" / "core.txt").read_text().splitlines()
        wanted = [pin for pin in pins if pin.partition("==")[0] in missing]
        raise SetupError(
            f"{sys.executable} lacks {', '.join(missing)}. Install:\n"
            f"  {sys.executable} -m pip install --user --break-system-packages {' '.join(wanted)}"
        )
    return ensure_built(root, venv=None)


def _exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
