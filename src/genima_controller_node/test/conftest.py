# SPDX-License-Identifier: Apache-2.0
"""A ROS domain of its own for the tests of this package."""

import os
from collections.abc import Iterator

import pytest
import rclpy

from genima.evaluation.domain import claim_domain


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
