# SPDX-License-Identifier: Apache-2.0
"""Where RLBench is on this computer, and how its process is started."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genima.errors import MissingDependency

PYTHON_VARIABLE = "GENIMA_RLBENCH_PYTHON"
PYTHONPATH_VARIABLE = "GENIMA_RLBENCH_PYTHONPATH"
ROOT_VARIABLE = "COPPELIASIM_ROOT"
DOCTOR = "'./genima doctor rlbench' says what is missing, docs/rlbench.md how to get it"

_SERVER = Path(__file__).parents[1] / "rlbench_server"
#: Meant for our Python and our Qt; another one would load what does not fit it.
_NOT_PASSED_ON = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "QT_PLUGIN_PATH")

_VERSIONS_LIMIT_S = 60.0
_VERSIONS = """
import json, platform
from importlib import metadata
found = {"python": platform.python_version()}
for name in ("rlbench", "pyrep", "numpy"):
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        found[name] = "unknown"
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Installation:
    """An RLBench that can be started.

    Attributes:
        python: The interpreter that RLBench and PyRep are installed for.
        coppeliasim: Folder of CoppeliaSim.
        environment: What the process inherits.
        python_path: Folders with RLBench and PyRep, where they are not installed.
    """

    python: Path
    coppeliasim: Path
    environment: Mapping[str, str]
    python_path: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Installation":
        """The installation that environment variables name.

        Raises:
            MissingDependency: One is not set, or names something that is not there.
        """
        for variable in (PYTHON_VARIABLE, ROOT_VARIABLE):
            if not environment.get(variable):
                raise MissingDependency(f"{variable} is not set; {DOCTOR}")
        python = shutil.which(environment[PYTHON_VARIABLE])
        if python is None:
            raise MissingDependency(
                f"{PYTHON_VARIABLE} is {environment[PYTHON_VARIABLE]!r}, which is no program; "
                f"{DOCTOR}"
            )
        root = Path(environment[ROOT_VARIABLE])
        if not root.is_dir():
            raise MissingDependency(f"{ROOT_VARIABLE} is {root}, which is no folder; {DOCTOR}")
        return cls(Path(python), root, environment, environment.get(PYTHONPATH_VARIABLE, ""))

    def versions(self) -> dict[str, str]:
        """Versions of Python and of the packages; `unknown` for those that are not installed.

        Raises:
            MissingDependency: The interpreter does not run.
        """
        found = subprocess.run(
            [str(self.python), "-c", _VERSIONS],
            env=self.server_environment(""),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_VERSIONS_LIMIT_S,
        )
        try:
            return {str(name): str(value) for name, value in json.loads(found.stdout).items()}
        except (ValueError, AttributeError) as error:
            said = (found.stderr.strip().splitlines() or ["nothing"])[-1]
            raise MissingDependency(
                f"{self.python} cannot say its versions ({said}); {DOCTOR}"
            ) from error

    def command(self, fd: int) -> list[str]:
        """What starts the server on an inherited socket."""
        return [str(self.python), str(_SERVER / "__main__.py"), "--fd", str(fd)]

    def server_environment(self, display: str) -> dict[str, str]:
        """Variables of the server's process.

        CoppeliaSim brings its own Qt: its folder is put on the library path of this process alone,
        so that no other program finds the wrong Qt there.

        Args:
            display: The X display that it draws on.
        """
        values = {k: v for k, v in self.environment.items() if k not in _NOT_PASSED_ON}
        values |= {
            ROOT_VARIABLE: str(self.coppeliasim),
            "LD_LIBRARY_PATH": str(self.coppeliasim),
            "QT_QPA_PLATFORM_PLUGIN_PATH": str(self.coppeliasim),
            "DISPLAY": display,
        }
        if self.python_path:
            values["PYTHONPATH"] = self.python_path
        return values


def installed() -> Installation:
    """The installation that this process's environment names.

    Raises:
        MissingDependency: As `Installation.of`.
    """
    return Installation.of(os.environ)
