# SPDX-License-Identifier: Apache-2.0
"""A goal: what must be so for it to be begun, and what becomes of it."""

from dataclasses import replace

from genima.control.session_types import SessionState, SessionStatus
from genima.errors import InvalidCommand


class Goal:
    """What is being worked on, or was last.

    Attributes:
        status: What a person is told of it.
    """

    def __init__(self) -> None:
        self.status = SessionStatus()

    @property
    def state(self) -> SessionState:
        """What the controller does."""
        return self.status.state

    @property
    def refusal(self) -> str:
        """Why the last target was not followed, while none is; empty if there was none."""
        return self.status.reason if self.status.targets_refused else ""

    def begin(self, instruction: str, reason: str, stale: str) -> None:
        """Begin anew.

        Args:
            instruction: What the arm is to do.
            reason: What is waited for.
            stale: Why it is not known where the arm stands; empty if it is.

        Raises:
            InvalidCommand: There is a goal already, the instruction is empty, or joint states are
                missing or stale.
        """
        if self.status.active:
            raise InvalidCommand(
                f"already executing {self.status.instruction!r}; cancel it before giving another "
                "goal"
            )
        if not instruction.strip():
            raise InvalidCommand("the instruction is empty; say what the arm should do")
        if stale:
            raise InvalidCommand(
                f"cannot start: {stale}; check the driver, or begin an episode of the simulated "
                "world (reset_world)"
            )
        self.status = SessionStatus(SessionState.WAITING, reason, instruction.strip())

    def enter(self, state: SessionState, reason: str) -> None:
        """Go over to a state, for a reason."""
        self.status = replace(self.status, state=state, reason=reason)

    def ask(self, reason: str, fit: float) -> None:
        """A target of some fit is held back until the operator has answered."""
        self.enter(SessionState.AWAITING_APPROVAL, reason)
        self.status = replace(self.status, fit=fit)

    def follow(self, reason: str, fit: float) -> None:
        """One more target, of some fit, is followed."""
        self.enter(SessionState.RUNNING, reason)
        self.status = replace(self.status, fit=fit, chunks=self.status.chunks + 1)

    def refuse(self, reason: str, fit: float) -> None:
        """A target of some fit is not followed; the state stays."""
        refused = self.status.targets_refused + 1
        self.status = replace(self.status, reason=reason, fit=fit, targets_refused=refused)
