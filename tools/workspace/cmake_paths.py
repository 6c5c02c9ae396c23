# SPDX-License-Identifier: Apache-2.0
"""Mends the paths that the ROS 2 wheels remember of the machine they were built on."""

import re
import sys
import sysconfig
from pathlib import Path

BUILD_INCLUDE = re.compile(r"/opt/python/cp3\d+-cp3\d+/include/python3\.\d+")
BUILD_PLATLIB = re.compile(r"/opt/python/cp3\d+-cp3\d+/lib/python3\.\d+/site-packages")


def mend(text: str, include: str, platlib: str) -> str:
    """Replace the build machine's Python directories in the text of a CMake file."""
    return BUILD_PLATLIB.sub(platlib, BUILD_INCLUDE.sub(include, text))


def mend_files(share: Path, include: str, platlib: str) -> int:
    """Mend all CMake files below `share`; return how many changed (none on a second run)."""
    changed = 0
    for path in share.rglob("*.cmake"):
        old = path.read_text()
        new = mend(old, include, platlib)
        if new != old:
            path.write_text(new)
            changed += 1
    return changed


if __name__ == "__main__":  # run by the Python of the environment to be mended
    paths = sysconfig.get_paths()
    mend_files(Path(sys.prefix) / "share", paths["include"], paths["platlib"])
