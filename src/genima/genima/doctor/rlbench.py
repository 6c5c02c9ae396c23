# SPDX-License-Identifier: Apache-2.0
"""RLBench: CoppeliaSim, the Python that it is installed for, and the display that it draws on."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, unknown, warning
from genima.doctor.intended import Intended
from genima.errors import MissingDependency
from genima.rlbench.cameras import cameras_file
from genima.rlbench.installation import PYTHON_VARIABLE, ROOT_VARIABLE, Installation

COPPELIASIM = "4.1.0"
#: Versions that speak to that CoppeliaSim. RLBench's own never changed; see `_IMPORTS`.
PYREP = "4.1.0"
_OLDEST, _NEWEST = (3, 8), (3, 11)
_DOWNLOAD = (
    "download CoppeliaSim_Edu_V4_1_0_Ubuntu20_04.tar.xz from "
    "https://downloads.coppeliarobotics.com, unpack it, and export "
    f"{ROOT_VARIABLE}=<its folder> (docs/rlbench.md)"
)
_LIBRARY = "libcoppeliaSim.so"
_PLUGIN = Path("platforms") / "libqxcb.so"
_MAKE_PYTHON = (
    f"make a virtual environment of Python 3.8 to 3.11 for RLBench alone, and export "
    f"{PYTHON_VARIABLE}=<its bin/python> (docs/rlbench.md)"
)
_IMPORT_LIMIT_S = 120.0
#: The newest argument of RLBench's that is used, and the oldest of PyRep's names.
_IMPORTS = """
import inspect, json, platform, sys
found = {"python": list(sys.version_info[:3]), "errors": {}}
def attempt(name, use):
    try:
        found[name] = use()
    except BaseException as error:
        found["errors"][name] = f"{type(error).__name__}: {error}"
def numpy():
    import numpy
    return numpy.__version__
def pyrep():
    import pyrep
    return pyrep.__version__
def rlbench():
    import rlbench
    parameters = inspect.signature(rlbench.Environment.__init__).parameters
    return "new" if "arm_max_acceleration" in parameters else "old"
for each in (numpy, pyrep, rlbench):
    attempt(each.__name__, each)
