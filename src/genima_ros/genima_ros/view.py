# SPDX-License-Identifier: Apache-2.0
"""Becomes RViz where that is installed, and says what to install where it is not."""

import os
import shutil
import sys

_MISSING = (
    "RViz is not installed here; on Ubuntu 24.04 with ROS 2 Jazzy: "
    "sudo apt install ros-jazzy-rviz2"
)


def main() -> None:
    """Hand all arguments to rviz2."""
    rviz = shutil.which("rviz2")
    if rviz is None:
        print(_MISSING, file=sys.stderr)
        sys.exit(2)
    os.execv(rviz, [rviz, *sys.argv[1:]])


if __name__ == "__main__":
    main()
