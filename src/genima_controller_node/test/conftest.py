# SPDX-License-Identifier: Apache-2.0
"""What the tests of this package share: a ROS domain of their own, a controller by their clock."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from genima.evaluation.domain import claim_domain
from genima_controller_node.controller_node import ControllerNode

CAMERAS_FILE = str(Path(__file__).parents[3] / "config" / "cameras.yaml")
PATIENCE_S = 30.0


@pytest.fixture(scope="session")
def domain() -> Iterator[int]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with claim_domain() as number:
        yield number


@pytest.fixture
def ros(domain: int) -> Iterator[None]:
    rclpy.init(args=[], domain_id=domain)
    yield
    rclpy.try_shutdown()


@pytest.fixture
def clocked(ros: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A configured controller in real time, which stands at `clock_s`; it waits for no arm."""
    monkeypatch.setattr("genima_ros.control_thread._LONGEST_BRAKING_S", 0.1)
    node: Any = ControllerNode()
    node.set_parameters([Parameter("cameras_file", value=CAMERAS_FILE)])
    assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
    node.clock_s = 1.0
    node._now_s = lambda: node.clock_s
    yield node
    node.clock_s = 10.0  # the motion is lost, and the thread ends
    node._control._thread.join(PATIENCE_S)
    assert not node._control.alive
    node.trigger_shutdown()
    node.destroy_node()
