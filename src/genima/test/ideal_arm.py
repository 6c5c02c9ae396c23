# SPDX-License-Identifier: Apache-2.0
"""An arm and a hand that do at once what they are told: what tests of sessions share."""

import time
from collections.abc import Callable
from threading import Event

import numpy as np

from genima.franka import ArmMode, ArmReading, ArmSettings, HoldingGains
from genima.franka.failures import mode_fault, mode_trouble
from genima.franka.types import ArmTrouble, SentCommand
from genima.kinematics import Q_HOME

#: Longest wait for anything [s]; a test that needs it has failed.
PATIENCE_S = 30.0


class IdealArm:
    """Does what it is told; takes control, gives it up, and recovers, when the test lets it."""

    def __init__(self) -> None:
        self.settings = ArmSettings("arm", "127.0.0.1")
        self.q = np.array(Q_HOME, float)
        self.mode = ArmMode.IDLE
        self.engaged = self.connected = False
        self.may_engage, self.may_recover, self.may_release = Event(), Event(), Event()
        for may in (self.may_engage, self.may_recover, self.may_release):
            may.set()
        self.engaging, self.recovering, self.releasing = Event(), Event(), Event()
        self.clock_s: Callable[[], float] = time.monotonic

    @property
    def reading(self) -> ArmReading:
        return ArmReading(self.q.copy(), np.zeros(7), self.clock_s(), self.mode)

    @property
    def fault(self) -> str:
        return mode_fault(self.mode, "arm")

    @property
    def trouble(self) -> ArmTrouble | None:
        return mode_trouble(self.mode)

    def connect(self) -> None:
        self.connected = True

    def engage(self, _: HoldingGains, __: float) -> np.ndarray:
        self.engaging.set()
        assert self.may_engage.wait(PATIENCE_S)
        self.engaged = True
        return self.q.copy()

    def command(self, q: np.ndarray) -> SentCommand | None:
        if not self.engaged:
            return None
        self.q = q.copy()
        return SentCommand(self.q, np.zeros(7), self.clock_s())

    def release(self) -> None:
        if self.engaged:
            self.engaged = False
            self.releasing.set()
            assert self.may_release.wait(PATIENCE_S)

    def close(self) -> None:
        self.release()


class IdealHand:
    """Keeps what it was told."""

    fault = ""
    opening = 1.0

    def __init__(self) -> None:
        self.told: list[bool | str] = []

    def connect(self) -> None:
        pass

    def command(self, is_open: bool) -> None:
        self.told.append(is_open)

    def halt(self) -> None:
        self.told.append("halt")

    def close(self) -> None:
        pass


class IdealRobot:
    def __init__(self) -> None:
        self.arm = IdealArm()
        self.hand = IdealHand()
        self.opening = 1.0

    @property
    def fault(self) -> str:
        return self.arm.fault

    def recover(self) -> None:
        self.arm.recovering.set()
        assert self.arm.may_recover.wait(PATIENCE_S)

    def close(self) -> None:
        self.arm.close()
