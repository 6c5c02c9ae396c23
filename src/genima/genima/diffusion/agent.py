# SPDX-License-Identifier: Apache-2.0
"""What the diffusion node asks of whatever draws its targets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from genima.arrays import Array, Float, UInt8


@dataclass(frozen=True)
class DrawRequest:
    """What a target is drawn from.

    Attributes:
        images: One square RGB image for each camera of the policy.
        q: Joint positions when the images were taken [rad].
        gripper_open: Whether the gripper was open then.
        instruction: What the arm should do.
        seed: Seed of anything random in the drawing.
    """

    images: Mapping[str, UInt8[Array, "s s 3"]]
    q: Float[Array, "7"]
    gripper_open: bool
    instruction: str
    seed: int


@dataclass(frozen=True)
class Drawing:
    """A drawn tile.

    Attributes:
        tile: The camera images in the policy's order, with spheres.
        model: What drew it.
        remark: What a person should know about it, in a sentence; empty if nothing.
        fault: Why it must not be followed whatever it shows, in a sentence; empty if it may be.
    """

    tile: UInt8[Array, "t t 3"]
    model: str
    remark: str = ""
    fault: str = ""


class Agent(Protocol):
    """Draws where the arm should be a horizon from now. Called from one thread only."""

    def draw(self, request: DrawRequest) -> Drawing:
        """Draw one tile.

        Raises:
            DrawingError: The agent broke down; the arm should halt.
            GenimaError: The target cannot be drawn now; the message says why.
        """
        ...
