# SPDX-License-Identifier: Apache-2.0
"""The straight joint path of least jerk between two resting configurations."""

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.control.chunk import ActionChunk
from genima.limits import JointLimits

#: A joint this close to where it is going has arrived [rad]; the gripper may act then. A target
#: drawn 1 deg off at every query must not keep the gripper from acting.
ARRIVAL_TOLERANCE_RAD = 0.03
#: Peak speed and acceleration of a path of least jerk over unit distance in unit time.
_PEAK_DQ = 1.875
PEAK_DDQ = 10.0 / np.sqrt(3.0)


def minimum_jerk_chunk(
    q_start: Float[Array, "7"],
    q_target: Float[Array, "7"],
    gripper_now: bool,
    gripper_target: bool,
    start_s: float,
    horizon_steps: int,
    step_s: float,
) -> ActionChunk:
    """Plan a straight joint path with quintic timing, at rest at both ends.

    The gripper changes on arrival, that is at the last step, so that it never closes on the way.

    Args:
        q_start: Joint positions at `start_s` [rad].
        q_target: Joint positions after the last step [rad].
        gripper_now: Whether the gripper is to be open on the way.
        gripper_target: Whether it is to be open on arrival.
        start_s: When the first step begins [s].
        horizon_steps: How many steps, K.
        step_s: Time between two steps [s].

    Raises:
        InvalidCommand: A position is not finite or the time scale is not positive.
    """
    s = np.arange(1, horizon_steps + 1) / max(horizon_steps, 1)
    progress = s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    q = (1.0 - progress[:, None]) * np.asarray(q_start) + progress[:, None] * np.asarray(q_target)
    gripper_open = np.full(len(s), gripper_now)
    gripper_open[-1:] = gripper_target
    return ActionChunk(q, gripper_open, start_s, step_s)


def arrived_from(
    q: Float[Array, "n 7"], q_target: Float[Array, "7"], tolerance_rad: float
) -> Bool[Array, "n"]:
    """For each row of a path, whether it and all later rows are at the target."""
    near = np.abs(q - q_target).max(axis=1) <= tolerance_rad
    return np.logical_and.accumulate(near[::-1])[::-1]


def least_duration_s(way: Float[Array, "7"], limits: JointLimits) -> float:
    """The shortest time [s] for ways [rad] of least jerk within speeds and accelerations."""
    distance = np.abs(way)
    times_s = _PEAK_DQ * distance / limits.dq_max, np.sqrt(PEAK_DDQ * distance / limits.ddq_max)
    return float(np.max(times_s))
