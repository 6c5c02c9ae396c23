# SPDX-License-Identifier: Apache-2.0
"""An arm and, where there is one, its hand: connected, recovered and closed together."""

from genima.franka.arm import FrankaArm
from genima.franka.gripper import FrankaGripper
from genima.franka.hand import Hand
from genima.franka.types import ArmSettings


class ArmAndHand:
    """An arm with its hand.

    Args:
        settings: Of the arm.
        has_hand: Whether a Franka Hand is on it that is to be used.
        other_hand: A gripper of another make that is.

    Attributes:
        arm: The arm.
        hand: The hand, if there is one.
    """

    def __init__(
        self, settings: ArmSettings, has_hand: bool, other_hand: Hand | None = None
    ) -> None:
        self.arm = FrankaArm(settings)
        self.hand: Hand | None = other_hand
        if has_hand:
            self.hand = FrankaGripper(
                f"gripper of the {settings.name}",
                settings.host,
                connect_timeout_s=settings.connect_timeout_s,
            )

    @property
    def fault(self) -> str:
        """Why they cannot be used, in a sentence; empty if they can."""
        return self.arm.fault or (self.hand.fault if self.hand is not None else "")

    @property
    def opening(self) -> float:
        """How far the hand is open, 0 to 1; NaN without a hand."""
        return self.hand.opening if self.hand is not None else float("nan")

    def connect(self) -> None:
        """Connect to both.

        Raises:
            ArmError: One cannot be used.
            MissingDependency: franky is not installed.
        """
        self.arm.connect()
        if self.hand is not None:
            self.hand.connect()

    def recover(self) -> None:
        """Clear a reflex, or connect anew, where something is wrong.

        Raises:
            ArmError: One still cannot be used.
        """
        if self.arm.fault:
            self.arm.recover()
        if self.hand is not None and self.hand.fault:
            self.hand.connect()

    def close(self) -> None:
        """Bring the arm to rest and disconnect from both."""
        self.arm.close()
        if self.hand is not None:
            self.hand.close()
