# SPDX-License-Identifier: Apache-2.0
"""Nodes stay on this computer with a profile that the middleware accepts, unless told else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genima.evaluation.domain import claim_domain
from genima_ros.dds import set_up_dds

_START_A_NODE = """
from genima_ros.dds import set_up_dds
set_up_dds()
import rclpy
rclpy.init()
rclpy.create_node("profile_check").destroy_node()
rclpy.shutdown()
"""


def test_middleware_reads_the_profile_without_complaint() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "FASTRTPS_DEFAULT_PROFILES_FILE"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", _START_A_NODE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "XMLPARSER" not in done.stdout + done.stderr


def test_node_starts_where_another_was_killed_while_it_started() -> None:
    with claim_domain() as domain:
        # Of the domain's participants; see the table of ports in RTPS 2.3, 9.6.1.
        first = 7400 + 250 * domain + 11
        for number in range(first, first + 20, 2):
            port = Path("/dev/shm") / f"fastrtps_port{number}"
            port.unlink(missing_ok=True)
            port.touch()
        environment = os.environ | {"ROS_DOMAIN_ID": str(domain)}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        command = [sys.executable, "-c", _START_A_NODE]
        subprocess.run(command, env=environment, timeout=60, check=True)


def test_profile_of_the_user_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "/etc/mine.xml")
    set_up_dds()
    assert os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] == "/etc/mine.xml"


@pytest.mark.parametrize(("given", "used"), [(None, "LOCALHOST"), ("SUBNET", "SUBNET")])
def test_nodes_stay_on_this_computer_unless_the_operator_opens_them(
    given: str | None, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE", raising=False)
    if given:
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", given)
    set_up_dds()
    assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == used


def test_every_program_that_starts_rclpy_sets_up_dds_first() -> None:
    starters = []
    for path in sorted(Path(__file__).parents[2].glob("*/genima_*/**/*.py")):
        text = path.read_text()
        if "rclpy.init(" in text:
            starters.append(path.name)
            assert "set_up_dds()\n" in text.partition("rclpy.init(")[0], path
    assert "program.py" in starters
