# SPDX-License-Identifier: Apache-2.0
"""From a drawn tile to a motion: what a controller learns or computes, behind one interface."""

from dataclasses import dataclass
from typing import Protocol

from genima.arrays import Array, Float, UInt8
from genima.decode import DecodedTarget, TargetDecoder


@dataclass(frozen=True, eq=False)
class Plan:
    """What a drawn tile asks for.

    Attributes:
        q_target: Where the arm should be at the end of the horizon [rad]; None if the tile is not
            to be followed.
        gripper_open: Whether the gripper should be open there.
        fit: How well the target explains the drawing, 0 to 1.
        refusal: Why the tile is not to be followed, in a sentence; empty if it is.
    """

    q_target: Float[Array, "7"] | None
    gripper_open: bool
    fit: float
    refusal: str = ""


class Planner(Protocol):
    """Turns tiles into plans. Called from one thread only; the same input gives the same plan."""

    def plan(self, tile: UInt8[Array, "t t 3"], q_now: Float[Array, "7"]) -> Plan:
        """Read a drawn tile.

        Args:
            tile: The drawn tile.
            q_now: Joint positions when its images were taken [rad].
        """
        ...


class GeometricPlanner:
    """Reads the drawn spheres by analysis and synthesis; it needs no weights."""

    def __init__(self, decoder: TargetDecoder) -> None:
        self._decoder = decoder

    def plan(self, tile: UInt8[Array, "t t 3"], q_now: Float[Array, "7"]) -> Plan:
        """Decode the drawn configuration."""
        decoded = self._decoder.decode(tile, q_now)
        if decoded.usable:
            return Plan(decoded.q, decoded.gripper_open, decoded.fit)
        return Plan(None, decoded.gripper_open, decoded.fit, _refusal(decoded))


def _refusal(decoded: DecodedTarget) -> str:
    return f"the drawn target cannot be followed: {decoded.verdict.value}"
