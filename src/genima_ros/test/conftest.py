# SPDX-License-Identifier: Apache-2.0
"""A ROS domain of its own for the tests of this package."""

import os
from collections.abc import Callable, Iterator

import pytest
import rclpy

from genima.evaluation.domain import claim_domain

Start = Callable[..., None]


@pytest.fixture(scope="session")
def domain() -> Iterator[int]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with claim_domain() as number:
        yield number


@pytest.fixture
def start_ros(domain: int) -> Iterator[Start]:
    """Starts rclpy, with the words of a command line after --ros-args."""

    def start(*words: str) -> None:
        rclpy.try_shutdown()
        rclpy.init(args=["--ros-args", *words], domain_id=domain)

    yield start
    rclpy.try_shutdown()


@pytest.fixture
def ros(start_ros: Start) -> None:
    """Rclpy without parameters."""
    start_ros()
