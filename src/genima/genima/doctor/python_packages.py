# SPDX-License-Identifier: Apache-2.0
"""Python and what the library needs everywhere."""

import importlib.util
import platform
import sys
from collections.abc import Iterator

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, warning
from genima.doctor.intended import Intended

_OLDEST, _NEWEST_TRIED = (3, 11), (3, 12)
#: Module of each package of `install_requires`.
_NEEDED = (
    "av",
    "cv2",
    "jaxtyping",
    "matplotlib",
    "mcap",
    "numpy",
    "pyarrow",
    "rich",
    "scipy",
    "typer",
    "yaml",
)


def check_python(_computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """The version of Python, and the packages of the library."""
    yield judge_python(sys.version_info[:2], f"{platform.python_version()} ({sys.executable})")
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        yield missing(
            "packages",
            f"these modules cannot be found: {', '.join(absent)}",
            "use ./genima of a checkout, which installs them, or pip install ./src/genima",
        )
    else:
        yield ok("packages", "all that the library needs")


def judge_python(version: tuple[int, ...], words: str) -> Finding:
    """What is to be said of a version."""
    if version < _OLDEST:
        return missing("Python", words, "use Python 3.11 or 3.12; Ubuntu 24.04 brings 3.12")
    if version > _NEWEST_TRIED:
        return warning("Python", f"{words}: not tried", "use Python 3.11 or 3.12")
    return ok("Python", words)
