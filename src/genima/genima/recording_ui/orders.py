# SPDX-License-Identifier: Apache-2.0
"""What a person can have the recorder do."""

from dataclasses import dataclass
from enum import Enum


class Command(Enum):
    """What one service of the recorder does."""

    START = "start"
    STOP = "stop"
    KEEP = "keep"
    FAIL = "fail"
    DISCARD = "discard"

    @property
    def settles_take(self) -> bool:
        """Whether no take is open once it is done."""
        return self in (Command.KEEP, Command.FAIL, Command.DISCARD)


@dataclass(frozen=True)
class Order:
    """A command to be carried out.

    Attributes:
        command: What to do.
        note: The operator's words about a take that is kept.
    """

    command: Command
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """What became of an order.

    Attributes:
        success: Whether it was done.
        message: Why not; else what the recorder says of it, maybe nothing.
    """

    success: bool
    message: str = ""
