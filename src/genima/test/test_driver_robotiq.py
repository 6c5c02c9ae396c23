# SPDX-License-Identifier: Apache-2.0
"""A Robotiq gripper through pyrobotiqgripper: its registers are those of its manual, on Modbus."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from genima.driver.robotiq import RobotiqGripper
from genima.errors import ArmError, InvalidParameter, MissingDependency
from genima.franka.hand import Hand

pytest.importorskip("pyrobotiqgripper", reason="pyrobotiqgripper is not installed")
pytest.importorskip("pymodbus.simulator", reason="pymodbus has no simulator; 3.16 has")
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

PATIENCE_S = 30.0
#: Registers of the gripper, first of three each: what it is to do, and how it is.
ORDERS, STATUS = 1000, 2000


class Fingers:
    """A gripper on a Modbus RTU line that is reached through TCP."""

    def __init__(self) -> None:
        self.orders = [0, 0, 0]
        self.position = 100
        self.activations = 0
        self.fault = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    def close(self) -> None:
        """As a cable that is pulled."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(10.0)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()

    async def _listen(self) -> None:
        registers = [
            SimData(first, count=3, values=0, datatype=DataType.REGISTERS)
            for first in (ORDERS, STATUS)
        ]
        device = SimDevice(9, simdata=registers, action=self._on_access)
        self._server = ModbusTcpServer(device, framer=FramerType.RTU, address=("127.0.0.1", 0))
        await self._server.serve_forever(background=True)
        self.port = self._server.transport.sockets[0].getsockname()[1]

    async def _on_access(
        self,
        _: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | None,
    ) -> None:
        if values is not None:
            was_active = self.orders[0] >> 8 & 1
            self.orders[address - ORDERS : address - ORDERS + count] = values
            active = self.orders[0] >> 8 & 1
            self.activations += active and not was_active
        action = self.orders[0] >> 8
        active, going = action & 1, action >> 3 & 1
        if active and going:
            wanted = self.orders[1] & 0xFF
            self.position += max(-20, min(20, wanted - self.position))
        state = (3 if active else 0) << 4 | going << 3 | active
        words = [state << 8, self.fault << 8 | self.orders[1] & 0xFF, self.position << 8]
        registers[STATUS - start : STATUS - start + 3] = words


@pytest.fixture
def fingers() -> Iterator[Fingers]:
    fingers = Fingers()
    yield fingers
    fingers.close()


def until(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def connected(fingers: Fingers) -> RobotiqGripper:
    gripper = RobotiqGripper(f"tcp://127.0.0.1:{fingers.port}")
    gripper.connect()
    return gripper


def test_it_opens_and_closes(fingers: Fingers) -> None:
    gripper: Hand = connected(fingers)
    assert fingers.activations == 0 and gripper.fault == ""
    gripper.command(False)
    until(lambda: gripper.opening < 0.01)
    assert fingers.position == 255 and fingers.activations == 1
    gripper.command(True)
    until(lambda: gripper.opening > 0.99)
    assert fingers.position == 0
    gripper.close()


def test_one_that_is_active_does_not_let_go_when_it_is_connected(fingers: Fingers) -> None:
    gripper = connected(fingers)
    gripper.command(False)
    until(lambda: gripper.opening < 0.01)
    gripper.close()
    gripper.connect()
    assert fingers.activations == 1 and fingers.position == 255
    assert gripper.opening < 0.01
    gripper.close()


def test_nothing_moves_before_the_first_command(fingers: Fingers) -> None:
    gripper = connected(fingers)
    gripper.halt()
    until(lambda: not gripper._halting)
    gripper.close()
    gripper.connect()
    assert (fingers.activations, fingers.orders, fingers.position) == (0, [0, 0, 0], 100)
    gripper.close()


def test_a_halt_stops_the_fingers_and_what_was_to_come(fingers: Fingers) -> None:
    gripper = connected(fingers)
    gripper.command(True)
    until(lambda: gripper.opening > 0.99)
    gripper.command(False)
    until(lambda: 0.1 < gripper.opening < 0.9)
    gripper.command(True)
    gripper.halt()
    until(lambda: not gripper._halting and not fingers.orders[0] >> 11 & 1)
    stopped = fingers.position
    assert 0 < stopped < 255 and fingers.orders[0] >> 8 & 1  # still active: it holds
    until(lambda: gripper.opening == 1.0 - stopped / 255)
    gripper.command(False)
    until(lambda: gripper.opening < 0.01)
    gripper.close()


def test_a_pulled_cable_becomes_a_fault_with_a_sentence(fingers: Fingers) -> None:
    gripper = connected(fingers)
    fingers.close()
    until(lambda: gripper.fault)
    assert (
        f"Robotiq gripper at tcp://127.0.0.1:{fingers.port}: it does not answer" in gripper.fault
    )
    gripper.close()
    with pytest.raises(ArmError, match="check power, cable and port, then recover"):
        gripper.connect()
    gripper.close()


def test_a_fault_of_its_own_is_named(fingers: Fingers) -> None:
    gripper = connected(fingers)
    gripper.command(True)
    until(lambda: gripper.opening > 0.99)
    fingers.fault = 0x0A  # under minimum operating voltage
    until(lambda: gripper.fault)
    assert "GripperFaultError" in gripper.fault
    gripper.close()


@pytest.mark.parametrize("port", ["", "COM3", "tcp://", "tcp://host:none"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(InvalidParameter, match="port of the Robotiq gripper"):
        RobotiqGripper(port)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyrobotiqgripper", None)
    with pytest.raises(MissingDependency, match="pip install pyrobotiqgripper"):
        RobotiqGripper("/dev/ttyUSB0").connect()
