# SPDX-License-Identifier: Apache-2.0
"""A driver of a simulated arm, and stand-ins for robots that there are not: what tests share."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genima.driver import DriverCause, DriverParameters, DriverSession, DriverState
from genima.driver.types import Trajectory
from genima.errors import GenimaError
from genima.franka import ArmSettings, HoldingGains, RealtimeKernel
from genima.franka.arm_and_hand import ArmAndHand
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.limits import RobotModel
from genima.timing import DeadlineLoop

#: Longest wait for anything [s]; a test that needs it has failed. Machines may be busy.
PATIENCE_S = 60.0
#: A simulated arm does not wait for its torques. On a busy machine these are late: stiff joints
#: then begin to swing, and are far from their command.
SOFT = HoldingGains((200.0,) * 4 + (100.0,) * 3, (28.0,) * 4 + (20.0,) * 3)
BUSY = {
    "state_timeout_s": 1.0,
    "tracking_tolerance_rad": 1.0,
    "trajectory_timeout_s": 0.5,
    "release_after_s": 1000.0,
}
AHEAD_S = np.array([0.02, 0.1, 0.3])


class Driver:
    """A driver whose control thread runs, and a stream of trajectories that moves joint 1.

    Args:
        host: Of the arm.
        dry_run: Whether nothing is to be sent.
        has_hand: Whether its hand is used.
        realtime: Whether the kernel must be a real-time one.
        connect_timeout_s: How long to wait for a connection [s].
        changes: Of the parameters.
    """

    def __init__(
        self,
        host: str,
        dry_run: bool = False,
        has_hand: bool = False,
        realtime: RealtimeKernel = RealtimeKernel.IGNORE,
        connect_timeout_s: float = PATIENCE_S,
        **changes: float,
    ) -> None:
        settings = ArmSettings("arm", host, RobotModel.FR3, realtime, connect_timeout_s)
        self.robot = ArmAndHand(settings, has_hand)
        parameters = DriverParameters(**(BUSY | changes))
        self.defects: list[Exception] = []
        self.session = DriverSession(
            self.robot, parameters, SOFT, Q_HOME, self.defects.append, dry_run
        )
        self._ending = threading.Event()
        self._streaming = threading.Event()
        self._refusals: list[str] = []
        loop = DeadlineLoop(parameters.period_s)
        self._control = threading.Thread(
            target=lambda: loop.run(self.session.tick, self._ending.is_set), daemon=True
        )
        self._control.start()

    @property
    def state(self) -> DriverState:
        return self.session.status.state

    @property
    def cause(self) -> DriverCause:
        return self.session.status.cause

    @property
    def reason(self) -> str:
        return self.session.status.reason

    def open(self) -> None:
        self.session.open().result(PATIENCE_S)

    def until(self, condition: Callable[[], object], what: str) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            time.sleep(0.01)
            assert time.monotonic() < end_s, f"never came: {what}; {self.session.status}"

    def until_state(self, state: DriverState) -> None:
        self.until(lambda: self.state is state, state.name)

    def stream(self, speed_rad_s: float = 0.3) -> list[str]:
        """Move joint 1, until `end_stream`; returns the list that refusals go to."""
        self._refusals = []
        self._streaming.set()
        start = self.robot.arm.reading.q.copy()
        self._sender = threading.Thread(target=self._send, args=(start, speed_rad_s), daemon=True)
        self._sender.start()
        return self._refusals

    def end_stream(self) -> None:
        if self._streaming.is_set():
            self._streaming.clear()
            self._sender.join()

    def close(self) -> None:
        self.end_stream()
        hand = self.robot.hand
        if hand is not None and not hand.fault:  # a simulated one keeps a client that it stopped
            self.until(lambda: hand.fault or not hand.moving, "fingers that stand")
        self.session.halt(DriverCause.ORDERED, "the end of the test")
        self.until(lambda: self.session.at_rest, "rest")
        self._ending.set()
        self._control.join()
        self.session.close()
        assert self.defects == []

    def _send(self, start: np.ndarray, speed_rad_s: float) -> None:
        """Sines with a period of 4 s that begin at rest, once the arm is held."""
        way = 2.0 * speed_rad_s / np.pi
        began_s: list[float] = []

        def send() -> None:
            now_s = time.monotonic()
            if not began_s and self.state in (DriverState.HOLDING, DriverState.FOLLOWING):
                began_s.append(now_s)
            phase = 0.5 * np.pi * (now_s - began_s[0] + AHEAD_S) if began_s else np.zeros(3)
            q, dq = np.tile(start, (3, 1)), np.zeros((3, 7))
            q[:, 0] += way * 0.5 * (1.0 - np.cos(phase))
            dq[:, 0] = way * 0.25 * np.pi * np.sin(phase)
            try:
                self.session.follow(Trajectory(now_s, JOINT_NAMES, AHEAD_S, q, dq))
            except GenimaError as error:
                self._refusals.append(str(error))

        DeadlineLoop(0.02).run(send, lambda: not self._streaming.is_set())


class ModeOfItsOwn:
    """A simulated robot that says that its user stop is pressed, or that it is guided.

    Args:
        robot: The franky.Robot.
    """

    mode = ""

    def __init__(self, robot: Any) -> None:
        self._robot = robot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._robot, name)

    @property
    def state(self) -> Any:
        state = self._robot.state
        if not self.mode:
            return state
        named = SimpleNamespace(name=self.mode)
        return SimpleNamespace(q=state.q, dq=state.dq, time=state.time, robot_mode=named)


class OlderRobot:
    """Answers as the control box of a Panda answers a program for an FR3.

    To be used in a `with` statement; what it says is libfranka's Connect message.

    Args:
        host: Where to answer.
    """

    def __init__(self, host: str) -> None:
        self._socket = socket.create_server((host, 1337))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "OlderRobot":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                header = client.recv(12, socket.MSG_WAITALL)
                command, number, size = struct.unpack("<III", header)
                client.recv(size - 12, socket.MSG_WAITALL)
                incompatible, server_version = 1, 5
                client.sendall(struct.pack("<III", command, number, 20))
                client.sendall(struct.pack("<BH5x", incompatible, server_version))


def require_simulator() -> None:
    """Skip where there is no simulated arm."""
    pytest.importorskip("franky", reason="franky-control is not installed")
    pytest.importorskip("franky_sim", reason="franky-sim is not installed")
