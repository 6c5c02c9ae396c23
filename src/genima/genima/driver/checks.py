# SPDX-License-Identifier: Apache-2.0
"""What a trajectory must be before the arm begins to follow it."""

import numpy as np

from genima.arrays import Array, Float
from genima.control.joint_order import JointOrder
from genima.driver.types import Trajectory
from genima.errors import InvalidCommand

#: A trajectory may be stamped ahead of the clock by this much [s].
_FUTURE_TOLERANCE_S = 0.1


def require_near(
    trajectory: Trajectory, q: Float[Array, "7"], order: JointOrder, tolerance_rad: float
) -> None:
    """Refuse a trajectory that begins elsewhere than where the arm stands.

    Args:
        trajectory: What is to be followed.
        q: Where the arm stands [rad].
        order: Finds its joints.
        tolerance_rad: Largest distance [rad].

    Raises:
        InvalidCommand: It begins too far away, or has no beginning.
    """
    index = order.index(trajectory.names)
    points = np.asarray(trajectory.q, float)
    if points.ndim != 2 or points.shape[0] == 0 or points.shape[1] != len(index):
        raise InvalidCommand(
            f"trajectory: positions have shape {points.shape}; at least one point of "
            f"{len(index)} positions is needed"
        )
    distance = np.abs(points[0, index] - q)
    if not distance.max() <= tolerance_rad:  # so that NaN is far
        joint = int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))
        raise InvalidCommand(
            f"trajectory: joint {joint + 1} begins {distance[joint]:.3f} rad from where the "
            f"arm stands, at most {tolerance_rad} is allowed; begin where the arm is"
        )


def require_present(trajectory: Trajectory, now_s: float) -> None:
    """Refuse a trajectory that is over, or lies in the future.

    Raises:
        InvalidCommand: By how much it does.
    """
    ahead_s = trajectory.stamp_s - now_s
    if not ahead_s <= _FUTURE_TOLERANCE_S:
        raise InvalidCommand(
            f"trajectory: it is stamped {ahead_s:.3f} s ahead of now; set the clocks of the "
            "computers by each other"
        )
    times_s = np.asarray(trajectory.times_s, float)
    over_s = now_s - trajectory.stamp_s - (times_s.max() if times_s.size else 0.0)
    if over_s >= 0.0:
        raise InvalidCommand(
            f"trajectory: it ended {over_s:.3f} s ago; set the clocks of the computers by "
            "each other, or send it sooner"
        )
