# SPDX-License-Identifier: Apache-2.0
"""A Franka arm and its hand through `franky`, which is imported when something connects.

What is known about franky and the arms' software: docs/teleop.md.
"""

from genima.franka.arm import FrankaArm
from genima.franka.gripper import FrankaGripper
from genima.franka.types import (
    ArmMode,
    ArmReading,
    ArmSettings,
    HoldingGains,
    ImpedanceGains,
    RealtimeKernel,
)

__all__ = [
    "ArmMode",
    "ArmReading",
    "ArmSettings",
    "FrankaArm",
    "FrankaGripper",
    "HoldingGains",
    "ImpedanceGains",
    "RealtimeKernel",
]
