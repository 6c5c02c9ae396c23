# SPDX-License-Identifier: Apache-2.0
"""Joints are addressed by name, never by index: drivers send them in any order, fingers too."""

from collections.abc import Sequence

import numpy as np

from genima.arrays import Array, Int
from genima.errors import InvalidCommand
from genima.kinematics import JOINT_NAMES


class JointOrder:
    """Finds the arm's joints in messages that name theirs in any order.

    Args:
        names: The arm's joints, in the order that the library uses.
        extra_allowed: Whether a message may name further joints, such as the fingers'.
    """

    def __init__(self, names: Sequence[str] = JOINT_NAMES, *, extra_allowed: bool) -> None:
        self._names = tuple(names)
        self._extra_allowed = extra_allowed
        # A sender names its joints in the same order each time, so the last answer mostly holds.
        self._last_names = self._names
        self._last_index: Int[Array, "7"] = np.arange(len(self._names))

    def index(self, names: Sequence[str]) -> Int[Array, "7"]:
        """Where in a message each of the arm's joints is.

        Raises:
            InvalidCommand: A joint is missing, named twice, or not the arm's.
        """
        got = tuple(names)
        if got != self._last_names:
            self._check(got)
            self._last_index = np.array([got.index(name) for name in self._names])
            self._last_names = got
        return self._last_index

    def _check(self, got: tuple[str, ...]) -> None:
        if missing := [name for name in self._names if name not in got]:
            raise InvalidCommand(
                f"joints {missing} are missing, got {list(got)}; "
                f"name all of {list(self._names)}, in any order"
            )
        if twice := sorted({name for name in got if got.count(name) > 1}):
            raise InvalidCommand(f"joints {twice} are named more than once; name each joint once")
        extra = [name for name in got if name not in self._names]
        if extra and not self._extra_allowed:
            raise InvalidCommand(
                f"joints {extra} are not the arm's; name only {list(self._names)}, in any order"
            )
