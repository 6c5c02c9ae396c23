# SPDX-License-Identifier: Apache-2.0
"""Whether a moving arm can still come to rest without leaving its free space."""

import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidCommand
from genima.safety.free_space import FreeSpace
from genima.safety.gate_types import Fault

#: What rounding may take from a clearance [m].
_ROUNDING_M = 1e-9


class StopCheck:
    """Keeps the arm's whole way to rest in free space.

    Each step is asked for together with the way on which the arm would brake after it. As only
    steps are let through whose way to rest is free, there is always a free one to take.

    A clearance once measured is good for a while: no point of the arm moves further than the turn
    of each joint times what lies beyond it. Only what is not settled by this is measured anew.

    Args:
        space: Where the arm may be.
    """

    def __init__(self, space: FreeSpace) -> None:
        self._space = space
        #: How far out of each bound the arm may be [m]; what it has come back is not given again.
        self._lowest_m: Float[Array, "c"] = np.zeros(len(space.reach_m))
        self._q_known: Float[Array, "7"] = np.zeros(7)
        self._known_m: Float[Array, "c"] = np.full(len(space.reach_m), -np.inf)

    def reset(self, q: Float[Array, "7"]) -> None:
        """Begin where the arm stands [rad]: a little out of its space it may stay, and come back.

        Raises:
            InvalidCommand: It is further out than the margin.
        """
        clearances_m = self._space.clearances(q[None])[0]
        if clearances_m.min() < -self._space.margin_m:
            raise InvalidCommand(
                f"reset: the arm stands with {self._space.fault(q).message}; move it back by "
                "hand, or correct the workspace"
            )
        self._lowest_m = np.minimum(0.0, clearances_m)
        self._q_known, self._known_m = q, clearances_m

    def fault(self, way: Float[Array, "n 7"]) -> Fault | None:
        """What is in the way to rest, None if it is free.

        Args:
            way: Postures to rest [rad]; each joint goes one way only.
        """
        turn = np.maximum(np.abs(way[0] - self._q_known), np.abs(way[-1] - self._q_known))
        if (self._known_m - self._space.reach_m @ turn >= self._lowest_m).all():
            return None
        clearances_m = self._space.clearances(way)
        beyond_m = (clearances_m - self._lowest_m).min(axis=1)
        if beyond_m.min() < -_ROUNDING_M:
            return self._space.fault(way[beyond_m.argmin()])
        # All the way to rest is allowed for, so that braking stays free.
        self._lowest_m = np.maximum(self._lowest_m, np.minimum(0.0, clearances_m.min(axis=0)))
        self._q_known, self._known_m = way[-1], clearances_m[-1]
        return None

    def objection(self, q: Float[Array, "n 7"]) -> Fault | None:
        """What is wrong with the worst of some postures [rad]; None if the arm may be in all."""
        beyond_m = (self._space.clearances(q) - self._lowest_m).min(axis=1)
        worst = beyond_m.argmin()
        return None if beyond_m[worst] >= 0.0 else self._space.fault(q[worst])
