# SPDX-License-Identifier: Apache-2.0
"""Nothing is open to the network unless the operator opens it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NAME = "ROS_AUTOMATIC_DISCOVERY_RANGE"


def range_of_a_node(folder: Path, given: dict[str, str], path: str = "/usr/bin:/bin") -> str:
    """What a launched program finds in its environment."""
    (folder / "main.launch.xml").write_text('<launch><node pkg="pkg" exec="node"/></launch>')
    marker = folder / "share/ament_index/resource_index/packages/pkg"
    program = folder / "lib/pkg/node"
    for file in (marker, program):
        file.parent.mkdir(parents=True)
    marker.touch()
    program.write_text(f'#!/bin/sh\necho "range=${NAME}"\n')
    program.chmod(0o755)
    clean = {key: value for key, value in os.environ.items() if key != NAME}
    library = Path(__file__).parent.parent / "src" / "genima"
    paths = {"AMENT_PREFIX_PATH": str(folder), "PYTHONPATH": str(library), "PATH": path}
    done = subprocess.run(
        [sys.executable, "-m", "genima.cli", "launch", "main.launch.xml"],
        cwd=folder,
        env=clean | paths | given,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in done.stdout.splitlines() if "range=" in line]
    return line.partition("range=")[2]


@pytest.mark.parametrize(("given", "used"), [({}, "LOCALHOST"), ({NAME: "SUBNET"}, "SUBNET")])
def test_launched_programs_stay_on_this_computer_unless_told_else(
    tmp_path: Path, given: dict[str, str], used: str
) -> None:
    assert range_of_a_node(tmp_path, given) == used


def test_so_do_those_that_ros2_launch_starts(tmp_path: Path) -> None:
    ros2 = tmp_path / "bin" / "ros2"
    ros2.parent.mkdir()
    ros2.write_text(f'#!/bin/sh\necho "range=${NAME}"\n')
    ros2.chmod(0o755)
    assert range_of_a_node(tmp_path, {}, f"{ros2.parent}:/usr/bin:/bin") == "LOCALHOST"


def test_the_environment_of_a_checkout_stays_on_this_computer() -> None:
    root = Path(__file__).parent.parent
    script = f"unset {NAME}; source tools/environment.bash; echo ${NAME}"
    done = subprocess.run(["bash", "-c", script], cwd=root, capture_output=True, text=True)
    if not (root / "install").is_dir():
        pytest.skip("the workspace is not built")
    assert done.stdout.strip() == "LOCALHOST"
