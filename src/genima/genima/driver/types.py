# SPDX-License-Identifier: Apache-2.0
"""How the arm is driven, and what the driver tells of itself."""

from dataclasses import dataclass, fields
from enum import Enum
from typing import NamedTuple

import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidParameter
from genima.franka.types import ArmReading


class DriverState(Enum):
    """What the driver does; the values are those of genima_msgs/DriverStatus."""

    DISCONNECTED = 0
    IDLE = 1
    FOLLOWING = 2
    HOLDING = 3
    HOMING = 4
    HALTED = 5


class DriverCause(Enum):
    """What is behind the driver's reason; the values are those of genima_msgs/DriverStatus."""

    NONE = 0
    REFLEX = 10
    USER_STOP = 11
    NETWORK = 12
    WRONG_SOFTWARE = 13
    NOT_READY = 14
    GUIDED = 15
    NO_REALTIME = 16
    TOO_LATE = 17
    REFUSED = 18
    TRAJECTORIES_STOPPED = 30
    BAD_TRAJECTORY = 31
    TWO_COMMANDERS = 32
    EMERGENCY_STOP = 33
    HELD_BACK = 34
    LIMITED = 35
    STALE_STATE = 36
    ORDERED = 37
    WORKSPACE = 38
    SELF_COLLISION = 39
    GRIPPER = 40
    DEFECT = 50


@dataclass(frozen=True)
class DriverParameters:
    """How the arm is driven.

    Attributes:
        period_s: Time between two ticks [s].
        trajectory_timeout_s: Longest time without a new trajectory while the arm moves [s].
        state_timeout_s: Oldest state of the arm that is acted on [s].
        start_tolerance_rad: Largest distance between the standing arm and the first point of a
            trajectory [rad].
        tracking_tolerance_rad: Largest distance of the measured from the commanded arm [rad].
        position_margin_rad: Kept to the position limits [rad].
        velocity_fraction: Share of the velocity limits that is used.
        acceleration_fraction: Share of the acceleration limits.
        home_speed_rad_s: Peak speed of the fastest joint on the way home [rad/s].
        release_after_s: How long the arm is held after its last motion and trajectory [s].
        self_collision_margin_m: Distance kept between parts of the arm [m].
        workspace_min_m: Lowest x, y and z of elbow, wrist, flange and tool centre [m].
        workspace_max_m: Their highest x, y and z [m].

    Raises:
        InvalidParameter: A value is out of its range.
    """

    period_s: float = 0.01
    trajectory_timeout_s: float = 0.2
    state_timeout_s: float = 0.1
    start_tolerance_rad: float = 0.1
    tracking_tolerance_rad: float = 0.3
    position_margin_rad: float = 0.02
    velocity_fraction: float = 0.9
    acceleration_fraction: float = 0.8
    home_speed_rad_s: float = 0.3
    release_after_s: float = 10.0
    self_collision_margin_m: float = 0.01
    workspace_min_m: tuple[float, ...] = (-1.0, -1.0, 0.0)
    workspace_max_m: tuple[float, ...] = (1.0, 1.0, 1.3)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            # The gate, which is what they are for, checks the others.
            if field.name.endswith("_m"):
                continue
            if not 0.0 < value < np.inf:
                raise InvalidParameter(f"{field.name} is {value}; it must be above 0")


@dataclass(frozen=True)
class DriverStatus:
    """What the driver tells of itself.

    Attributes:
        state: What it does.
        cause: What is behind the reason.
        reason: Why, in a sentence; empty when all is well.
        limited: Whether a limit changed the newest command.
        trajectories_refused: How many could not be followed.
        halts: How often it braked for a cause other than an order.
    """

    state: DriverState = DriverState.DISCONNECTED
    cause: DriverCause = DriverCause.NONE
    reason: str = ""
    limited: bool = False
    trajectories_refused: int = 0
    halts: int = 0


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A joint trajectory as it came.

    Attributes:
        stamp_s: When it begins, on the driver's clock [s].
        names: The joints, in the order of the columns.
        times_s: When each point is reached, counted from `stamp_s` [s].
        q: Joint positions [rad].
        dq: Joint velocities [rad/s].
    """

    stamp_s: float
    names: tuple[str, ...]
    times_s: Float[Array, "n"]
    q: Float[Array, "n k"]
    dq: Float[Array, "n k"]

    def since(self, now_s: float) -> "Trajectory":
        """What is left of it if it begins now [s]."""
        times_s = np.asarray(self.times_s, float) + (self.stamp_s - now_s)
        left = times_s > 0.0
        q, dq = np.asarray(self.q)[left], np.asarray(self.dq)[left]
        return Trajectory(now_s, self.names, times_s[left], q, dq)


class DriverTick(NamedTuple):
    """What a tick saw and sent; None for what there is not.

    Attributes:
        now_s: When, on the driver's clock [s].
        reading: The arm's newest state.
        opening: How far the gripper is open, 0 to 1; NaN without one.
        q: What it was sent, or would have been in a dry run [rad].
    """

    now_s: float
    reading: ArmReading | None
    opening: float
    q: Float[Array, "7"] | None
