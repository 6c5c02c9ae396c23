# SPDX-License-Identifier: Apache-2.0
"""What goes into the mirror and what comes out."""

from dataclasses import dataclass, fields
from enum import Enum

import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidParameter


class TeleopState(Enum):
    """What teleoperation does; the values are those of genima_msgs/TeleopStatus."""

    IDLE = 0
    ALIGNING = 1
    MIRRORING = 2
    HALTED = 3


@dataclass(frozen=True)
class TeleopParameters:
    """How the follower follows.

    Attributes:
        period_s: Time between two steps [s].
        start_tolerance_rad: Closer than this, leader and follower agree [rad].
        align_within_rad: Farther apart than this, teleoperation does not start [rad]. Between the
            two the follower first moves slowly to where the leader is.
        align_speed_rad_s: How fast it does so [rad/s].
        align_timeout_s: How long it may take [s].
        leader_timeout_s: Oldest leader state that is followed [s].
        follower_timeout_s: Oldest follower state that is acted on [s].
        position_margin_rad: Kept to the follower's position limits [rad].
        velocity_fraction: Share of its velocity limits that is used.
        acceleration_fraction: Share of its acceleration limits.
        far_rad: Farther than this the follower does not run after the leader, and it must not be
            from its own command [rad].
        lag_rad: Farther behind the leader than this, by the limits, is too far [rad].
        lag_timeout_s: How long it may be so [s].
    """

    period_s: float = 0.01
    start_tolerance_rad: float = 0.05
    align_within_rad: float = 0.5
    align_speed_rad_s: float = 0.15
    align_timeout_s: float = 20.0
    leader_timeout_s: float = 0.1
    follower_timeout_s: float = 0.1
    position_margin_rad: float = 0.02
    velocity_fraction: float = 0.8
    acceleration_fraction: float = 0.5
    far_rad: float = 0.3
    lag_rad: float = 0.1
    lag_timeout_s: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0.0 < value < np.inf:
                raise InvalidParameter(f"{field.name} is {value}; it must be above 0")
        _require_order(self, "start_tolerance_rad", "lag_rad")
        _require_order(self, "lag_rad", "far_rad")


def _require_order(parameters: TeleopParameters, lower: str, upper: str) -> None:
    low, high = getattr(parameters, lower), getattr(parameters, upper)
    if low > high:
        raise InvalidParameter(f"{lower} is {low} and {upper} is {high}; {upper} must be larger")


@dataclass(frozen=True, eq=False)
class LeaderReading:
    """Where the leader is.

    Attributes:
        q: Joint positions [rad].
        dq: Joint velocities [rad/s].
        stamp_s: When they were heard [s].
        gripper_opening: 0 closed to 1 open; NaN if the leader has no gripper.
    """

    q: Float[Array, "7"]
    dq: Float[Array, "7"]
    stamp_s: float
    gripper_opening: float = np.nan


@dataclass(frozen=True, eq=False)
class FollowerReading:
    """Where the follower is.

    Attributes:
        q: Joint positions [rad].
        stamp_s: When they were measured [s].
        gripper_opening: 0 closed to 1 open; NaN if it has no gripper.
    """

    q: Float[Array, "7"]
    stamp_s: float
    gripper_opening: float = np.nan


@dataclass(frozen=True)
class TeleopStatus:
    """What teleoperation tells of itself.

    Attributes:
        state: What it does.
        reason: Why it halted or stopped, in a sentence; what it waits for while it aligns.
        error_rad: Largest distance between leader and follower [rad]; NaN if not known.
        leader_age_s: Age of the leader's newest state [s]; infinite if none came.
        limited: Whether a limit changed the newest command.
    """

    state: TeleopState = TeleopState.IDLE
    reason: str = ""
    error_rad: float = np.nan
    leader_age_s: float = np.inf
    limited: bool = False


@dataclass(frozen=True, eq=False)
class TeleopCommand:
    """What the follower is to do now.

    Attributes:
        q: Joint positions [rad].
        dq: Joint velocities there [rad/s].
        gripper_open: What its gripper is to do; None to leave it.
    """

    q: Float[Array, "7"]
    dq: Float[Array, "7"]
    gripper_open: bool | None
