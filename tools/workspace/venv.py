# SPDX-License-Identifier: Apache-2.0
"""The virtual environment and what is installed in it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from workspace import cmake_paths
from workspace.errors import SetupError
from workspace.steps import Stamp, digest, run_logged

BASE_GROUPS = ("ros", "build", "core", "sim", "learn")
ALL_GROUPS = (*BASE_GROUPS, "robot", "dev")
# Groups part of which is installed without dependencies, from a second file.
_NO_DEPS = {"sim": "sim-nodeps.txt", "dev": "dev-nodeps.txt", "learn": "learn-nodeps.txt"}


class Environment:
    """The virtual environment of a checkout.

    Args:
        root: Root of the checkout.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._log = root / "log"
        self.path = root / ".venv"
        self.python = self.path / "bin" / "python"

    def ensure(self, groups: Sequence[str]) -> bool:
        """Make the environment and install what changed.

        Returns:
            Whether anything was done.

        Raises:
            SetupError: It cannot be made or something cannot be installed.
        """
        identity = Stamp(self._stamp("identity"), digest([str(self.path)]))
        if not (identity.is_current() and self.python.exists()):
            self._create()
            identity.set()
        stamps = {group: self._group_stamp(group) for group in groups}
        stale = [group for group, stamp in stamps.items() if not stamp.is_current()]
        if not stale:
            return False
        self._install(stale, groups)
        for group in stale:
            stamps[group].set()
        return True

    def _create(self) -> None:
        # Not by the environment's own Python, which is about to be removed.
        python = getattr(sys, "_base_executable", sys.executable)
        command = [python, "-m", "venv", "--clear", self.path]
        log = self._log / "setup_venv.log"
        run_logged("Making the Python environment", command, log, self._root, os.environ)

    def _install(self, stale: Sequence[str], groups: Sequence[str]) -> None:
        # All wanted groups go to pip at once, so that the pins are checked against one another.
        files = [word for group in groups for word in ("-r", self._file(f"{group}.txt"))]
        self._pip(f"Installing {', '.join(stale)}", files, "setup_pip.log")
        for group in stale:
            if group in _NO_DEPS:
                words = ["--no-deps", "-r", self._file(_NO_DEPS[group])]
                self._pip(f"Installing {group} without dependencies", words, "setup_nodeps.log")
        command = [self.python, cmake_paths.__file__]
        log = self._log / "setup_cmake_paths.log"
        run_logged("Mending the paths in the wheels", command, log, self._root, os.environ)

    def _pip(self, what: str, words: Sequence[str | Path], log: str) -> None:
        command = [self.python, "-m", "pip", "install", "--disable-pip-version-check", *words]
        try:
            run_logged(what, command, self._log / log, self._root, os.environ)
        except SetupError as error:
            raise SetupError(f"{error} Is there a connection to the package index?") from None

    def _group_stamp(self, group: str) -> Stamp:
        files = [f"{group}.txt", *([_NO_DEPS[group]] if group in _NO_DEPS else [])]
        return Stamp(self._stamp(group), digest(self._file(name).read_bytes() for name in files))

    def _file(self, name: str) -> Path:
        return self._root / "requirements" / name

    def _stamp(self, name: str) -> Path:
        return self.path / "genima_setup" / name
