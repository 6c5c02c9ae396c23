# SPDX-License-Identifier: Apache-2.0
"""An arm, its gripper and what they are told, for a thread that ticks and one that hears."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from genima.arrays import Array, Float
from genima.driver.control import ArmControl
from genima.driver.equipment import Equipment
from genima.driver.halts import Halts
from genima.driver.motion import ArmMotion
from genima.driver.orders import OrderQueue
from genima.driver.troubles import with_trouble
from genima.driver.types import (
    DriverCause,
    DriverParameters,
    DriverState,
    DriverStatus,
    DriverTick,
    Trajectory,
)
from genima.errors import GenimaError, NotReady
from genima.franka.arm_and_hand import ArmAndHand
from genima.franka.types import ArmReading, HoldingGains
from genima.limits import limits_of
from genima.safety import JointReading

#: How long to wait for an order under way at the end [s].
_LAST_ORDER_S = 3.0


class DriverSession:
    """One arm from connection to disconnection.

    `tick` is called each period by one thread; it never waits for the arm. `open`, `recover` and
    `home` are carried out in a thread of their own, one after the other. Only `release`,
    `abandon` and `close` wait.

    Args:
        robot: Arm and gripper.
        parameters: How they are driven.
        gains: How the arm is held.
        q_home: Where `home` goes [rad].
        on_defect: Told of an exception that should not have happened, in a thread of its own.
        dry_run: Send nothing to arm and gripper.
        clock_s: The clock that the arm's readings are stamped by [s].
    """

    def __init__(
        self,
        robot: ArmAndHand,
        parameters: DriverParameters,
        gains: HoldingGains,
        q_home: Float[Array, "7"],
        on_defect: Callable[[Exception], None],
        dry_run: bool = False,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._robot = robot
        self._arm = robot.arm
        self._equipment = Equipment(robot)
        self._parameters = parameters
        self._gains = gains
        self._q_home = np.array(q_home, float)
        self._dry_run = dry_run
        self._clock_s = clock_s
        self._lock = threading.RLock()
        self._motion = ArmMotion(limits_of(robot.arm.settings.robot), parameters)
        # After both times a look at the arm and at what commands it has failed to come.
        longest_s = max(parameters.trajectory_timeout_s, parameters.state_timeout_s)
        hand = None if dry_run else robot.hand
        self._halts = Halts(self._motion, self._equipment, hand, longest_s)
        self._control = ArmControl(
            self._arm,
            self._equipment,
            self._motion,
            self._halts,
            self._lock,
            self._engage,
            clock_s,
        )
        self._orders = OrderQueue("arm orders", on_defect)
        self._settling = False
        self._begun_s = clock_s()
        self._pending: Trajectory | None = None

    @property
    def status(self) -> DriverStatus:
        """What it does and why."""
        with self._lock:
            status = self._motion.status
        cause, reason = self._equipment.trouble()
        if not self._equipment.connected:
            return replace(status, state=DriverState.DISCONNECTED, cause=cause, reason=reason)
        return with_trouble(status, cause, reason)

    @property
    def at_rest(self) -> bool:
        """Whether the arm is not being moved; where ticks come late, as of the newest one."""
        with self._lock:
            standing_s = self._motion.standing_s(self._halts.looked_s)
        return standing_s > 2.5 * self._parameters.period_s

    def open(self) -> "Future[str]":
        """Connect to arm and gripper, or go on after `release`; nothing moves."""
        self._control.paused = False
        return self._orders.put(self._equipment.open)

    def recover(self) -> "Future[str]":
        """Clear reflexes and halts, connect anew what was lost; nothing moves."""
        return self._orders.put(self._recover)

    def home(self) -> "Future[str]":
        """Begin to move the standing arm to its home position."""
        return self._orders.put(self._go_home)

    def halt(self, cause: DriverCause, reason: str) -> None:
        """Brake and stand until `recover`, also if one is under way; an earlier cause stays."""
        with self._lock:
            self._halts.halt(cause, reason)

    def hold(self) -> str:
        """Halt because somebody asked for it; returns what comes of it.

        Raises:
            NotReady: Nothing can be done to the arm.
        """
        self.halt(DriverCause.ORDERED, "hold was called")
        self._control.require_alive()
        if not self._equipment.connected:
            raise NotReady(f"the arm cannot be braked: {self._equipment.trouble()[1]}")
        if not self._motion.held:
            return "the arm is not held by the driver, and will not be until recover is called"
        return "the arm comes to rest and stands"

    def hear_emergency_stop(self, pressed: bool, source: str) -> None:
        """Take in the state of an emergency stop; a press halts, however short it is."""
        with self._lock:
            self._halts.hear_emergency_stop(pressed, source, self._clock_s())

    def follow(self, trajectory: Trajectory) -> None:
        """Follow a trajectory; the arm is held from the first one on.

        Raises:
            NotReady: The arm cannot move, or does something else.
            InvalidCommand: It cannot be followed; what was followed goes on.
        """
        with self._lock:
            now_s = self._clock_s()
            if self._motion.held:
                self._motion.accept(trajectory, now_s)
                return
            self._require_start(trajectory, now_s)
            if self._pending is None:
                self._orders.put(self._begin_to_follow)
            self._pending = trajectory

    def refuse(self, reason: str) -> None:
        """A trajectory is not followed for a cause outside.

        Raises:
            NotReady: Always, with the reason.
        """
        with self._lock:
            self._motion.count_refusal()
        raise NotReady(reason)

    def command_gripper(self, is_open: bool, stamp_s: float) -> None:
        """Open or close the gripper.

        Args:
            is_open: What is wanted.
            stamp_s: When, on the driver's clock [s]. What was wanted before the driver began is
                not done: the gripper may hold something else by now.

        Raises:
            NotReady: The arm has halted, or is not connected.
        """
        if self._robot.hand is None or stamp_s < self._begun_s:
            return
        with self._lock:
            self._control.require_able()
            if not self._dry_run:
                self._robot.hand.command(is_open)

    def tick(self) -> DriverTick:
        """Look at everything, and send the arm on by one period."""
        with self._lock:
            now_s = self._clock_s()
            reading = self._arm.reading
            self._halts.look(self._arm.engaged or self._dry_run, now_s)
            q = self._motion.step(self._gate_reading(reading, now_s), now_s)
            self._halts.stop_fingers()
        if q is not None and not self._dry_run:
            sent = self._arm.command(q)
            q = None if sent is None else sent.q
        if not self._settling and self._control.unused(self._parameters.release_after_s):
            self._settling = True
            self._orders.put(self._leave_unused)
        # Until all is connected nobody is to take the arm for one without a gripper.
        known = reading if self._equipment.opened else None
        return DriverTick(now_s, known, self._robot.opening, q)

    def abandon(self, defect: str) -> None:
        """No tick comes any more: leave the arm alone, for good."""
        with self._lock:
            self._control.ended = True
            self.halt(DriverCause.DEFECT, defect)
        self.release()

    def release(self) -> None:
        """Leave the arm alone, also one that is just being taken; no tick comes until `open`."""
        with self._lock:
            self._control.paused = True
        self._control.leave()

    def close(self) -> None:
        """Bring the arm to rest and disconnect; ticks are over."""
        self._control.ended = True
        self._orders.close(_LAST_ORDER_S)
        self.release()
        self._robot.close()

    def _recover(self) -> str:
        self._control.require_alive()
        if not self.at_rest:
            raise NotReady("the arm is in motion; call hold and wait until it stands")
        with self._lock:
            self._halts.begin_recovery(self._clock_s())
            refused = self._motion.status.trajectories_refused
        self._control.leave()
        self._equipment.recover()
        with self._lock:
            if self._motion.status.trajectories_refused > refused:
                raise NotReady(
                    "joint_trajectory went on during the recovery, and the arm would move with it "
                    "at once; stop what sends it, then call recover"
                )
            self._halts.end_recovery()
        return "the arm is ready; it moves with the next trajectory, or by home"

    def _go_home(self) -> str:
        self._control.require_free()
        if not self._motion.held:
            self._control.take()
        with self._lock:
            duration_s = self._motion.go_home(self._q_home, self._clock_s())
        return f"the arm moves home; it takes {duration_s:.1f} s"

    def _begin_to_follow(self) -> str:
        try:
            if not self._motion.held:
                self._control.take()
            with self._lock:
                if self._pending is not None:
                    now_s = self._clock_s()
                    self._motion.accept(self._pending.since(now_s), now_s)
        finally:
            self._pending = None
        return "follows"

    def _engage(self, reading: ArmReading) -> Float[Array, "7"]:
        if self._dry_run:
            return reading.q
        return self._arm.engage(self._gains, self._parameters.period_s)

    def _leave_unused(self) -> str:
        try:
            return self._control.leave_unused(self._parameters.release_after_s)
        finally:
            self._settling = False

    def _gate_reading(self, reading: ArmReading | None, now_s: float) -> JointReading | None:
        if self._dry_run and self._motion.q is not None:
            return JointReading(self._motion.q, now_s)  # as if the arm did what it is not sent
        return None if reading is None else JointReading(reading.q, reading.stamp_s)

    def _require_start(self, trajectory: Trajectory, now_s: float) -> None:
        try:
            if self._pending is not None:  # of the same stream, which the arm does not follow yet
                self._control.require_able()
                return
            reading = self._control.require_free()
            self._motion.require_start(trajectory, reading.q, now_s)
        except GenimaError:
            self._motion.count_refusal()
            raise
