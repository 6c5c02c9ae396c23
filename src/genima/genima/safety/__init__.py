# SPDX-License-Identifier: Apache-2.0
"""The last check before the arm moves; knows nothing of the models."""

from genima.safety.command_gate import CommandGate
from genima.safety.emergency_stop import EmergencyStop
from genima.safety.gate_types import (
    GateOutput,
    GateParameters,
    GateReason,
    GateState,
    JointCommand,
    JointReading,
)

__all__ = [
    "CommandGate",
    "EmergencyStop",
    "GateOutput",
    "GateParameters",
    "GateReason",
    "GateState",
    "JointCommand",
    "JointReading",
]
