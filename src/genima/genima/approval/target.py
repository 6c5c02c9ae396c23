# SPDX-License-Identifier: Apache-2.0
"""The target as it is shown, back in joint positions."""

import math
from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float
from genima.kinematics import DH_TABLE, base_T_tcp
from genima.limits import RobotModel, limits_of

#: The hand is turned by this against the last joint [rad].
_HAND_TURN = -math.pi / 4
_TURN = 2.0 * math.pi
_ROUNDING_RAD = 0.05


@dataclass(frozen=True, eq=False)
class ShownTarget:
    """What the controller shows of its next motion.

    Attributes:
        q: Where the arm would be at its end [rad].
        gripper_open: Whether the gripper would be open there.
        stamp_s: Of the images that it was drawn on [s].
    """

    q: Float[Array, "7"]
    gripper_open: bool
    stamp_s: float


@dataclass(frozen=True)
class Motion:
    """How far it is to a target.

    Attributes:
        joints_rad: Of each joint [rad].
        tip_m: Of the point between the fingertips, in a straight line [m].
    """

    joints_rad: tuple[float, ...]
    tip_m: float

    @property
    def largest_rad(self) -> float:
        """The largest motion of a joint, without its sign [rad]."""
        return max(abs(motion) for motion in self.joints_rad)

    @property
    def largest_joint(self) -> int:
        """Which joint that is, counted from 1."""
        sizes = [abs(motion) for motion in self.joints_rad]
        return 1 + sizes.index(max(sizes))


def motion_between(q_now: Float[Array, "7"], q_target: Float[Array, "7"]) -> Motion:
    """The way from where the arm is [rad] to a target [rad]."""
    tips = base_T_tcp(np.stack([q_now, q_target]))[:, :3, 3]
    joints = (np.asarray(q_target) - np.asarray(q_now)).tolist()
    return Motion(tuple(joints), float(np.linalg.norm(tips[1] - tips[0])))


def joint_positions_of(base_T_spheres: Float[Array, "4 4 4"]) -> Float[Array, "7"]:
    """The joint positions [rad] of spheres at these poses: the inverse of `sphere_poses`.

    Between two spheres lie two joints whose axes stand square to one another, so that the turn
    from one sphere to the next tells both.
    """
    turns = [np.eye(3), *(pose[:3, :3] for pose in base_T_spheres)]
    quarters = [quarter for _, _, quarter in DH_TABLE]
    q = np.empty(7)
    for i in range(3):
        between = _quarter_turns(-quarters[2 * i]) @ turns[i].T @ turns[i + 1]
        side = quarters[2 * i + 1]
        q[2 * i] = math.atan2(side * between[0, 2], -side * between[1, 2])
        q[2 * i + 1] = math.atan2(side * between[2, 0], side * between[2, 1])
    last = _quarter_turns(-quarters[6]) @ turns[3].T @ turns[4]
    q[6] = math.atan2(last[1, 0], last[0, 0]) - _HAND_TURN
    # An angle says nothing of whole turns, and joint 6 goes beyond half a one.
    limits = limits_of(RobotModel.PANDA)
    q[q < limits.q_min - _ROUNDING_RAD] += _TURN
    q[q > limits.q_max + _ROUNDING_RAD] -= _TURN
    return q


def _quarter_turns(count: int) -> Float[Array, "3 3"]:
    """A turn about x by so many right angles: -1, 0 or 1."""
    cosine, sine = 1 - abs(count), count
    return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
