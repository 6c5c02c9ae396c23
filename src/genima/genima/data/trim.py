# SPDX-License-Identifier: Apache-2.0
"""Which steps of an episode are worth keeping."""

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.errors import InvalidDataset

#: Less than this a joint moves while the arm stands still [rad].
STILL_RAD = 0.01
#: How much of the stillness is kept on either side [s].
KEPT_S = 0.5


def moving_part(q: Float[Array, "n 7"], gripper_open: Bool[Array, "n"], step_s: float) -> slice:
    """From shortly before the arm or gripper first moves until shortly after the last time.

    Raises:
        InvalidDataset: Nothing ever moves.
    """
    left = _differs(q, gripper_open, 0)
    if not left.any():
        raise InvalidDataset("neither the arm nor the gripper ever moves")
    arriving = _differs(q, gripper_open, -1)
    kept = round(KEPT_S / step_s)
    first = int(np.argmax(left)) - 1
    last = len(q) - int(np.argmax(arriving[::-1]))
    return slice(max(first - kept, 0), min(last + kept + 1, len(q)))


def _differs(
    q: Float[Array, "n 7"], gripper_open: Bool[Array, "n"], than: int
) -> Bool[Array, "n"]:
    moved: Array = np.abs(q - q[than]).max(axis=1) > STILL_RAD
    return moved | (gripper_open != gripper_open[than])
