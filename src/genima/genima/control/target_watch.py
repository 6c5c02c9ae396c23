# SPDX-License-Identifier: Apache-2.0
"""When drawn targets are wanted; notices that they fail to come, and says so in a sentence."""

import numpy as np

from genima.timing import SAME_TIME_S


class TargetWatch:
    """Watches over the targets of one goal.

    Args:
        first_timeout_s: How long a goal waits for its first usable target [s].
        timeout_s: Longest silence of the diffusion node [s].

    Attributes:
        began_s: Since when one is waited for [s]: since the goal began, or all began anew.
        due_s: From when on the next one is wanted [s].
        followed_s: Stamp of the one that is being followed [s]; -inf if there is none.
    """

    def __init__(self, first_timeout_s: float, timeout_s: float) -> None:
        self._first_timeout_s = first_timeout_s
        self._timeout_s = timeout_s
        self._heard_s = -np.inf
        self.began_s = self.due_s = self.followed_s = -np.inf

    def begin(self, now_s: float, pause_s: float = 0.0) -> None:
        """Wait for a target, after a pause [s], whatever came before."""
        self.began_s = self._heard_s = now_s
        self.due_s = now_s + pause_s

    def follow(self, stamp_s: float, due_s: float) -> None:
        """A target is being followed until the next one is due."""
        self.followed_s, self.due_s = stamp_s, due_s

    def forget(self) -> None:
        """No target is being followed any more."""
        self.followed_s = -np.inf

    def due(self, now_s: float) -> bool:
        """Whether a target is wanted."""
        return now_s >= self.due_s - SAME_TIME_S

    def age_s(self, now_s: float) -> float:
        """Age of the target that is being followed [s]; negative if there is none."""
        return now_s - self.followed_s if np.isfinite(self.followed_s) else -1.0

    def hear(self, now_s: float) -> None:
        """The diffusion node has sent a tile."""
        self._heard_s = now_s

    def first_overdue(self, now_s: float, last_refusal: str) -> str:
        """Why there is no first target though there should be one; empty while there is time."""
        if now_s - self.began_s <= self._first_timeout_s:
            return ""
        within = f"within {self._first_timeout_s} s"
        if last_refusal:
            return f"no drawn target could be followed {within}; the last one: {last_refusal}"
        return (
            f"no drawn target came {within}: is the diffusion node active, and do all four "
            "cameras send images (a simulated world does from reset_world on)?"
        )

    def silence(self, now_s: float) -> str:
        """That the diffusion node is silent; empty while it is not."""
        silence_s = now_s - self._heard_s
        if silence_s <= self._timeout_s:
            return ""
        # Whole seconds, since each new sentence is published.
        return f"no drawn target for {silence_s:.0f} s; is the diffusion node alive?"
