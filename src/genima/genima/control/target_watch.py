# SPDX-License-Identifier: Apache-2.0
"""Notices that drawn targets fail to come, and says so in a sentence."""

import numpy as np


class TargetWatch:
    """Watches over the targets of one goal.

    Args:
        first_timeout_s: How long a goal waits for its first usable target [s].
        timeout_s: Longest silence of the diffusion node [s].
    """

    def __init__(self, first_timeout_s: float, timeout_s: float) -> None:
        self._first_timeout_s = first_timeout_s
        self._timeout_s = timeout_s
        self._heard_s = -np.inf
        self.began_s = -np.inf

    def begin(self, now_s: float) -> None:
        """A goal begins, or time begins anew."""
        self.began_s = self._heard_s = now_s

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
            "cameras send images?"
        )

    def silence(self, now_s: float) -> str:
        """That the diffusion node is silent; empty while it is not."""
        silence_s = now_s - self._heard_s
        if silence_s <= self._timeout_s:
            return ""
        # Whole seconds, since each new sentence is published.
        return f"no drawn target for {silence_s:.0f} s; is the diffusion node alive?"
