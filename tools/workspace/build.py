# SPDX-License-Identifier: Apache-2.0
"""Builds the packages with colcon when something changed that a build looks at."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from workspace.steps import Stamp, digest, run_logged

# Python modules are linked into the build, so a change of them needs none.
_READ = (
    "colcon.meta",
    "src/*/package.xml",
    "src/*/setup.py",
    "src/*/setup.cfg",
    "src/*/CMakeLists.txt",
    "src/*/msg/*.msg",
    "src/*/srv/*.srv",
    "src/*/action/*.action",
    "requirements/ros.txt",
    "requirements/build.txt",
)
# Files of which only the names matter: they are linked one by one, or by top-level package.
_LISTED = ("launch/**/*", "config/**/*", "src/*/*/__init__.py")


def fingerprint(root: Path) -> str:
    """Fingerprint of everything that a build depends on."""
    read = [path for pattern in _READ for path in sorted(root.glob(pattern))]
    listed = [path for pattern in _LISTED for path in sorted(root.glob(pattern))]
    names = [str(path.relative_to(root)) for path in (*read, *listed)]
    return digest([str(root), *names, *(path.read_bytes() for path in read)])


def ensure_built(root: Path, venv: Path | None) -> bool:
    """Build the workspace if it is not up to date.

    Args:
        root: Root of the checkout.
        venv: The environment that holds ROS 2, or None where ROS 2 itself is sourced.

    Returns:
        Whether anything was built.

    Raises:
        SetupError: The build failed.
    """
    stamp = Stamp(root / "install" / ".genima_setup", fingerprint(root))
    if stamp.is_current():
        return False
    home = Stamp(root / "build" / ".genima_home", str(root))
    if (root / "build").exists() and not home.is_current():
        for folder in ("build", "install"):  # of a checkout that was moved: full of old paths
            shutil.rmtree(root / folder, ignore_errors=True)
    stamp.clear()
    home.set()
    command = ["colcon", "build", "--symlink-install", "--base-paths", "src"]
    environment: Mapping[str, str] = os.environ
    if venv is not None:
        command += [
            "--cmake-args",
            f"-DPython3_EXECUTABLE={venv / 'bin' / 'python'}",
            f"-DPython3_ROOT_DIR={venv}",
        ]
        environment = os.environ | {
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "AMENT_PREFIX_PATH": str(venv),
            "CMAKE_PREFIX_PATH": str(venv),
            "PYTHONPATH": "",
        }
    log = root / "log" / "setup_colcon.log"
    run_logged("Building the packages", command, log, root, environment)
    stamp.set()
    return True
