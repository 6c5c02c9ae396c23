# SPDX-License-Identifier: Apache-2.0
"""How far an arm is from its drawn targets when it should have reached them."""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float
from genima.kinematics import base_T_tcp

#: Digits that are kept of a mean.
_DIGITS = 4


@dataclass(frozen=True)
class DrawnError:
    """What an episode's targets amount to.

    Attributes:
        targets: Targets whose time came before the episode ended.
        joints_deg: Mean distance of a joint from them then [deg]; None without any.
        tip_mm: The same of the point between the fingertips [mm].
    """

    targets: int = 0
    joints_deg: float | None = None
    tip_mm: float | None = None


class DrawnTargets:
    """Remembers what was drawn in an episode.

    Args:
        start_s: Stamp of the first state of the episode [s].
        step_s: Length of a policy step [s].
        horizon_steps: How far ahead targets lie.
    """

    def __init__(self, start_s: float, step_s: float, horizon_steps: int) -> None:
        self._start_s = start_s
        self._step_s = step_s
        self._horizon_steps = horizon_steps
        self._targets: dict[int, Float[Array, "7"]] = {}

    def add(self, q: Float[Array, "7"], stamp_s: float) -> None:
        """Take a target [rad] that was drawn on images of `stamp_s` [s]."""
        step = round((stamp_s - self._start_s) / self._step_s)
        if step >= 0:  # else it belongs to another episode
            self._targets[step + self._horizon_steps] = np.array(q, dtype=float)

    def error(self, q: Float[Array, "n 7"]) -> DrawnError:
        """Compare with where the arm was: a row for each policy step [rad], NaN where missed."""
        due = [s for s in sorted(self._targets) if s < len(q) and np.isfinite(q[s]).all()]
        if not due:
            return DrawnError()
        drawn, reached = np.array([self._targets[s] for s in due]), q[due]
        tips_m = base_T_tcp(drawn)[:, :3, 3] - base_T_tcp(reached)[:, :3, 3]
        joints_deg = np.rad2deg(np.abs(drawn - reached)).mean()
        tip_mm = 1e3 * np.linalg.norm(tips_m, axis=1).mean()
        return DrawnError(
            len(due), round(float(joints_deg), _DIGITS), round(float(tip_mm), _DIGITS)
        )
