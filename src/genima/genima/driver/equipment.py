# SPDX-License-Identifier: Apache-2.0
"""Arm and gripper as the driver sees them: whether they are there, and what is wrong with them."""

from genima.driver.troubles import cause_of, trouble_cause, with_advice
from genima.driver.types import DriverCause
from genima.errors import GenimaError, NotReady
from genima.franka.arm_and_hand import ArmAndHand
from genima.franka.types import ArmReading


class Equipment:
    """An arm with its gripper that are connected, and recovered, by order only.

    `open` and `recover` wait and are called by one thread; nothing else waits.

    Args:
        robot: Arm and gripper.
    """

    def __init__(self, robot: ArmAndHand) -> None:
        self._robot = robot
        self._opened = False
        self._unconnected = (DriverCause.NONE, f"connects to {robot.arm.settings.host}")

    @property
    def opened(self) -> bool:
        """Whether the arm was ever connected, and its gripper tried."""
        return self._opened

    @property
    def connected(self) -> bool:
        """Whether the arm is connected, as far as is known."""
        return self._opened and self._robot.arm.connected

    def trouble(self) -> tuple[DriverCause, str]:
        """What is wrong, and a sentence; an empty one if nothing is."""
        if not self._opened:
            return self._unconnected
        if fault := self._robot.arm.fault:
            return trouble_cause(self._robot.arm.trouble), fault
        if self._robot.hand is not None and (fault := self._robot.hand.fault):
            return DriverCause.GRIPPER, fault
        return DriverCause.NONE, ""

    def require_able(self) -> ArmReading:
        """The arm's newest state.

        Raises:
            NotReady: It cannot be used.
        """
        reading, (_, reason) = self._robot.arm.reading, self.trouble()
        if reason or reading is None:
            raise NotReady(f"the arm cannot be moved: {reason}")
        return reading

    def open(self) -> str:
        """Connect, also anew; nothing moves. Returns what was done.

        Raises:
            ArmError: Arm or gripper cannot be used.
            MissingDependency: What speaks to them is not installed.
        """
        if self.connected:
            return "connected"
        host = self._robot.arm.settings.host
        if self._opened:
            self._robot.recover()
            return f"connected to {host} anew"
        try:
            self._robot.arm.connect()
        except GenimaError as error:
            self._unconnected = (cause_of(error), with_advice(str(error)))
            raise
        try:
            if self._robot.hand is not None:
                self._robot.hand.connect()
        finally:
            self._opened = True  # a gripper that could not be connected is its own fault
        return f"connected to {host}"

    def recover(self) -> None:
        """Clear reflexes, connect what is not connected; nothing moves.

        Raises:
            ArmError: Arm or gripper still cannot be used.
            MissingDependency: What speaks to them is not installed.
        """
        if self._opened:
            self._robot.recover()
        else:
            self.open()
