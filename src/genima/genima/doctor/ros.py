# SPDX-License-Identifier: Apache-2.0
"""ROS 2 and the built workspace."""

import importlib.util
import shutil
from collections.abc import Iterator

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, warning
from genima.doctor.intended import Intended
from genima.errors import LaunchError
from genima.launching.ament import share_directory

_DISTRIBUTION = "jazzy"
_SOURCE = "use ./genima of a checkout, or source /opt/ros/jazzy/setup.bash and install/setup.bash"


def check_ros(computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """The Python side of ROS 2, its distribution, and the suite's own packages."""
    if importlib.util.find_spec("rclpy") is None:
        yield missing("ROS 2", "rclpy cannot be found", _SOURCE)
        return
    yield judge_distribution(computer.environment.get("ROS_DISTRO", ""), shutil.which("ros2"))
    try:
        folder = share_directory("genima_bringup", computer.environment)
    except LaunchError:
        yield missing("workspace", "the suite's packages are not built, or not sourced", _SOURCE)
        return
    yield ok("workspace", f"built and sourced: {folder.parent.parent}")


def judge_distribution(distribution: str, program: str | None) -> Finding:
    """What is to be said of a distribution, and of where `ros2` is."""
    source = f"installed ({program})" if program else "from Python wheels, without ros2 and RViz"
    if distribution and distribution != _DISTRIBUTION:
        return warning(
            "ROS 2",
            f"{distribution}, {source}; the suite is made for jazzy",
            "install ROS 2 Jazzy",
        )
    return ok("ROS 2", f"{_DISTRIBUTION}, {source}")
