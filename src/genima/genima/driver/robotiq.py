# SPDX-License-Identifier: Apache-2.0
"""A Robotiq 2F-140 (or 2F-85) through `pyrobotiqgripper`, imported when something connects."""

import math
import threading
from typing import Any

from genima.errors import ArmError, InvalidParameter, MissingDependency
from genima.franka.patience import within
from genima.timing import DeadlineLoop

#: How often the opening is read [Hz]; one reading takes some 10 ms on a serial line.
_RATE_HZ = 10.0
#: The gripper's own numbers for speed and force, 0 to 255: half of each.
_SPEED, _FORCE = 128, 128
#: Position of closed fingers by the gripper's own count; 0 is open.
_CLOSED = 255
#: Scheme of a serial line that is reached through a network, and its usual port.
_TCP, _TCP_PORT = "tcp://", 54321


class RobotiqGripper:
    """A gripper on a serial line. All talking to it is done in a thread of its own: it blocks.

    Args:
        port: Its serial line, such as /dev/ttyUSB0, or tcp://host:port of a converter.
        connect_timeout_s: How long to wait for a connection [s].

    Raises:
        InvalidParameter: The port is neither.
    """

    def __init__(self, port: str, connect_timeout_s: float = 10.0) -> None:
        self._name = f"Robotiq gripper at {port}"
        self._options = _options(port)
        self._connect_timeout_s = connect_timeout_s
        self._gripper: Any = None
        self._wanted: bool | None = None
        self._sent: bool | None = None
        self._halting = False
        self._opening = math.nan
        self._failure = ""
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    @property
    def fault(self) -> str:
        """Why it cannot be used, in a sentence; empty if it can."""
        return self._failure

    @property
    def opening(self) -> float:
        """How far it is open, 0 to 1; NaN before the first reading."""
        return self._opening

    def connect(self) -> None:
        """Connect and read the first opening; the fingers do not move.

        Raises:
            ArmError: The gripper cannot be used; the sentence says why.
            MissingDependency: pyrobotiqgripper is not installed.
        """
        try:
            import pyrobotiqgripper
        except ImportError as error:
            raise MissingDependency(
                f"pyrobotiqgripper cannot be imported ({error}); pip install pyrobotiqgripper"
            ) from error
        patience_s = self._connect_timeout_s
        too_late = f"{self._name}: no answer within {patience_s:g} s; check power and cable"
        try:
            self._gripper = within(
                patience_s, lambda: pyrobotiqgripper.RobotiqGripper(**self._options), too_late
            )
            self._read()
        except Exception as error:
            self._fail(error)
            raise ArmError(self._failure) from error
        self._failure, self._wanted, self._sent, self._halting = "", None, None, False
        self._closing.clear()
        loop = DeadlineLoop(1.0 / _RATE_HZ)
        self._thread = threading.Thread(
            target=lambda: loop.run(self._turn, self._is_over), name=self._name, daemon=True
        )
        self._thread.start()

    def command(self, is_open: bool) -> None:
        """Open or close; the newest command counts, also while the fingers move.

        The first one after power-on activates the gripper: its fingers move from end to end.
        """
        self._wanted = is_open

    def halt(self) -> None:
        """Stop fingers that move, and forget what they were told; what is held stays held.

        Fingers that are being activated go on to the end of that.
        """
        self._wanted, self._halting = None, True

    def close(self) -> None:
        """Disconnect; the fingers go on to where they were sent."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._gripper is not None:
            self._gripper.disconnect()
            self._gripper = None

    def _is_over(self) -> bool:
        return self._closing.is_set() or bool(self._failure)

    def _turn(self) -> None:
        try:
            wanted = self._wanted
            if self._halting:
                self._stop()
            elif wanted is not None and not self._active:
                self._gripper.activate(start=False)
            elif wanted is not None and wanted != self._sent:
                position = 0 if wanted else _CLOSED
                self._gripper.move(position, _SPEED, _FORCE, wait=False, start=True)
                self._sent = wanted
            self._read()
        except Exception as error:
            self._fail(error)

    @property
    def _active(self) -> bool:
        return bool(self._gripper.isActivated(refreshStatus=False))

    def _stop(self) -> None:
        """Keep the fingers where they are; ones that never moved are left alone."""
        self._halting = False
        if self._sent is not None and self._active:
            self._gripper.stop(refreshStatus=False)
        self._sent = None

    def _read(self) -> None:
        # A fault from before the activation is cleared by it.
        self._gripper.readStatus(raiseOnFault=self._active)
        self._opening = 1.0 - self._gripper.position(refreshStatus=False) / _CLOSED

    def _fail(self, error: Exception) -> None:
        """Keep what is wrong as the fault, until it is connected anew."""
        text = str(error)
        if not isinstance(error, ArmError):
            text = (
                f"{self._name}: it does not answer or has a fault; check power, cable and port, "
                f"then recover [{type(error).__name__}: {error}]"
            )
        self._failure = text


def _options(port: str) -> dict[str, Any]:
    """What pyrobotiqgripper is to be called with."""
    if not port.startswith(_TCP):
        if not port.startswith("/"):
            raise InvalidParameter(
                f"port of the Robotiq gripper is {port!r}; give /dev/ttyUSB0 or the like, or "
                f"{_TCP}host:port"
            )
        return {"com_port": port}
    host, _, number = port.removeprefix(_TCP).partition(":")
    if not host or not (number or str(_TCP_PORT)).isdigit():
        raise InvalidParameter(f"port of the Robotiq gripper is {port!r}; give {_TCP}host:port")
    tcp_port = int(number or _TCP_PORT)
    return {"connection_type": "RTU_VIA_TCP", "tcp_host": host, "tcp_port": tcp_port}
