# SPDX-License-Identifier: Apache-2.0
"""What goes into the command gate and what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import NamedTuple

import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidParameter
from genima.kinematics import JOINT_NAMES


class GateState(Enum):
    """What the gate does."""

    UNSEEDED = "does not know where the arm is; nothing may be published"
    HOLDING = "stands; goes on as soon as it is asked to and nothing is amiss"
    PASSING = "lets commands through"
    HALTING = "brakes"
    HALTED = "stands until it is reset"


class GateReason(Enum):
    """Why the gate does not let commands through."""

    NONE = "nothing is amiss"
    NEVER_RESET = "the gate was never reset"
    BAD_CLOCK = "time went back or is not a number"
    BAD_JOINT_STATE = "a joint state is malformed"
    STALE_JOINT_STATE = "joint states are missing or too old"
    BAD_COMMAND = "a command is malformed"
    STALE_TARGET = "the target is too old"
    FUTURE_TARGET = "the target is stamped in the future"
    FAR_START = "the first command is too far from where the arm stands"
    FAR_COMMAND = "a command is too far from the one before"
    TRACKING = "the arm is too far from where it was sent"
    WORKSPACE = "the arm would leave its workspace"
    SELF_COLLISION = "the arm would touch itself"
    LIMITED_TOO_LONG = "commands went beyond the limits for too long"
    TRIPPED = "somebody asked for a halt"


_MAY_BE_ZERO = (
    "arm_delay_s",
    "position_margin_rad",
    "max_limited_steps",
    "self_collision_margin_m",
)


class Fault(NamedTuple):
    """Why a command is not let through."""

    reason: GateReason
    message: str


@dataclass(frozen=True)
class GateParameters:
    """How strict the gate is.

    Attributes:
        period_s: Time between two calls of `step` [s].
        position_margin_rad: Distance kept to the position limits [rad].
        velocity_fraction: Share of the robot's velocity limits that may be used.
        acceleration_fraction: Share of its acceleration limits.
        jerk_fraction: Share of its jerk limits.
        start_tolerance_rad: Largest distance of the first command to the standing arm [rad].
        tracking_tolerance_rad: Largest distance of the measured to the commanded arm, and of a
            command to the one before [rad].
        arm_delay_s: How far behind the output the arm may be measured [s]: outputs are sent
            ahead, and joint states are old when they come.
        joint_state_timeout_s: Oldest joint state that is acted on [s].
        target_timeout_s: Oldest target that is acted on [s]; outlasts the drawing and the steps
            of a chunk that are executed before the next one is taken.
        max_limited_steps: How many commands in a row may be changed by a limit.
        self_collision_margin_m: Distance kept between parts of the arm [m].
        workspace_min_m: Lowest x, y and z in panda_link0 [m] of elbow, wrist, flange and tool
            centre.
        workspace_max_m: Their highest x, y and z [m]. The defaults are all that the arm reaches
            above the table that it stands on.

    Raises:
        InvalidParameter: A value is out of its range.
    """

    period_s: float = 0.02
    position_margin_rad: float = 0.01
    velocity_fraction: float = 1.0
    acceleration_fraction: float = 1.0
    jerk_fraction: float = 1.0
    start_tolerance_rad: float = 0.1
    tracking_tolerance_rad: float = 0.3
    arm_delay_s: float = 0.0
    joint_state_timeout_s: float = 0.1
    target_timeout_s: float = 2.0
    max_limited_steps: int = 50
    self_collision_margin_m: float = 0.01
    workspace_min_m: tuple[float, ...] = (-1.0, -1.0, 0.0)
    workspace_max_m: tuple[float, ...] = (1.0, 1.0, 1.3)

    def __post_init__(self) -> None:
        self._check_workspace()
        for field in fields(self):
            if field.name.startswith("workspace"):
                continue
            value = getattr(self, field.name)
            high = 1.0 if field.name.endswith("_fraction") else np.inf
            may_be_zero = field.name in _MAY_BE_ZERO
            if not (0 < value <= high or (may_be_zero and value == 0)) or value == np.inf:
                lowest = "0 or more" if may_be_zero else "above 0"
                at_most = " and at most 1" if high == 1.0 else ""
                raise InvalidParameter(f"{field.name}: got {value}; it must be {lowest}{at_most}")

    def _check_workspace(self) -> None:
        low, high = self.workspace_min_m, self.workspace_max_m
        proper = len(low) == len(high) == 3 and np.isfinite([*low, *high]).all()
        if not (proper and all(a < b for a, b in zip(low, high, strict=True))):
            raise InvalidParameter(
                f"workspace_min_m, workspace_max_m: got {list(low)} and {list(high)}; each takes "
                "x, y and z in metres, the first ones below the second ones"
            )


@dataclass(frozen=True, eq=False)
class JointReading:
    """A joint state as it came.

    Attributes:
        q: Joint positions [rad], in the order of `names`.
        stamp_s: When they were measured [s].
        names: The joints; further ones, such as fingers, may be among them.
    """

    q: Float[Array, "n"]
    stamp_s: float
    names: Sequence[str] = JOINT_NAMES


@dataclass(frozen=True, eq=False)
class JointCommand:
    """What the controller asks for.

    Attributes:
        q: Joint positions [rad], in the order of `names`.
        target_stamp_s: When the images were taken that the command goes back to [s].
        dq: Joint velocities [rad/s]; without them the gate estimates them.
        names: The arm's joints.
    """

    q: Float[Array, "7"]
    target_stamp_s: float
    dq: Float[Array, "7"] | None = None
    names: Sequence[str] = JOINT_NAMES


@dataclass(frozen=True, eq=False)
class GateOutput:
    """What may be published.

    Attributes:
        q: Joint positions [rad]; None while the gate does not know where the arm is.
        dq: Joint velocities there [rad/s]; None as well.
        state: What the gate does.
        reason: Why it does not let commands through.
        message: The reason in a sentence, with numbers; empty when nothing is amiss.
        limited: Whether a limit changed the command of this step.
    """

    q: Float[Array, "7"] | None
    dq: Float[Array, "7"] | None
    state: GateState
    reason: GateReason
    message: str
    limited: bool
