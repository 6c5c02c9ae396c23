# SPDX-License-Identifier: Apache-2.0
"""Drives one arm and its gripper by joint trajectories; knows no ROS and no models."""

from genima.driver.session import DriverSession
from genima.driver.types import DriverCause, DriverParameters, DriverState, DriverStatus

__all__ = ["DriverCause", "DriverParameters", "DriverSession", "DriverState", "DriverStatus"]
