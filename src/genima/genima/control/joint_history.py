# SPDX-License-Identifier: Apache-2.0
"""Where the arm was a moment ago: a drawn tile shows the wrist camera's view of that moment."""

from collections import deque

import numpy as np

from genima.arrays import Array, Float
from genima.safety.gate_types import JointReading

#: How far back the history reaches [s]; a tile older than this is not followed anyway.
_SPAN_S = 3.0


class JointHistory:
    """Recent joint states, in the order of their stamps."""

    def __init__(self) -> None:
        self._states: deque[tuple[float, Float[Array, "7"]]] = deque()
        self._grippers: deque[tuple[float, bool]] = deque()

    def __len__(self) -> int:
        return len(self._states)

    @property
    def newest_s(self) -> float:
        """Stamp of the newest state [s]; -inf if there is none."""
        return self._states[-1][0] if self._states else -np.inf

    @property
    def newest_q(self) -> Float[Array, "7"]:
        """Joint positions of the newest state [rad]."""
        return self._states[-1][1]

    @property
    def newest(self) -> JointReading:
        """The newest state."""
        return JointReading(self.newest_q, self.newest_s)

    def add(self, q: Float[Array, "7"], stamp_s: float) -> bool:
        """Remember a state; a stamp that goes back empties the history first.

        Returns:
            Whether time went forward.
        """
        forward = stamp_s > self.newest_s
        if stamp_s < self.newest_s:
            self._states.clear()
        if stamp_s != self.newest_s:
            self._states.append((stamp_s, np.asarray(q, float)))
        while self._states[0][0] < stamp_s - _SPAN_S:
            self._states.popleft()
        return forward

    def add_gripper(self, gripper_open: bool, stamp_s: float) -> None:
        """Remember the state of the gripper, after `add` of the same stamp."""
        while self._grippers and self._grippers[-1][0] >= stamp_s:
            self._grippers.pop()  # of the same moment, or of another world
        self._grippers.append((stamp_s, gripper_open))
        while self._grippers[0][0] < stamp_s - _SPAN_S:
            self._grippers.popleft()

    def gripper_open_at(self, time_s: float) -> bool:
        """Whether the gripper was open at a time, by the state next to it; open if none came."""
        states = self._grippers or [(0.0, True)]
        return min(states, key=lambda state: abs(state[0] - time_s))[1]

    def stale(self, now_s: float, timeout_s: float) -> str:
        """Why the newest state is too old to be acted on, in a few words; empty if it is not."""
        if not self._states:
            return "no joint state has come"
        age_s = now_s - self.newest_s
        if age_s <= timeout_s:
            return ""
        return f"no joint state for {age_s:.2f} s, allowed are {timeout_s} s"

    def at(self, time_s: float) -> Float[Array, "7"] | None:
        """Joint positions at a time [rad], between the states around it; None if not covered.

        A time just behind the newest state gets the newest state: cameras and joints are not
        sampled together.
        """
        if not self._states or time_s < self._states[0][0] - 1e-6:
            return None
        later = self._states[-1]
        if time_s >= later[0]:
            return later[1]
        for earlier in reversed(self._states):
            if earlier[0] <= time_s + 1e-9:
                span_s = later[0] - earlier[0]
                share = (time_s - earlier[0]) / span_s if span_s > 0 else 0.0
                return earlier[1] + share * (later[1] - earlier[1])
            later = earlier
        return later[1]