print("FOUND" + json.dumps(found))
"""


def check_coppeliasim(computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """The folder of CoppeliaSim, its version, and what it is to find of its own."""
    named = computer.environment.get(ROOT_VARIABLE, "")
    if not named:
        yield missing("CoppeliaSim", f"{ROOT_VARIABLE} is not set", _DOWNLOAD)
        return
    root = Path(named)
    if not root.is_dir():
        yield missing("CoppeliaSim", f"{ROOT_VARIABLE} is {root}, which is no folder", _DOWNLOAD)
        return
    if not (root / _LIBRARY).exists():
        yield missing("CoppeliaSim", f"{root} has no {_LIBRARY}", _DOWNLOAD)
        return
    yield _judge_version(root)
    if (root / _PLUGIN).exists() or (root / _PLUGIN.name).exists():
        yield ok("Qt plugin", f"{_PLUGIN.name} of CoppeliaSim's own")
    else:
        yield missing(
            "Qt plugin", f"{root} has no {_PLUGIN}", "unpack CoppeliaSim's archive again, whole"
        )
    yield from _judge_variables(computer, root)


def check_rlbench_python(computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """The Python of RLBench, and whether PyRep and RLBench can be imported in it."""
    if not computer.environment.get(PYTHON_VARIABLE):
        yield missing("Python", f"{PYTHON_VARIABLE} is not set", _MAKE_PYTHON)
        return
    try:
        installation = Installation.of(computer.environment)
    except MissingDependency as error:
        yield missing("Python", str(error).partition(";")[0], _MAKE_PYTHON)
        return
    environment = installation.server_environment(computer.environment.get("DISPLAY", ""))
    there = Computer(computer.root, environment)
    said = there.run([str(installation.python), "-c", _IMPORTS], _IMPORT_LIMIT_S)
    line = next((row for row in said.stdout.splitlines() if row.startswith("FOUND")), "")
    if not line:
        last = (said.stderr.strip().splitlines() or ["nothing"])[-1]
        yield missing("Python", f"{installation.python} says: {last}", _MAKE_PYTHON)
        return
    yield from judge_imports(json.loads(line.removeprefix("FOUND")), str(installation.python))


def judge_imports(found: dict[str, object], python: str) -> Iterator[Finding]:
    """What is to be said of what the other Python has found in itself."""
    version, errors = found["python"], found["errors"]
    assert isinstance(version, list) and isinstance(errors, dict)
    words = f"{'.'.join(map(str, version))} ({python})"
    if _OLDEST <= tuple(version[:2]) <= _NEWEST:
        yield ok("Python", words)
    else:
        yield warning("Python", f"{words}: not tried", "use Python 3.8 to 3.11")
    remedies = {
        "numpy": "pip install 'numpy<2' there",
        "pyrep": "pip install git+https://github.com/stepjam/PyRep there, with COPPELIASIM_ROOT "
        "set; the package of that name on PyPI is another one",
        "rlbench": "pip install git+https://github.com/stepjam/RLBench there",
    }
    for name, remedy in remedies.items():
        if name in errors:
            yield missing(name, f"cannot be imported: {errors[name]}", remedy)
        elif name == "rlbench" and found[name] == "old":
            yield missing(
                name, "its Environment takes no arm_max_acceleration", f"install a newer: {remedy}"
            )
        elif name == "pyrep" and not str(found[name]).startswith(PYREP):
            yield warning(
                name, f"version {found[name]}; CoppeliaSim {COPPELIASIM} goes with {PYREP}", remedy
            )
        else:
            yield ok(name, "can be imported" if name == "rlbench" else f"{found[name]}")


def check_display(computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """CoppeliaSim's renderer needs an X display also where nobody looks."""
    display = computer.environment.get("DISPLAY", "")
    xvfb = shutil.which("Xvfb", path=computer.environment.get("PATH", ""))
    if not display and xvfb:
        yield ok("display", f"none; one is made for each simulator by {xvfb}")
    elif not display:
        yield missing(
            "display", "DISPLAY is not set, and there is no Xvfb", "sudo apt-get install -y xvfb"
        )
    elif display.startswith(":") and not _socket_of(computer, display).exists():
        yield missing(
            "display",
            f"DISPLAY is {display}, and nobody serves it",
            "unset DISPLAY to have one made by Xvfb, or start the X server",
        )
    else:
        yield ok("display", f"{display}")


def check_rlbench_cameras(_computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """Whether RLBench has said where its cameras are."""
    path = cameras_file()
    if path.is_file():
        yield ok("cameras", f"{path}")
    else:
        yield unknown("cameras", f"{path} is not written yet", "./genima rlbench cameras")


def _judge_version(root: Path) -> Finding:
    """CoppeliaSim tells its version nowhere but in the names of some of its files."""
    readme = root / "readme.txt"
    text = readme.read_text(errors="replace") if readme.is_file() else ""
    if "4.1" in text or "V4_1" in root.name:
        return ok("CoppeliaSim", f"{root}")
    return unknown(
        "CoppeliaSim",
        f"{root}; PyRep needs version {COPPELIASIM}, and this one does not say its own",
        "if PyRep cannot be imported, download that version",
    )


def _judge_variables(computer: Computer, root: Path) -> Iterator[Finding]:
    """The suite sets these for the simulator alone; elsewhere they do harm."""
    for variable in ("LD_LIBRARY_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH"):
        entries = computer.environment.get(variable, "").split(os.pathsep)
        if str(root) in entries:
            yield warning(
                variable,
                f"has {root} in it, so that RViz and rqt load CoppeliaSim's Qt",
                f"take it out: the suite sets {variable} for the simulator's process alone",
            )
        else:
            yield ok(variable, "is set for the simulator's process alone")


def _socket_of(computer: Computer, display: str) -> Path:
    number = display.removeprefix(":").partition(".")[0]
    return computer.path(f"/tmp/.X11-unix/X{number}")
