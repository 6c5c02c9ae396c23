# SPDX-License-Identifier: Apache-2.0
"""Where the arm stops in a demonstration: the places that its motion is about."""

import numpy as np

from genima.arrays import Array, Bool, Float, Int
from genima.kinematics import base_T_tcp

#: At a stop the arm all but stands, or turns back [rad a step].
_STANDS_RAD, _TURNS_RAD = 0.004, 0.001
#: A stop nearer than this is where the arm is already [m].
_HERE_M = 0.03


def stops_of(q: Float[Array, "n 7"], gripper_open: Bool[Array, "n"]) -> Int[Array, "s"]:
    """Steps at which the arm has stood or turns back, or the gripper moves; the last one, too.

    Args:
        q: Joint positions [rad].
        gripper_open: State of the gripper.
    """
    n = len(q)
    way = np.diff(q, axis=0)  # from step t to t + 1
    length = np.abs(way).max(axis=1)
    stops = {n - 1}
    for t in range(1, n - 1):
        begins = length[t - 1] < _STANDS_RAD <= length[t]
        turns = min(length[t - 1], length[t]) > _TURNS_RAD and way[t - 1] @ way[t] < 0.0
        if begins or turns or gripper_open[t] != gripper_open[t - 1]:
            stops.add(t)
    return np.array(sorted(stops))


def places_ahead(q: Float[Array, "n 7"], gripper_open: Bool[Array, "n"]) -> Float[Array, "n 2 2"]:
    """Where the fingertips will be, at each step of a demonstration, seen from above.

    Args:
        q: Joint positions [rad].
        gripper_open: State of the gripper.

    Returns:
        x and y in the base at the next stop that is not where the arm is already, then at the
        last step [m].
    """
    tip = np.stack([base_T_tcp(row)[:3, 3] for row in q])
    stops = stops_of(q, gripper_open)
    away = np.linalg.norm(tip[stops][None] - tip[:, None], axis=2) > _HERE_M
    ahead = away & (stops[None] >= np.arange(len(q))[:, None])
    following = np.where(ahead.any(axis=1), stops[ahead.argmax(axis=1)], len(q) - 1)
    last = np.full(len(q), len(q) - 1)
    return tip[np.stack([following, last], axis=1), :2]
