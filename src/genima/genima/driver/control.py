# SPDX-License-Identifier: Apache-2.0
"""Takes control of an arm that stands, and gives it up again."""

from collections.abc import Callable
from threading import RLock

import numpy as np

from genima.arrays import Array, Float
from genima.driver.equipment import Equipment
from genima.driver.halts import PASSING, Halts
from genima.driver.motion import ArmMotion
from genima.driver.troubles import cause_of
from genima.errors import GenimaError, NotReady
from genima.franka.arm import FrankaArm
from genima.franka.types import ArmReading


class ArmControl:
    """Whether the arm may be held, and is.

    `take`, `leave` and `leave_unused` wait for the arm; nothing else does.

    Args:
        arm: The arm.
        equipment: It and its gripper.
        motion: Whose commands it is given.
        halts: What halts it.
        lock: Of motion and halts; nobody waits for the arm with it.
        engage: Holds the arm where it is; returns where that is [rad].
        clock_s: A clock that does not go back [s].
    """

    def __init__(
        self,
        arm: FrankaArm,
        equipment: Equipment,
        motion: ArmMotion,
        halts: Halts,
        lock: RLock,
        engage: Callable[[ArmReading], Float[Array, "7"]],
        clock_s: Callable[[], float],
    ) -> None:
        self._arm = arm
        self._equipment = equipment
        self._motion = motion
        self._halts = halts
        self._lock = lock
        self._engage = engage
        self._clock_s = clock_s
        self.paused = self.ended = False

    def require_alive(self) -> None:
        """Refuse while no tick comes.

        Raises:
            NotReady: With what to do.
        """
        if self.ended:
            raise NotReady("the driver has ended; start it again")
        if self.paused:
            raise NotReady("the driver is not active; activate it first")

    def require_able(self) -> ArmReading:
        """The arm's state, if it may be moved.

        Raises:
            NotReady: It may not.
        """
        self.require_alive()
        if self._motion.halted:
            raise NotReady(f"the arm has halted: {self._motion.status.reason}")
        return self._equipment.require_able()

    def require_free(self) -> ArmReading:
        """The same; an arm in somebody's hands is not to move by itself once it is let go.

        Raises:
            NotReady: It may not be moved.
        """
        cause, reason = self._equipment.trouble()
        if cause in PASSING:
            with self._lock:
                self._halts.halt(cause, reason)
        return self.require_able()

    def take(self) -> None:
        """Hold the arm, which stands.

        Raises:
            GenimaError: It cannot be held; it has halted.
        """
        reading = self.require_free()
        try:
            q = self._engage(reading)
            with self._lock:
                self.require_able()  # also what halted it while it was taken
                self._motion.begin(q, self._clock_s())
        except GenimaError as error:
            self._arm.release()
            with self._lock:
                self._halts.halt(cause_of(error), str(error))
            raise

    def leave(self) -> None:
        """Leave the arm alone."""
        with self._lock:
            self._motion.leave()
        self._arm.release()

    def leave_unused(self, after_s: float) -> str:
        """Leave it alone, unless it was moved again meanwhile; returns what was done."""
        with self._lock:
            if not self.unused(after_s):
                return "it moves again"
            self._motion.leave()
        self._arm.release()
        return "left alone"

    def unused(self, after_s: float) -> bool:
        """Whether the arm is held and was neither moved nor told to for so long [s]."""
        return np.inf > self._motion.unused_s(self._clock_s()) > after_s
