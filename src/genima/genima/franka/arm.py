# SPDX-License-Identifier: Apache-2.0
"""One Franka arm: connected, read all the time, held where it is commanded, and recovered."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from genima.arrays import Array, Float
from genima.errors import ArmError
from genima.franka.failures import ArmFailure, arm_error, connection_lost, mode_fault, mode_trouble
from genima.franka.joint_tracker import JointTracker
from genima.franka.library import franky
from genima.franka.patience import drop, within
from genima.franka.types import (
    ArmMode,
    ArmReading,
    ArmSettings,
    ArmTrouble,
    ImpedanceGains,
    RealtimeKernel,
    SentCommand,
)
from genima.limits import limits_of
from genima.timing import DeadlineLoop

Result = TypeVar("Result")

#: Patience with a call that takes half a second [s]; a dead arm is noticed after two.
_PATIENCE_S = 5.0
#: A stop gives up after two seconds by the arm's clock, which in a simulated arm goes slowly [s].
_STOP_PATIENCE_S = 15.0
#: Of an arm whose clock does not advance for so long nothing more will come [s].
_SILENCE_S = 1.0


class FrankaArm:
    """An arm on the network.

    Its state is read in a thread of its own, since reading blocks for a second when the robot is
    gone. `engage`, `release`, `recover` and `close` block too and are called by one thread;
    `command` and the properties do not, and may be called by another one.

    Args:
        settings: Which arm, and how.
        clock_s: A clock that does not go back [s]; readings are stamped by it.
    """

    def __init__(
        self, settings: ArmSettings, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock_s = clock_s
        self._robot: Any = None
        self._tracker: JointTracker | None = None
        self._reading: ArmReading | None = None
        self._failure: ArmFailure | None = None
        self._lost = True
        self._lock = threading.Lock()
        self._robot_time_s = -np.inf
        self._reader: threading.Thread | None = None
        self._closing = threading.Event()

    @property
    def settings(self) -> ArmSettings:
        """Which arm it is."""
        return self._settings

    @property
    def reading(self) -> ArmReading | None:
        """The newest state; None before the first connection."""
        return self._reading

    @property
    def fault(self) -> str:
        """Why the arm cannot be used, in a sentence; empty if it can."""
        return self._fault()[0]

    @property
    def trouble(self) -> ArmTrouble | None:
        """The cause of `fault`; None without one."""
        return self._fault()[1]

    @property
    def engaged(self) -> bool:
        """Whether the arm is held by us."""
        return self._tracker is not None

    def connect(self) -> None:
        """Connect, set the collision behaviour and read the first state.

        Raises:
            ArmError: The arm cannot be used; the sentence says why.
            MissingDependency: franky is not installed.
        """
        settings = self._settings
        library = franky()
        too_late = (
            f"{settings.name} at {settings.host}: no connection within "
            f"{settings.connect_timeout_s:g} s; see whether the address is right and whether "
            "another program is connected to this arm, which takes one at a time"
        )
        self._closing.clear()
        try:
            self._start(
                self._ask(lambda: self._open(library), settings.connect_timeout_s, too_late)
            )
        except ArmFailure as failure:
            self._failure = failure
            raise

    def engage(self, gains: ImpedanceGains, period_s: float) -> Float[Array, "7"]:
        """Hold the arm where it is, or go on doing so.

        Args:
            gains: How it is held.
            period_s: Time between two calls of `command` [s].

        Returns:
            The position that it is held at [rad].

        Raises:
            ArmError: It cannot move.
        """
        if self.fault:
            raise ArmError(self.fault)
        tracker = self._tracker
        if tracker is None:
            limits = limits_of(self._settings.robot)
            tracker = self._ask(
                lambda: JointTracker(self._robot, limits, period_s, gains, self._clock_s),
                _PATIENCE_S,
                f"{self._settings.name} does not take control; recover",
                self._stop_late,
            )
            self._tracker = tracker
        return tracker.q

    def command(self, q: Float[Array, "7"]) -> SentCommand | None:
        """Send the arm towards `q` [rad]; returns what was sent, None if it is not engaged."""
        tracker = self._tracker
        return None if tracker is None else tracker.command(q)

    def release(self) -> None:
        """Bring the arm to rest and leave it alone. What went wrong with it becomes its fault."""
        with self._lock:
            tracker, self._tracker = self._tracker, None
        if tracker is None:
            return
        try:
            too_late = f"{self._settings.name} does not come to rest; press its user stop"
            self._ask(tracker.stop, _STOP_PATIENCE_S, too_late)
        except ArmFailure as error:
            self._failure = self._failure or error

    def _stop_late(self, tracker: JointTracker) -> None:
        """End a control that nobody waited for: nobody would command it."""
        try:
            tracker.stop()
        except Exception as error:
            failure = arm_error(error, self._settings.name, self._settings.host)
            self._failure = self._failure or failure

    def recover(self) -> None:
        """Clear a reflex, or connect anew if the connection was lost.

        Raises:
            ArmError: It still cannot be used.
        """
        if self._lost or self._silent:
            self.close()
            self.connect()
            return
        self.release()
        reading = self._reading
        if reading is not None and reading.mode is ArmMode.USER_STOPPED:
            raise ArmError(mode_fault(reading.mode, self._settings.name))
        self._ask(
            self._robot.recover_from_errors,
            _PATIENCE_S,
            f"{self._settings.name}: the recovery takes too long; start it in Desk",
        )
        self._failure = None
        self._read()
        if self.fault:
            raise ArmError(self.fault)

    def close(self) -> None:
        """Bring the arm to rest and disconnect; what does not end is left behind in its thread."""
        self._closing.set()
        self.release()
        reader = self._reader
        if reader is not None:
            reader.join(_STOP_PATIENCE_S)  # it may be at bringing the arm to rest
            self._reader = reader if reader.is_alive() else None
        self._robot, self._lost = None, True

    def _fault(self) -> tuple[str, ArmTrouble | None]:
        failure, reading, name = self._failure, self._reading, self._settings.name
        if failure is not None and not self._user_stopped:
            return str(failure), failure.trouble
        if reading is None:
            return f"{name}: not connected", ArmTrouble.NETWORK
        if self._silent:
            sentence = "it has fallen silent; check cable and power, recover"
            return f"{name}: {sentence}", ArmTrouble.NETWORK
        return mode_fault(reading.mode, name), mode_trouble(reading.mode)

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return not self._lost

    @property
    def _user_stopped(self) -> bool:
        """Whether its user stop is pressed, whatever ended our control because of that."""
        reading = self._reading
        pressed = reading is not None and reading.mode is ArmMode.USER_STOPPED
        return pressed and not self._lost and not self._silent

    @property
    def _silent(self) -> bool:
        """Whether its state has not changed for long."""
        reading = self._reading
        return reading is not None and self._clock_s() - reading.stamp_s > _SILENCE_S

    def _open(self, library: Any) -> Any:
        settings = self._settings
        enforce = settings.realtime is RealtimeKernel.ENFORCE
        realtime = library.RealtimeConfig.Enforce if enforce else library.RealtimeConfig.Ignore
        robot = library.Robot(settings.host, realtime_config=realtime)
        given = settings.collision_torque_nm
        torques = list(given) if isinstance(given, tuple) else [given] * 7
        robot.set_collision_behavior(torques, [settings.collision_force_n] * 6)
        return robot

    def _start(self, robot: Any) -> None:
        if self._closing.is_set() or self._reader is not None:
            sentence = "an earlier connection does not end; restart the driver"
            raise ArmFailure(f"{self._settings.name}: {sentence}", ArmTrouble.REFUSED)
        self._robot = robot
        self._failure, self._lost, self._robot_time_s = None, False, -np.inf
        self._read()
        if self._failure is not None:
            raise self._failure
        loop = DeadlineLoop(1.0 / self._settings.read_rate_hz)
        self._reader = threading.Thread(
            target=lambda: loop.run(self._read, lambda: self._closing.is_set() or self._lost),
            name=f"{self._settings.name} state",
            daemon=True,
        )
        self._reader.start()

    def _read(self) -> None:
        """Read the arm's state; the newest stays if there is none."""
        try:
            state = self._robot.state
            robot_time_s = state.time.to_sec()
            # An arm that died leaves its last state to be read for two seconds.
            if robot_time_s != self._robot_time_s:
                self._robot_time_s = robot_time_s
                self._reading = ArmReading(
                    np.array(state.q, float),
                    np.array(state.dq, float),
                    self._clock_s(),
                    ArmMode(state.robot_mode.name),
                )
            self._check_control()
        except Exception as error:
            failure = arm_error(error, self._settings.name, self._settings.host)
            self._failure = self._failure or failure
            self._lost = True

    def _check_control(self) -> None:
        """Find out why the arm is no longer in control, if it should be."""
        tracker = self._tracker
        if tracker is not None and not tracker.running:
            self.release()  # only joining a motion tells what ended it

    def _ask(
        self,
        call: Callable[[], Result],
        timeout_s: float,
        too_late: str,
        undo: Callable[[Result], None] = drop,
    ) -> Result:
        """The result of a call that may block or raise anything."""
        settings = self._settings
        try:
            return within(timeout_s, call, too_late, undo)
        except ArmError as error:  # it took too long, and may still be under way
            trouble = ArmTrouble.NETWORK if self._lost else ArmTrouble.REFUSED
            failure = ArmFailure(str(error), trouble)
            self._failure = self._failure or failure
            raise failure from error
        except Exception as error:
            self._lost = self._lost or connection_lost(error)
            raise arm_error(error, settings.name, settings.host) from error
