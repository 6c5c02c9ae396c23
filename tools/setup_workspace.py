# SPDX-License-Identifier: Apache-2.0
"""Sets up the workspace: environment, packages, caches. A second run does only what changed.

Run it through `make setup` or `tools/setup`, which find a Python that it can use.
"""

import argparse
import fcntl
import os
import sys
from pathlib import Path
from typing import TextIO

from workspace import machine
from workspace.build import ensure_built
from workspace.errors import SetupError
from workspace.sourced import ros_is_sourced, set_up_sourced
from workspace.steps import run_logged
from workspace.venv import ALL_GROUPS, BASE_GROUPS, Environment

ROOT = Path(__file__).resolve().parent.parent
EXIT_ERROR = 2


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
            did = set_up_sourced(ROOT) if ros_is_sourced() else set_up_environment(options.groups)
    except SetupError as error:
        print(error, file=sys.stderr)
        return EXIT_ERROR
    if did or not options.quiet:
        print("The workspace is ready.")
    return 0


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
