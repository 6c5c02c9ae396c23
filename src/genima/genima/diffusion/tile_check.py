# SPDX-License-Identifier: Apache-2.0
"""Whether a drawn tile can be meant: a learned model also draws when it knows nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.decode import DecodedTarget, TargetDecoder
from genima.limits import JointLimits


@dataclass(frozen=True)
class CheckSettings:
    """What is let pass.

    Attributes:
        max_residual_px: Largest median distance of the drawn outlines and stripes from those of
            the configuration that explains them best [px].
        jump_margin_rad: How much further than the arm can move a target may lie, from the arm and
            from the target before it [rad]. From the arm it may lie no further, with the same
            margin, than targets did in the training.
    """

    max_residual_px: float = 4.0
    jump_margin_rad: float = 0.35


@dataclass(frozen=True, eq=False)
class CheckedTile:
    """What a tile shows, and why it must not be followed.

    Attributes:
        decoded: What it shows.
        fault: In a sentence; empty if it may be followed.
    """

    decoded: DecodedTarget
    fault: str


@dataclass(frozen=True, eq=False)
class _Last:
    q: Float[Array, "7"]
    instruction: str
    stamp_s: float


class TileCheck:
    """Decodes each tile, and compares it with the arm and with the last good one.

    The last good one is left behind at the arm's own speed: a target that stays where it jumped to
    is believed as soon as the arm could have gone there.

    Args:
        decoder: Reads tiles.
        limits: How fast the arm is.
        horizon_s: How far ahead targets lie [s].
        settings: What is let pass.
        farthest_rad: How far from the arm targets were in the training [rad]; empty if unknown.
    """

    def __init__(
        self,
        decoder: TargetDecoder,
        limits: JointLimits,
        horizon_s: float,
        settings: CheckSettings,
        farthest_rad: Sequence[float] = (),
    ) -> None:
        self._decoder = decoder
        self._dq_max = limits.dq_max
        self._settings = settings
        reach = limits.dq_max * horizon_s
        self._reach = np.minimum(reach, farthest_rad) if len(farthest_rad) else reach
        self._last: _Last | None = None

    def __call__(
        self,
        tile: UInt8[Array, "t t 3"],
        q_now: Float[Array, "7"],
        instruction: str,
        stamp_s: float,
    ) -> CheckedTile:
        """Check one tile.

        Args:
            tile: As drawn.
            q_now: Joint positions when its images were taken [rad].
            instruction: What it was drawn for.
            stamp_s: When its images were taken [s].
        """
        decoded = self._decoder.decode(tile, q_now)
        if not decoded.usable or decoded.q is None:
            return CheckedTile(decoded, f"the drawing cannot be followed: {decoded.verdict.value}")
        last = self._last
        if last and (last.instruction != instruction or stamp_s < last.stamp_s):
            last = None  # another goal, or another world
        fault = self._unsharp(decoded) or self._far(decoded.q, q_now, self._reach, "the arm")
        if not fault and last:
            reach = self._dq_max * (stamp_s - last.stamp_s)
            fault = self._far(decoded.q, last.q, reach, "the last drawn target")
        if not fault:
            self._last = _Last(decoded.q, instruction, stamp_s)
        return CheckedTile(decoded, fault)

    def _unsharp(self, decoded: DecodedTarget) -> str:
        largest_px = self._settings.max_residual_px
        if decoded.residual_px <= largest_px:
            return ""
        return (
            f"the drawing is {decoded.residual_px:.1f} px off the arm that explains it best; "
            f"{largest_px:.1f} px are allowed (max_residual_px)"
        )

    def _far(
        self,
        q: Float[Array, "7"],
        q_from: Float[Array, "7"],
        reach: Float[Array, "7"],
        whence: str,
    ) -> str:
        allowed = reach + self._settings.jump_margin_rad
        excess = np.abs(q - q_from) - allowed
        joint = int(np.argmax(excess))
        if excess[joint] <= 0:
            return ""
        apart_deg = np.rad2deg(abs(q[joint] - q_from[joint]))
        return (
            f"the drawn target is {apart_deg:.0f} deg from {whence} at joint {joint + 1}; "
            f"{np.rad2deg(allowed[joint]):.0f} deg can be meant"
        )
