# SPDX-License-Identifier: Apache-2.0
"""A leader that sends joint states, such as a GELLO: whose joints are called many names."""

import re
from collections.abc import Sequence

import numpy as np

from genima.arrays import Array, Float
from genima.control.joint_order import JointOrder
from genima.errors import InvalidCommand
from genima.kinematics import JOINT_NAMES

_ARM_JOINT = re.compile(r"(?:.*_)?joint([1-7])")
_FINGER = re.compile(r".*finger_joint[12]")
#: A finger of the Franka Hand travels this far [m].
_FINGER_TRAVEL_M = 0.04
_GRIPPER = "gripper"
#: No joint of a leader turns so far [rad]; degrees, and numbers of a broken sensor, do.
_MOST_RAD = 4.0 * np.pi


class LeaderJoints:
    """Finds the seven joints and the gripper in a leader's joint state.

    The arm's joints end in joint1 to joint7, after any prefix (panda_, fr3_, fer_, left_fr3_).
    The gripper is a finger joint [m], or `gripper`, 0 closed to 1 open; both may be missing.
    """

    def __init__(self) -> None:
        self._order = JointOrder(JOINT_NAMES, extra_allowed=False)

    def positions(
        self, names: Sequence[str], values: Sequence[float]
    ) -> tuple[Float[Array, "7"], float]:
        """Joint positions [rad] and the gripper's opening, 0 to 1, NaN if it is not told.

        Raises:
            InvalidCommand: A joint is missing or named twice, or a value is no angle.
        """
        if len(names) != len(values):
            raise InvalidCommand(
                f"leader: {len(names)} names and {len(values)} positions; send one for each"
            )
        arm: dict[int, str] = {}
        for i, name in enumerate(names):
            match = None if _FINGER.fullmatch(name) else _ARM_JOINT.fullmatch(name)
            if match:
                arm[i] = f"panda_joint{match[1]}"
        index = self._order.index(list(arm.values()))
        q = np.array([values[i] for i in arm], float)[index]
        if not (np.abs(q) <= _MOST_RAD).all():
            raise InvalidCommand(
                f"leader: positions {q.tolist()} must be finite, in radians, and at most two "
                "turns; mend what reads the leader"
            )
        return q, _opening(names, values)


def _opening(names: Sequence[str], values: Sequence[float]) -> float:
    for name, value in zip(names, values, strict=True):
        if _FINGER.fullmatch(name):
            return float(value) / _FINGER_TRAVEL_M
        if name == _GRIPPER:
            return float(value)
    return float("nan")
