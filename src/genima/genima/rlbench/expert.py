# SPDX-License-Identifier: Apache-2.0
"""The expert of a scene of RLBench: what its planner did there, gone along from where the arm is.

RLBench knows no expert that could be asked in any state. Its planner has done the scene once; this
finds the place of the demonstration that the arm is at, and says what came next. It goes to the
next stop, and beyond it only when the arm is there: an agent that sees only a target K steps ahead
would otherwise cut the corner at which something is pressed or grasped.
"""

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.data.stops import stops_of
from genima.errors import InvalidParameter
from genima.sim.world import ExpertChunk

#: The arm is at a stop when no joint is farther off [rad].
_ARRIVED_RAD = 0.02
#: In contact it may never get there; being slow nearby for so many steps counts as well.
_NEARBY_RAD, _SLOW_RAD, _SLOW_STEPS = 0.05, 0.002, 6
#: How many steps of the demonstration ahead the arm is looked for.
_MOST_PROGRESS = 10


class DemonstrationExpert:
    """Follows a demonstration.

    Args:
        q: Joint positions of the demonstration [rad], (n, 7).
        gripper_open: State of the gripper at each of its steps, (n,).
    """

    def __init__(self, q: Float[Array, "n 7"], gripper_open: Bool[Array, "n"]) -> None:
        self._q = np.array(q, float)
        self._open = np.array(gripper_open, bool)
        self._stops = stops_of(self._q, self._open)
        self._index = 0
        self._slow_steps = 0
        self._q_now = self._q[0]
        self._gripper_now = bool(self._open[0])
        while self._advance():  # it may begin by standing
            pass

    def update(self, q: Float[Array, "7"], gripper_open: bool) -> None:
        """Take note of the state after one control step; call it once for each.

        Args:
            q: Measured joint positions [rad].
            gripper_open: What the gripper was told.
        """
        moved = float(np.abs(q - self._q_now).max())
        self._slow_steps = self._slow_steps + 1 if moved < _SLOW_RAD else 0
        self._q_now, self._gripper_now = np.array(q, float), gripper_open
        while self._advance():
            pass

    def chunk(self, horizon_steps: int) -> ExpertChunk:
        """The next steps from the present state.

        Raises:
            InvalidParameter: `horizon_steps` is not positive.
        """
        if horizon_steps < 1:
            raise InvalidParameter(f"a chunk has at least 1 step, got {horizon_steps}")
        ahead = self._index + 1 + np.arange(horizon_steps)
        rows = np.minimum(ahead, self._next_stop())
        return ExpertChunk(self._q_now.copy(), self._q[rows].copy(), self._open[rows].copy())

    def _next_stop(self) -> int:
        """The first stop behind the present place; the end at the latest."""
        return int(self._stops[np.searchsorted(self._stops, self._index, side="right")])

    def _advance(self) -> bool:
        """Go on to the place that the arm is at; false where it is there."""
        stop = self._next_stop()
        if stop < len(self._q) - 1 and self._passes(stop):
            self._index = stop
            self._slow_steps = 0
            return True
        ahead = range(self._index + 1, min(self._index + _MOST_PROGRESS + 1, stop))
        nearest = min(ahead, key=lambda index: (self._gap(index), -index), default=self._index)
        if nearest == self._index or self._gap(nearest) > self._gap(self._index):
            return False
        self._index = nearest
        return True

    def _passes(self, stop: int) -> bool:
        """Whether the arm is at a stop, and the gripper as it is to be there."""
        stuck = self._slow_steps >= _SLOW_STEPS and self._gap(stop) < _NEARBY_RAD
        there = stuck or self._gap(stop) < _ARRIVED_RAD
        turns = self._open[stop] != self._open[stop - 1]
        return there and not (turns and self._gripper_now != bool(self._open[stop]))

    def _gap(self, index: int) -> float:
        return float(np.abs(self._q[index] - self._q_now).max())
