# SPDX-License-Identifier: Apache-2.0
"""What can lead: a second arm that is moved by hand, or whatever sends joint states."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from genima.franka.arm_and_hand import ArmAndHand
from genima.franka.types import HAND_GUIDING
from genima.teleop.leader_joints import LeaderJoints
from genima.teleop.types import LeaderReading


class Leader(Protocol):
    """Something to follow."""

    @property
    def reading(self) -> LeaderReading | None:
        """Its newest state; None if none ever came."""

    @property
    def fault(self) -> str:
        """Why it cannot be followed, beyond its reading; empty if it can."""

    def connect(self) -> None:
        """Connect to it."""

    def engage(self) -> None:
        """Make it movable by hand."""

    def recover(self) -> None:
        """Make it usable again after a fault."""

    def release(self) -> None:
        """Leave it alone."""

    def close(self) -> None:
        """Disconnect from it."""


class ArmLeader:
    """A second arm, which holds its own weight and is moved by hand.

    Args:
        side: The arm and its hand.
        period_s: Time between two steps of teleoperation [s].
    """

    def __init__(self, side: ArmAndHand, period_s: float) -> None:
        self._side = side
        self._period_s = period_s

    @property
    def reading(self) -> LeaderReading | None:
        """Its newest state."""
        reading = self._side.arm.reading
        if reading is None:
            return None
        return LeaderReading(reading.q, reading.dq, reading.stamp_s, self._side.opening)

    @property
    def fault(self) -> str:
        """Why it cannot be moved by hand."""
        if self._side.fault or self._side.arm.engaged:
            return self._side.fault
        return "the leader is not free to be moved by hand; recover"

    def connect(self) -> None:
        """Connect to arm and hand."""
        self._side.connect()

    def engage(self) -> None:
        """Make it weightless."""
        self._side.arm.engage(HAND_GUIDING, self._period_s)

    def recover(self) -> None:
        """Clear a reflex or connect anew, then make it weightless again."""
        self._side.recover()
        self.engage()

    def release(self) -> None:
        """It stays where it is."""
        self._side.arm.release()

    def close(self) -> None:
        """Disconnect."""
        self._side.close()


class SentLeader:
    """A leader that others read and send, such as a GELLO."""

    def __init__(self) -> None:
        self._joints = LeaderJoints()
        self._reading: LeaderReading | None = None
        self.fault = ""

    @property
    def reading(self) -> LeaderReading | None:
        """Its newest state."""
        return self._reading

    def hear(self, names: Sequence[str], positions: Sequence[float], now_s: float) -> None:
        """A joint state came.

        Raises:
            InvalidCommand: It is malformed; the one before stays, and grows old.
        """
        q, opening = self._joints.positions(names, positions)
        before, dq = self._reading, np.zeros(7)
        if before is not None and now_s > before.stamp_s:
            dq = (q - before.q) / (now_s - before.stamp_s)
        self._reading = LeaderReading(q, dq, now_s, opening)

    def connect(self) -> None:
        """Nothing to connect to: it sends by itself."""

    def engage(self) -> None:
        """It is free already."""

    def recover(self) -> None:
        """It recovers by itself."""

    def release(self) -> None:
        """It is not held."""

    def close(self) -> None:
        """Nothing to disconnect from."""
