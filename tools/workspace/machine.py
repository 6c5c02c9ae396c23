# SPDX-License-Identifier: Apache-2.0
"""What the machine must have before anything can be installed, and how to get it."""

import ctypes
import importlib.util
import platform
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workspace.errors import SetupError

_EGL_VENDORS = ("/usr/share/glvnd/egl_vendor.d", "/etc/glvnd/egl_vendor.d")
_SOFTWARE_GL = ("*/dri/*swrast_dri.so", "*/libgallium*.so")


@dataclass(frozen=True)
class Need:
    """Something that the system's package manager has to provide.

    Attributes:
        what: Its name in a sentence.
        packages: The Debian and Ubuntu packages that bring it.
        present: Whether it is there.
    """

    what: str
    packages: tuple[str, ...]
    present: Callable[[], bool]


def needs() -> list[Need]:
    """All needs of this machine."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return [
        Need("a C++ compiler", ("build-essential",), lambda: _on_path("c++", "g++", "clang++")),
        Need("make", ("build-essential",), lambda: _on_path("make")),
        Need("Python's headers", (f"{python}-dev",), headers.is_file),
        Need(
            "Python's venv",
            (f"{python}-venv",),
            lambda: all(map(importlib.util.find_spec, ("venv", "ensurepip"))),
        ),
        Need("EGL", ("libegl1",), lambda: _loads("libEGL.so.1")),
        Need("OpenGL", ("libgl1",), lambda: _loads("libGL.so.1") or _loads("libOpenGL.so.0")),
        Need("an OpenGL driver", ("libegl-mesa0", "libgl1-mesa-dri"), _has_gl_driver),
    ]


def require(wanted: Sequence[Need]) -> None:
    """Check the machine.

    Raises:
        SetupError: Something is missing; the message holds the command that installs it.
    """
    missing = [need for need in wanted if not need.present()]
    if missing:
        packages = dict.fromkeys(package for need in missing for package in need.packages)
        raise SetupError(
            f"This machine lacks {', '.join(need.what for need in missing)}. Install:\n"
            f"  sudo apt-get install -y {' '.join(packages)}"
        )


def require_platform() -> None:
    """Refuse machines for which there are no wheels of ROS 2.

    Raises:
        SetupError: This is not Linux on x86-64.
    """
    got = f"{platform.system()} on {platform.machine()}"
    if got != "Linux on x86_64":
        raise SetupError(f"The suite runs on Linux on x86_64, and this is {got}.")


def _on_path(*names: str) -> bool:
    return any(shutil.which(name) for name in names)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _has_gl_driver() -> bool:
    vendors = [file for folder in _EGL_VENDORS for file in Path(folder).glob("*.json")]
    if any("mesa" not in file.name for file in vendors):
        return True  # a GPU's own driver
    libraries = Path("/usr/lib")
    return bool(vendors) and any(any(libraries.glob(pattern)) for pattern in _SOFTWARE_GL)
