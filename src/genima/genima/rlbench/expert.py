# SPDX-License-Identifier: Apache-2.0
"""The expert of a scene of RLBench: what its planner did there, gone along from where the arm is.

RLBench knows no expert that could be asked in any state. Its planner has done the scene once; this
finds the place of the demonstration that the arm is at, and says what came next. It goes to the
next stop, and beyond it only when the arm is there: an agent that sees only a target K steps ahead
would otherwise cut the corner at which something is pressed or grasped.
"""

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.errors import InvalidParameter
from genima.sim.world import ExpertChunk

#: A waypoint of the planner is where its arm all but stands [rad a step].
_STANDS_RAD = 0.004
#: The arm is at a stop when no joint is farther off [rad].
_ARRIVED_RAD = 0.02
#: In contact it may never get there; being slow nearby for so many steps counts as well.
_NEARBY_RAD, _SLOW_RAD, _SLOW_STEPS = 0.05, 0.002, 6
#: How many steps of the demonstration may be gone through in one step of the arm.
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
        self._stops = _stops(self._q, self._open)
        self._index = 0
        self._slow_steps = 0
        self._q_now = self._q[0]
        self._gripper_now = bool(self._open[0])

    def update(self, q: Float[Array, "7"], gripper_open: bool) -> None:
        """Take note of the state after one control step; call it once for each.

        Args:
            q: Measured joint positions [rad].
            gripper_open: What the gripper was told.
        """
        moved = float(np.abs(q - self._q_now).max())
        self._slow_steps = self._slow_steps + 1 if moved < _SLOW_RAD else 0
        self._q_now, self._gripper_now = np.array(q, float), gripper_open
        for _ in range(_MOST_PROGRESS):
            if not self._may_go_on():
                break
            self._index += 1
            self._slow_steps = 0

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

    def _may_go_on(self) -> bool:
        following = self._index + 1
        if following >= len(self._q) - 1:
            return False
        if self._open[following] != self._open[self._index]:
            # It takes part in the next step that the gripper has been told.
            return self._gripper_now == bool(self._open[following])
        gap = self._gap(following)
        if self._slow_steps >= _SLOW_STEPS and gap < _NEARBY_RAD:
            return True
        if following in self._stops:
            return gap < _ARRIVED_RAD
        return gap <= self._gap(self._index)

    def _gap(self, index: int) -> float:
        return float(np.abs(self._q[index] - self._q_now).max())


def _stops(q: Float[Array, "n 7"], gripper_open: Bool[Array, "n"]) -> Float[Array, "s"]:
    """Steps at which the arm stands or the gripper has moved; the last one among them."""
    n = len(q)
    moves = np.abs(np.diff(q, axis=0)).max(axis=1) >= _STANDS_RAD  # from step t to t + 1
    stops = {n - 1}
    for t in range(1, n - 1):
        comes_to_rest = moves[t - 1] and not moves[t]
        turns = moves[t - 1] and moves[t] and (q[t] - q[t - 1]) @ (q[t + 1] - q[t]) < 0.0
        if comes_to_rest or turns or gripper_open[t] != gripper_open[t - 1]:
            stops.add(t)
    return np.array(sorted(stops))
