# SPDX-License-Identifier: Apache-2.0
"""A Robotiq 2F-140 (or 2F-85) through `pyrobotiqgripper`, imported when something connects."""

import math
from collections.abc import Callable
from typing import Any

from genima.errors import InvalidParameter, MissingDependency
from genima.franka.blocking_hand import BlockingHand

#: How often the opening is read [Hz]; one reading takes some 10 ms on a serial line.
_RATE_HZ = 10.0
#: The gripper's own numbers for speed and force, 0 to 255: half of each.
_SPEED, _FORCE = 128, 128
#: Position of closed fingers by the gripper's own count; 0 is open.
_CLOSED = 255
#: Scheme of a serial line that is reached through a network, and its usual port.
_TCP, _TCP_PORT = "tcp://", 54321


class RobotiqGripper(BlockingHand):
    """A gripper on a serial line.

    The newest command counts, also while the fingers move. The first one after power-on activates
    the gripper: its fingers move from end to end, and a halt does not cut that short.

    Args:
        port: Its serial line, such as /dev/ttyUSB0, or tcp://host:port of a converter.
        connect_timeout_s: How long to wait for a connection [s].

    Raises:
        InvalidParameter: The port is neither.
    """

    def __init__(self, port: str, connect_timeout_s: float = 10.0) -> None:
        super().__init__(f"Robotiq gripper at {port}", _RATE_HZ, connect_timeout_s)
        self._options = _options(port)
        self._opening = math.nan

    @property
    def opening(self) -> float:
        """How far it is open, 0 to 1; NaN before the first reading."""
        return self._opening

    @property
    def _too_late(self) -> str:
        patience_s = self._connect_timeout_s
        return f"{self._name}: no answer within {patience_s:g} s; check power and cable"

    def _connection(self) -> Callable[[], Any]:
        try:
            import pyrobotiqgripper
        except ImportError as error:
            raise MissingDependency(
                f"pyrobotiqgripper cannot be imported ({error}); pip install pyrobotiqgripper"
            ) from error
        return lambda: pyrobotiqgripper.RobotiqGripper(**self._options)

    def _told(self, error: Exception) -> str:
        return (
            f"{self._name}: it does not answer or has a fault; check power, cable and port, "
            f"then recover [{type(error).__name__}: {error}]"
        )

    def _read(self) -> None:
        # A fault from before the activation is cleared by it.
        self._device.readStatus(raiseOnFault=self._active)
        self._opening = 1.0 - self._device.position(refreshStatus=False) / _CLOSED

    def _send(self, is_open: bool) -> None:
        if not self._active:
            self._device.activate(start=False)
            return
        position = 0 if is_open else _CLOSED
        self._device.move(position, _SPEED, _FORCE, wait=False, start=True)
        self._sent = is_open

    def _stop(self) -> None:
        """Keep the fingers where they are; ones that never moved are left alone."""
        if self._sent is not None and self._active:
            self._device.stop(refreshStatus=False)
        self._sent = None

    def _disconnect(self) -> None:
        """The fingers go on to where they were sent."""
        self._device.disconnect()

    @property
    def _active(self) -> bool:
        return bool(self._device.isActivated(refreshStatus=False))


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
