# SPDX-License-Identifier: Apache-2.0
"""Sets up the workspace: environment, packages, caches. A second run does only what changed.

Run it through `make setup` or `tools/setup`, which find a Python that it can use.
"""

import argparse
import fcntl
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import TextIO

from workspace import machine
from workspace.build import ensure_built
from workspace.errors import SetupError
from workspace.steps import run_logged
from workspace.venv import ALL_GROUPS, BASE_GROUPS, Environment

ROOT = Path(__file__).resolve().parent.parent
EXIT_ERROR = 2
# What `import genima` and its command line need where ROS 2 is sourced and there is no environment
# of our own: module and requirement file.
_MODULES = ("av", "cv2", "jaxtyping", "matplotlib", "numpy", "rich", "scipy", "typer", "yaml")


def main() -> int:
    """Set the workspace up; return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--with",
        dest="groups",
        nargs="+",
        default=[],
        choices=[group for group in ALL_GROUPS if group not in BASE_GROUPS],
        help="further groups of requirements",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing if nothing is to do")
    options = parser.parse_args()
    try:
        with _lock():
            sourced = ros_is_sourced()
            did = set_up_sourced() if sourced else set_up_environment(options.groups)
    except SetupError as error:
        print(error, file=sys.stderr)
        return EXIT_ERROR
    if did or not options.quiet:
        print("The workspace is ready.")
    return 0


def ros_is_sourced() -> bool:
    """Whether this machine has ROS 2 itself, so that none is needed from wheels."""
    return "ROS_DISTRO" in os.environ and shutil.which("ros2") is not None


def set_up_sourced() -> bool:
    """Build with the ROS 2 that is sourced."""
    if shutil.which("colcon") is None:
        raise SetupError(
            "This machine lacks colcon. Install:\n"
            "  sudo apt-get install -y python3-colcon-common-extensions"
        )
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(
            f"{sys.executable} lacks {', '.join(missing)}. Install:\n"
            f"  {sys.executable} -m pip install --user --break-system-packages "
            f"-r {ROOT / 'requirements' / 'core.txt'}"
        )
    return ensure_built(ROOT, venv=None)


def set_up_environment(further_groups: list[str]) -> bool:
    """Install ROS 2 and everything else into an environment of our own, and build."""
    environment = Environment(ROOT)
    machine.require_platform()
    machine.require(machine.needs())
    did = environment.ensure([*BASE_GROUPS, *further_groups])
    did |= ensure_built(ROOT, environment.path)
    if did:
        run_logged(
            "Preparing the robot's meshes",
            [environment.python, "-m", "genima.cli", "assets"],
            ROOT / "log" / "setup_assets.log",
            ROOT,
            os.environ | {"PYTHONPATH": str(ROOT / "src" / "genima")},
        )
    return did


def _lock() -> TextIO:
    """Let one set-up run at a time."""
    folder = ROOT / "log"
    folder.mkdir(exist_ok=True)
    lock = (folder / "setup.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


if __name__ == "__main__":
    sys.exit(main())
