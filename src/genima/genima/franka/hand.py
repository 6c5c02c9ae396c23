# SPDX-License-Identifier: Apache-2.0
"""What is asked of a gripper on an arm; `FrankaGripper` is one."""

from typing import Protocol


class Hand(Protocol):
    """Opened and closed without waiting; its opening is known all the time."""

    @property
    def fault(self) -> str:
        """Why it cannot be used, in a sentence; empty if it can."""
        ...

    @property
    def opening(self) -> float:
        """How far it is open, 0 to 1; NaN if it does not know."""
        ...

    def connect(self) -> None:
        """Connect, also anew, and read the first opening; the fingers do not move.

        Raises:
            ArmError: It cannot be used; the sentence says why.
            MissingDependency: The package that speaks to it is not installed.
        """
        ...

    def command(self, is_open: bool) -> None:
        """Open or close; the newest command counts."""
        ...

    def halt(self) -> None:
        """Stop fingers that move, and forget what they were told; what is held stays held."""
        ...

    def close(self) -> None:
        """Disconnect; the fingers stay as they are."""
        ...


class FingerStop:
    """Stops the fingers once for each halt of their arm.

    Args:
        hand: Whose; None without any, or where nothing is to be sent.
    """

    def __init__(self, hand: Hand | None) -> None:
        self._hand = hand
        self._halted = False

    def look(self, halted: bool) -> None:
        """Stop them if the arm has halted since the last look."""
        if halted and not self._halted and self._hand is not None:
            self._hand.halt()
        self._halted = halted
