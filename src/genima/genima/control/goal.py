# SPDX-License-Identifier: Apache-2.0
"""What must be so for a goal to be begun."""

from genima.errors import InvalidCommand


def require_goal(instruction: str, present: str, stale: str) -> None:
    """Refuse a goal that cannot be worked on.

    Args:
        instruction: What the arm is to do.
        present: What it does already; empty if nothing.
        stale: Why it is not known where the arm stands; empty if it is.

    Raises:
        InvalidCommand: There is a goal already, the instruction is empty, or joint states are
            missing or stale.
    """
    if present:
        raise InvalidCommand(
            f"already executing {present!r}; cancel it before giving another goal"
        )
    if not instruction.strip():
        raise InvalidCommand("the instruction is empty; say what the arm should do")
    if stale:
        raise InvalidCommand(f"cannot start: {stale}; check the driver or the simulation")
