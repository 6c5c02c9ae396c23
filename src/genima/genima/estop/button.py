# SPDX-License-Identifier: Apache-2.0
"""A stop that begins pressed, that anything presses, and that only a deliberate key releases."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from genima.errors import InvalidParameter

#: Time between two messages while nothing changes [s]; it is silent after five of them.
HEARTBEAT_S = 0.2
#: Whoever hits the keyboard in alarm hits many keys: one that releases has to come alone [s].
CALM_S = 1.0
#: Nodes that stop an arm when they hear it; all others only look on.
MOVERS = ("controller", "panda_driver", "teleop")
#: Listeners know no longer names.
_LONGEST_NAME = 40


class Deed(Enum):
    """What a key is meant to do; all that are not listed here press."""

    PRESS = "press"
    RELEASE = "release"
    QUIT = "quit"


KEYS = {b"r": Deed.RELEASE, b"q": Deed.QUIT, b"\x03": Deed.QUIT}


@dataclass(frozen=True)
class ButtonView:
    """What is to be shown.

    Attributes:
        name: Of the stop.
        pressed: Whether it is.
        listeners: Nodes that move an arm and hear it.
        missing: Those that do not.
        calm: Whether it may be released or quit now.
    """

    name: str
    pressed: bool
    listeners: tuple[str, ...]
    missing: tuple[str, ...]
    calm: bool


class StopButton:
    """One emergency stop, which begins pressed.

    One that was pressed and died is not released by whoever starts it again.

    Args:
        name: Its name; no two stops may have the same.

    Raises:
        InvalidParameter: The name is empty, too long or not printable.
    """

    def __init__(self, name: str) -> None:
        self.name = name.strip()
        if not (0 < len(self.name) <= _LONGEST_NAME and self.name.isprintable()):
            raise InvalidParameter(
                f"the name of a stop is {name!r}; it takes 1 to {_LONGEST_NAME} printable "
                "characters, and each stop one of its own"
            )
        self.pressed = True
        self._touched_s = 0.0

    def do(self, deed: Deed, now_s: float) -> bool:
        """Do what was asked for; returns whether the program is to end.

        It ends pressed, as its silence would stop the arm anyway.
        """
        calm = self._calm(now_s)
        self._touched_s = now_s
        if deed is Deed.PRESS or not self.pressed:
            self.pressed = True
        elif deed is Deed.RELEASE and calm:
            self.pressed = False
        return deed is Deed.QUIT and calm and self.pressed

    def view(self, listeners: Sequence[str], now_s: float) -> ButtonView:
        """What is to be shown."""
        heard = tuple(name for name in MOVERS if name in listeners)
        missing = tuple(name for name in MOVERS if name not in listeners)
        return ButtonView(self.name, self.pressed, heard, missing, self._calm(now_s))

    def _calm(self, now_s: float) -> bool:
        """Whether it is pressed and nothing was touched for a while."""
        return self.pressed and now_s - self._touched_s >= CALM_S


def deed_of(data: bytes) -> Deed:
    """What keys are meant to do; several at once press."""
    return KEYS.get(data, Deed.PRESS)


def default_name(host: str, process: int) -> str:
    """A name that no other stop has."""
    return f"{host[: _LONGEST_NAME - 12]}-{process}"
