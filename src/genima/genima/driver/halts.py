# SPDX-License-Identifier: Apache-2.0
"""What halts an arm and its fingers: orders, emergency stops, troubles of the equipment."""

import numpy as np

from genima.driver.equipment import Equipment
from genima.driver.motion import ArmMotion
from genima.driver.types import DriverCause
from genima.errors import NotReady
from genima.franka.hand import FingerStop, Hand
from genima.safety.emergency_stop import EmergencyStop

#: These end by themselves while nobody holds the arm: a person moves it, or it gets ready.
PASSING = (DriverCause.GUIDED, DriverCause.NOT_READY)


class Halts:
    """Halts, each until a recovery that began after it.

    Not for several threads at once. Times are of a clock that does not go back [s].

    Args:
        motion: What is halted.
        equipment: Arm and gripper, whose troubles halt.
        hand: Whose fingers stop as well; None without any, or where nothing is to be sent.
        longest_s: Longest time without a look while the arm moves [s].

    Attributes:
        looked_s: When it has looked for the last time [s].
    """

    def __init__(
        self, motion: ArmMotion, equipment: Equipment, hand: Hand | None, longest_s: float
    ) -> None:
        self._motion = motion
        self._equipment = equipment
        self._fingers = FingerStop(hand)
        self._emergency_stop = EmergencyStop()
        self._halted_anew: tuple[DriverCause, str] | None = None
        self._longest_s = longest_s
        self.looked_s = -np.inf

    def halt(self, cause: DriverCause, reason: str) -> None:
        """Brake and stand until a recovery, also if one is under way; an earlier cause stays."""
        self._halted_anew = (cause, reason)
        self._motion.halt(cause, reason)
        self.stop_fingers()

    def hear_emergency_stop(self, pressed: bool, source: str, now_s: float) -> None:
        """Take in the state of an emergency stop; a press halts, however short it is."""
        self._emergency_stop.hear(pressed, source, now_s)
        if pressed and (reason := self._emergency_stop.reason(now_s)):
            self.halt(DriverCause.EMERGENCY_STOP, reason)

    def look(self, engaged: bool, now_s: float) -> None:
        """Halt if something is wrong.

        Args:
            engaged: Whether the arm is in our control, if it is held.
            now_s: The present time [s].
        """
        self._require_rhythm(now_s)
        if stop := self._emergency_stop.reason(now_s):
            self.halt(DriverCause.EMERGENCY_STOP, stop)
        if not self._equipment.opened:
            return
        held = self._motion.held
        cause, reason = self._equipment.trouble()
        # Not `halt`: what a recovery under way clears must not outlast it.
        if reason and (held or cause not in PASSING):
            self._motion.halt(cause, reason)
        if held and not engaged:
            self._motion.halt(DriverCause.REFUSED, "the arm is no longer held by the driver")
            self._motion.leave()

    def _require_rhythm(self, now_s: float) -> None:
        """Halt after a time in which nobody looked though the arm moved.

        It has gone on a little and stands. What seems to be wrong else is old, or a consequence.
        """
        unwatched_s, moved_s = now_s - self.looked_s, self._motion.standing_s(self.looked_s)
        self.looked_s = now_s
        if unwatched_s > self._longest_s and moved_s == 0.0:  # the newest command was a step
            self.halt(
                DriverCause.TOO_LATE,
                f"the driver was not run for {unwatched_s:.2f} s while the arm moved, at most "
                f"{self._longest_s} s is allowed; end what else keeps this computer busy",
            )

    def stop_fingers(self) -> None:
        """Stop the fingers too, once for each halt."""
        self._fingers.look(self._motion.halted)

    def begin_recovery(self, now_s: float) -> None:
        """Halts from now on outlast the recovery.

        Raises:
            NotReady: An emergency stop is pressed, or silent.
        """
        self._halted_anew = None
        if reason := self._emergency_stop.reason(now_s):
            raise NotReady(reason)

    def end_recovery(self) -> None:
        """Forget the halts from before it.

        Raises:
            NotReady: The arm was halted meanwhile.
        """
        self._motion.clear()
        self.stop_fingers()
        if self._halted_anew is not None:
            self.halt(*self._halted_anew)
            raise NotReady(f"the arm was halted meanwhile: {self._motion.status.reason}")
