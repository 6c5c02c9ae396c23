# SPDX-License-Identifier: Apache-2.0
"""What all grippers have in common whose calls block: a thread of its own talks to one."""

import threading
from abc import ABC, abstractmethod
from typing import Any

from genima.errors import ArmError
from genima.franka.patience import within
from genima.timing import DeadlineLoop

#: How long a call under way may take when the gripper is left [s]; one to a hand that is gone
#: gives up after a second.
_PATIENCE_S = 5.0


class BlockingHand(ABC):
    """A gripper that is told what to do without waiting; what it does is done in its thread.

    Args:
        name: What people call it; sentences begin with it.
        rate_hz: How often it is read [Hz].
        connect_timeout_s: How long to wait for a connection [s].
    """

    def __init__(self, name: str, rate_hz: float, connect_timeout_s: float) -> None:
        self._name = name
        self._rate_hz = rate_hz
        self._connect_timeout_s = connect_timeout_s
        self._device: Any = None
        self._wanted: bool | None = None
        self._sent: bool | None = None
        self._halting = False
        self._failure = ""
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    @property
    def fault(self) -> str:
        """Why it cannot be used, in a sentence; empty if it can."""
        return self._failure

    def connect(self) -> None:
        """Connect, also anew, and read the first opening; the fingers do not move.

        Raises:
            ArmError: It cannot be used; the sentence says why.
            MissingDependency: What speaks to it is not installed.
        """
        self.close()
        if self._thread is not None:
            raise ArmError(self._failure)
        connection, too_late = self._connection(), self._too_late
        try:
            self._device = within(self._connect_timeout_s, connection, too_late)
            self._read()
        except Exception as error:
            self._fail(error)
            raise ArmError(self._failure) from error
        self._failure, self._wanted, self._sent, self._halting = "", None, None, False
        self._closing.clear()
        loop = DeadlineLoop(1.0 / self._rate_hz)
        self._thread = threading.Thread(
            target=lambda: loop.run(self._turn, self._is_over), name=self._name, daemon=True
        )
        self._thread.start()

    def command(self, is_open: bool) -> None:
        """Open or close; the newest command counts."""
        self._wanted = is_open

    def halt(self) -> None:
        """Stop fingers that move, and forget what they were told; what is held stays held."""
        self._wanted, self._halting = None, True

    def close(self) -> None:
        """Disconnect; a call that does not come back is left behind in its thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
            if self._thread.is_alive():
                self._failure = (
                    f"{self._name}: a call to it does not come back; restart the driver"
                )
                return
            self._thread = None
        if self._device is not None:
            self._disconnect()
            self._device = None

    def _is_over(self) -> bool:
        return self._closing.is_set() or bool(self._failure)

    def _turn(self) -> None:
        wanted = self._wanted
        try:
            if self._halting:
                self._halting = False
                self._stop()
            elif wanted is not None and wanted != self._sent:
                self._send(wanted)
            self._read()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Keep what is wrong as the fault, until it is connected anew."""
        self._failure = str(error) if isinstance(error, ArmError) else self._told(error)

    @property
    @abstractmethod
    def _too_late(self) -> str:
        """What to say when the connection takes too long."""

    @abstractmethod
    def _connection(self) -> Any:
        """What makes the connection when it is called.

        Raises:
            MissingDependency: What speaks to the gripper is not installed.
        """

    @abstractmethod
    def _read(self) -> None:
        """Read how far it is open, and what else there is to know."""

    @abstractmethod
    def _send(self, is_open: bool) -> None:
        """Have the fingers begin to move, if they can now; note it as sent then."""

    @abstractmethod
    def _stop(self) -> None:
        """Keep the fingers where they are; what is to be sent again is no longer sent."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Give the connection back."""

    @abstractmethod
    def _told(self, error: Exception) -> str:
        """An exception of what speaks to it, as a sentence."""
