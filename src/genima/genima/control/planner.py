# SPDX-License-Identifier: Apache-2.0
"""From a drawn tile to a motion: what a controller learns or computes, behind one interface."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from genima.arrays import Array, Bool, Float, UInt8
from genima.decode import DecodedTarget, TargetDecoder


@dataclass(frozen=True, eq=False)
class Seen:
    """What goes with a tile.

    Attributes:
        q: Joint positions when its images were taken [rad].
        gripper_open: Whether the gripper was open.
        instruction: What the arm is to do.
    """

    q: Float[Array, "7"]
    gripper_open: bool
    instruction: str


@dataclass(frozen=True, eq=False)
class PlannedChunk:
    """What to do in each of the next K steps.

    Attributes:
        q: Joint positions [rad].
        gripper_open: Whether the gripper is to be open.
    """

    q: Float[Array, "k 7"]
    gripper_open: Bool[Array, "k"]


@dataclass(frozen=True, eq=False)
class Plan:
    """What a drawn tile asks for.

    Attributes:
        q_target: Where the arm should be at the end of the horizon [rad]; None if the tile is not
            to be followed.
        gripper_open: Whether the gripper should be open there.
        fit: How well the target explains the drawing, 0 to 1.
        refusal: Why the tile is not to be followed, in a sentence; empty if it is.
        chunk: The way there; None for the one of least jerk.
        warning: What is odd about the plan, in a sentence; empty if nothing is.
    """

    q_target: Float[Array, "7"] | None
    gripper_open: bool
    fit: float
    refusal: str = ""
    chunk: PlannedChunk | None = None
    warning: str = ""

    @property
    def postures(self) -> Float[Array, "k 7"]:
        """Where the arm would be on the way, as far as the plan says, and at its end [rad]."""
        ends = [] if self.q_target is None else [self.q_target]
        return np.array([*([] if self.chunk is None else self.chunk.q), *ends]).reshape(-1, 7)


class Planner(Protocol):
    """Turns tiles into plans. Called from one thread only; the same input gives the same plan."""

    def plan(self, tile: UInt8[Array, "t t 3"], seen: Seen) -> Plan:
        """Read a drawn tile."""
        ...


class GeometricPlanner:
    """Reads the drawn spheres by analysis and synthesis; it needs no weights."""

    def __init__(self, decoder: TargetDecoder) -> None:
        self._decoder = decoder

    def plan(self, tile: UInt8[Array, "t t 3"], seen: Seen) -> Plan:
        """Decode the drawn configuration."""
        decoded = self._decoder.decode(tile, seen.q)
        if decoded.usable:
            return Plan(decoded.q, decoded.gripper_open, decoded.fit)
        return refused(decoded)


def refused(decoded: DecodedTarget) -> Plan:
    """The plan for a tile that nothing should follow."""
    refusal = f"the drawn target cannot be followed: {decoded.verdict.value}"
    return Plan(None, decoded.gripper_open, decoded.fit, refusal)
