# SPDX-License-Identifier: Apache-2.0
"""Joint limits of the robots the suite drives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import numpy as np

from genima.arrays import Array, Bool, Float


class RobotModel(Enum):
    """Which arm it is. Both have the same kinematics and different limits."""

    PANDA = "panda"
    FR3 = "fr3"


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Limits of the seven joints. The arrays are read-only.

    Attributes:
        q_min: Lowest positions [rad].
        q_max: Highest positions [rad].
        dq_max: Highest speeds [rad/s].
        ddq_max: Highest accelerations [rad/s^2].
        dddq_max: Highest jerks [rad/s^3].
    """

    q_min: Float[Array, "7"]
    q_max: Float[Array, "7"]
    dq_max: Float[Array, "7"]
    ddq_max: Float[Array, "7"]
    dddq_max: Float[Array, "7"]

    def clamp(self, q: Float[Array, "*b 7"]) -> Float[Array, "*b 7"]:
        """The nearest positions within the limits [rad]."""
        return np.clip(q, self.q_min, self.q_max)

    def within(self, q: Float[Array, "*b 7"], margin_rad: float = 0.0) -> Bool[Array, "*b"]:
        """Whether all joints keep a margin [rad] to their limits. NaN is not within."""
        inside = (q >= self.q_min + margin_rad) & (q <= self.q_max - margin_rad)
        return np.all(inside, axis=-1)


def limits_of(model: RobotModel) -> JointLimits:
    """The limits of a robot."""
    return LIMITS[model]


def _read_only(values: Sequence[float]) -> Float[Array, "7"]:
    array = np.array(values, float)
    array.setflags(write=False)
    return array


# Franka's own table for the Panda (FER), as in libfranka 0.9.2.
_PANDA = JointLimits(
    q_min=_read_only([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973]),
    q_max=_read_only([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973]),
    dq_max=_read_only([2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61]),
    ddq_max=_read_only([15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0]),
    dddq_max=_read_only([7500.0, 3750.0, 5000.0, 6250.0, 7500.0, 10000.0, 10000.0]),
)

# Position and velocity: the rectangular limits of franka_ros, which are narrower than the
# position-dependent ones of the robot. Acceleration and jerk: libfranka's constants for the FR3.
_FR3 = JointLimits(
    q_min=_read_only([-2.3093, -1.5133, -2.4937, -2.7478, -2.48, 0.8521, -2.6895]),
    q_max=_read_only([2.3093, 1.5133, 2.4937, -0.4461, 2.48, 4.2094, 2.6895]),
    dq_max=_read_only([2.0, 1.0, 1.5, 1.25, 3.0, 1.5, 3.0]),
    ddq_max=_read_only([10.0] * 7),
    dddq_max=_read_only([5000.0] * 7),
)

LIMITS: Mapping[RobotModel, JointLimits] = MappingProxyType(
    {RobotModel.PANDA: _PANDA, RobotModel.FR3: _FR3}
)
