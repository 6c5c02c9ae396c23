# SPDX-License-Identifier: Apache-2.0
"""The DDS profile is one that the middleware accepts, and the user's own comes first."""

import os
import subprocess
import sys

import pytest

from genima_ros.dds import send_lost_messages_soon

_START_A_NODE = """
from genima_ros.dds import send_lost_messages_soon
send_lost_messages_soon()
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


def test_profile_of_the_user_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "/etc/mine.xml")
    send_lost_messages_soon()
    assert os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] == "/etc/mine.xml"
