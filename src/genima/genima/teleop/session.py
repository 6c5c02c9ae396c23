# SPDX-License-Identifier: Apache-2.0
"""Leader, follower and mirror together, for one thread that ticks and one that gives orders."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from genima.errors import GenimaError, NotReady
from genima.franka.arm_and_hand import ArmAndHand
from genima.franka.hand import FingerStop
from genima.franka.types import ArmReading, HoldingGains, SentCommand
from genima.limits import limits_of
from genima.safety.emergency_stop import EmergencyStop
from genima.teleop.leaders import Leader
from genima.teleop.mirror import Mirror
from genima.teleop.types import (
    FollowerReading,
    LeaderReading,
    TeleopParameters,
    TeleopStatus,
)
from genima.worker import LatestWorker


class Tick(NamedTuple):
    """What one tick saw and did; None for what there is not.

    Attributes:
        now_s: When, by the session's clock [s].
        leader: The leader's newest state.
        follower: The follower's newest state.
        sent: What the follower was sent last.
        gripper_open: What its gripper was told.
    """

    now_s: float
    leader: LeaderReading | None
    follower: ArmReading | None
    sent: SentCommand | None
    gripper_open: bool | None


class TeleopSession:
    """Teleoperation from connection to disconnection.

    `tick` is called each period by one thread and never waits for an arm; if that thread dies it
    calls `abandon`. All other methods may wait, for half a second or until a time-out, and are
    called by another thread.

    Args:
        leader: Whom to follow.
        follower: Who follows.
        parameters: How.
        gains: How the follower is held.
        on_defect: Told of an exception that should not have happened, in a thread of its own.
        clock_s: A clock that does not go back [s].
    """

    def __init__(
        self,
        leader: Leader,
        follower: ArmAndHand,
        parameters: TeleopParameters,
        gains: HoldingGains,
        on_defect: Callable[[Exception], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leader = leader
        self._follower = follower
        self._period_s = parameters.period_s
        self._gains = gains
        self._on_defect = on_defect
        self._clock_s = clock_s
        self._mirror = Mirror(limits_of(follower.arm.settings.robot), parameters)
        self._emergency_stop = EmergencyStop()
        self._fingers = FingerStop(follower.hand)
        self._mirror_lock = threading.Lock()
        self._arms_lock = threading.Lock()
        self._worker: LatestWorker[str] | None = None
        self._settling = False
        self._opening: float | None = None
        self._defect = self._stopped_anew = ""

    @property
    def status(self) -> TeleopStatus:
        """What teleoperation did in the last tick."""
        return self._mirror.status

    @property
    def at_rest(self) -> bool:
        """Whether the follower neither follows nor brakes."""
        return self._mirror.at_rest

    @property
    def fault(self) -> str:
        """Why the arms cannot be used; empty if they can."""
        if self._defect:
            return "; ".join(filter(None, (self._defect, self._follower.fault)))
        stop = self._emergency_stop.reason(self._clock_s())
        return stop or self._leader.fault or self._follower.fault

    @property
    def gripper_opening(self) -> float:
        """How far the follower's gripper is open, 0 to 1; NaN without one."""
        return self._follower.opening

    def connect(self) -> None:
        """Connect to the arms; nothing moves.

        Raises:
            ArmError: One cannot be used.
            MissingDependency: franky is not installed.
        """
        self._follower.connect()
        self._leader.connect()

    def begin(self) -> None:
        """Make the leader movable by hand.

        Raises:
            ArmError: It cannot be.
        """
        self._defect = ""
        self._leader.engage()
        self._worker = LatestWorker("teleop arms", self._settle, self._on_defect)

    def start(self) -> None:
        """Let the follower follow; ticks do the rest.

        Raises:
            NotReady: The arms are too far apart, a state is missing or old, an arm has a fault, an
                emergency stop is pressed, or it was stopped meanwhile.
            ArmError: The follower does not take control.
        """
        with self._arms_lock:
            if self.fault:
                raise NotReady(self.fault)
            with self._mirror_lock:
                self._stopped_anew = ""
                if self._worker is None:
                    raise NotReady("teleoperation is not active; activate it first")
                follower = self._follower_reading()
                self._mirror.require_startable(self._leader_reading(), follower, self._clock_s())
            q = self._follower.arm.engage(self._gains, self._period_s)
            with self._mirror_lock:
                # What is taken and does not start, the next tick has let go again.
                if stopped := self.fault or self._stopped_anew:
                    raise NotReady(stopped)
                reading = self._follower_reading()
                if reading is not None:
                    # Commands begin where the arm is held, to the last bit.
                    reading = FollowerReading(q, reading.stamp_s, reading.gripper_opening)
                self._mirror.start(self._leader_reading(), reading, self._clock_s())
                self._fingers.look(False)

    def stop(self, reason: str) -> None:
        """Let arm and fingers come to rest, and leave them alone; a start under way is refused."""
        with self._mirror_lock:
            self._stopped_anew = reason
            self._mirror.stop(reason)
            self._fingers.look(True)

    def halt(self, reason: str) -> None:
        """Let arm and fingers come to rest until the next start, if the follower follows."""
        with self._mirror_lock:
            self._halt(reason)

    def hear_emergency_stop(self, pressed: bool, source: str) -> None:
        """Take in the state of an emergency stop; a press halts, however short it is."""
        now_s = self._clock_s()
        with self._mirror_lock:
            self._emergency_stop.hear(pressed, source, now_s)
            if pressed and (reason := self._emergency_stop.reason(now_s)):
                self._halt(reason)
                self._fingers.look(True)  # they may move though no arm is followed any more

    def abandon(self, defect: str) -> None:
        """Leave both arms alone: no tick comes any more, and none may start until `begin`.

        Called by the thread that ticked. An arm that is held would go on to its last command.

        Args:
            defect: Why, in a sentence; becomes the fault.
        """
        with self._mirror_lock:
            self._defect = defect
            self._mirror.abandon(defect)
            self._fingers.look(True)
        self.end()

    def recover(self) -> None:
        """Make arms usable again after a fault.

        Raises:
            NotReady: The follower is in motion, an emergency stop is pressed, or nobody ticks any
                more.
            ArmError: An arm still cannot be used; the other one was seen to as well.
        """
        if not self.at_rest:
            raise NotReady("the follower is in motion; stop it and wait until it stands")
        if reason := self._emergency_stop.reason(self._clock_s()):
            raise NotReady(reason)
        errors = []
        with self._arms_lock:
            if self._defect:
                raise NotReady(self._defect)
            for recover in (self._follower.recover, self._leader.recover):
                try:
                    recover()
                except GenimaError as error:
                    errors.append(error)
        if errors:
            raise errors[0]
        with self._mirror_lock:
            self._mirror.clear()

    def hear_gripper(self, opening: float) -> None:
        """Follow this instead of the leader's own gripper, 0 closed to 1 open."""
        self._opening = opening

    def tick(self) -> Tick:
        """Read both arms and send the follower on by one period."""
        arm = self._follower.arm
        with self._mirror_lock:
            leader, follower = self._leader_reading(), self._follower_reading()
            now_s = self._clock_s()  # on a busy machine much later: no state is from the future
            if self._mirror.active and (fault := self._broken()):
                self._halt(fault)
            command = self._mirror.step(leader, follower, now_s)
            self._fingers.look(self._mirror.halted)
            hand = self._follower.hand
            # With the lock: nothing is to be sent after a halt in the other thread.
            if hand is not None and command is not None and command.gripper_open is not None:
                hand.command(command.gripper_open)
        if command is not None:
            return Tick(now_s, leader, arm.reading, arm.command(command.q), command.gripper_open)
        if arm.engaged and not self._settling and self._worker is not None:
            self._settling = True
            self._worker.put("settle")
        return Tick(now_s, leader, arm.reading, None, None)

    def end(self) -> None:
        """Leave both arms alone; ticks are over and the follower stands."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        with self._arms_lock:
            self._follower.arm.release()
            self._leader.release()

    def close(self) -> None:
        """Disconnect."""
        with self._arms_lock:
            self._follower.close()
            self._leader.close()

    def _halt(self, reason: str) -> None:
        self._stopped_anew = reason
        self._mirror.halt(reason)
        self._fingers.look(self._mirror.halted)

    def _broken(self) -> str:
        if self.fault:
            return self.fault
        return "" if self._follower.arm.engaged else "the follower is no longer held; recover"

    def _leader_reading(self) -> LeaderReading | None:
        reading = self._leader.reading
        if reading is None or self._opening is None:
            return reading
        return replace(reading, gripper_opening=self._opening)

    def _follower_reading(self) -> FollowerReading | None:
        reading = self._follower.arm.reading
        if reading is None:
            return None
        return FollowerReading(reading.q, reading.stamp_s, self._follower.opening)

    def _settle(self, _: str) -> None:
        """Leave the follower alone, unless it was started again meanwhile."""
        try:
            with self._arms_lock:
                if self._mirror.at_rest:
                    self._follower.arm.release()
        finally:
            self._settling = False
