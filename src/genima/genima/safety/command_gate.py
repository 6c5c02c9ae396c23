# SPDX-License-Identifier: Apache-2.0
"""The last object before a joint trajectory is published."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from genima.arrays import Array, Float
from genima.control.joint_order import JointOrder
from genima.errors import InvalidCommand
from genima.kinematics import JOINT_NAMES
from genima.limits import JointLimits
from genima.safety.gate_types import (
    GateOutput,
    GateParameters,
    GateReason,
    GateState,
    JointCommand,
    JointReading,
)
from genima.safety.tick_limiter import TickLimiter
from genima.timing import SAME_TIME_S

#: A stamp may be ahead of the clock by this much [s]; two computers never quite agree.
_FUTURE_TOLERANCE_S = 0.05
#: Changes smaller than this are rounding [rad].
_SAME_POSITION_RAD = 1e-9
#: After these the gate stands until it is reset: somebody has to look what happened.
_LATCHING = (GateReason.TRACKING, GateReason.LIMITED_TOO_LONG, GateReason.TRIPPED)
_UNSEEDED = GateOutput(
    q=None,
    dq=None,
    state=GateState.UNSEEDED,
    reason=GateReason.NEVER_RESET,
    message="the gate was never reset; reset it when joint states flow",
    limited=False,
)


class Fault(NamedTuple):
    """Why a command is not let through."""

    reason: GateReason
    message: str


class CommandGate:
    """Lets commands within the limits through unchanged, and nothing else, whatever it is fed.

    Its output never leaves the configured limits of position, velocity, acceleration and jerk (as
    `TickLimiter` defines them). Missing, old or malformed input ends in braking at the limits; the
    gate goes on by itself when the input is good again, except after faults that must be looked
    at, which need `reset`. While it holds, commands have to begin where it holds, `GateOutput.q`.

    Args:
        limits: Of the robot.
        parameters: How strict to be.
        names: The arm's joints.
    """

    def __init__(
        self,
        limits: JointLimits,
        parameters: GateParameters | None = None,
        names: Sequence[str] = JOINT_NAMES,
    ) -> None:
        self._parameters = parameters if parameters is not None else GateParameters()
        self._robot_limits = limits
        self._limits = _tightened(limits, self._parameters)
        self._reading_order = JointOrder(names, extra_allowed=True)
        self._command_order = JointOrder(names, extra_allowed=False)
        self._limiter: TickLimiter | None = None
        self._passing = False
        self._latched: Fault | None = None
        self._limited_steps = 0
        self._now_s = -np.inf
        self._output = _UNSEEDED

    @property
    def state(self) -> GateState:
        """What the gate did in the last step."""
        return self._output.state

    @property
    def parameters(self) -> GateParameters:
        """How strict it is."""
        return self._parameters

    @property
    def limits(self) -> JointLimits:
        """The limits that the output keeps to."""
        return self._limits

    def reset(self, reading: JointReading, now_s: float) -> None:
        """Clear all faults and begin a new stream of outputs, at rest where the arm was measured.

        Raises:
            InvalidCommand: The joint state cannot be trusted; everything stays as it was.
        """
        if not np.isfinite(now_s):
            raise InvalidCommand(f"reset: the time is {now_s}; it must be finite")
        q, fault = self._measured(reading, now_s)
        if q is None or fault is not None:
            raise InvalidCommand(f"reset: {fault.message if fault else 'no joint state'}")
        if not self._robot_limits.within(q):
            raise InvalidCommand(
                f"reset: the arm stands at {q.round(4).tolist()} rad, outside its limits; "
                "move it back by hand or with the manufacturer's tools"
            )
        self._limiter = TickLimiter(self._limits, self._parameters.period_s, q)
        self._passing = False
        self._latched = None
        self._limited_steps = 0
        self._now_s = now_s
        self._output = GateOutput(q, np.zeros(7), GateState.HOLDING, GateReason.NONE, "", False)

    def trip(self, message: str) -> None:
        """Brake now and stand until reset, for the cause in `message`; an earlier cause stays."""
        if self._latched is None:
            self._latched = Fault(GateReason.TRIPPED, message)

    def step(
        self, command: JointCommand | None, reading: JointReading | None, now_s: float
    ) -> GateOutput:
        """Advance one period; to be called once for each setpoint.

        Args:
            command: What is asked for; None to brake and hold.
            reading: The newest joint state; None if none ever came.
            now_s: The present time [s].
        """
        self._output = self._step(command, reading, now_s)
        return self._output

    def _step(
        self, command: JointCommand | None, reading: JointReading | None, now_s: float
    ) -> GateOutput:
        if self._limiter is None:
            return _UNSEEDED
        fault = self._clock_fault(now_s) or self._reading_fault(reading, now_s, self._limiter.q)
        q_wanted: Float[Array, "7"] | None = None
        if fault is None and self._latched is None and command is not None:
            q_wanted, fault = self._wanted(command, now_s, self._limiter.q)
        if self._latched is None and fault is not None and fault.reason in _LATCHING:
            self._latched = fault
        fault = self._latched or fault
        if command is None or q_wanted is None or fault is not None:
            return self._brake(self._limiter, fault)
        return self._track(self._limiter, q_wanted, command)

    def _brake(self, limiter: TickLimiter, fault: Fault | None) -> GateOutput:
        self._passing = False
        self._limited_steps = 0
        q = limiter.brake()
        if not limiter.standing:
            state = GateState.HALTING
        else:
            state = GateState.HOLDING if self._latched is None else GateState.HALTED
        reason, message = fault if fault is not None else (GateReason.NONE, "")
        return GateOutput(q, limiter.dq, state, reason, message, False)

    def _track(
        self, limiter: TickLimiter, q_wanted: Float[Array, "7"], command: JointCommand
    ) -> GateOutput:
        self._passing = True
        q = limiter.track(q_wanted)
        limited = bool(np.abs(q - q_wanted).max() > _SAME_POSITION_RAD)
        self._limited_steps = self._limited_steps + 1 if limited else 0
        if self._limited_steps > self._parameters.max_limited_steps:
            self._latched = Fault(
                GateReason.LIMITED_TOO_LONG,
                f"{self._limited_steps} commands in a row were beyond the limits; "
                "slow the controller down or widen its margins",
            )
        dq = limiter.dq if limited else self._velocity(limiter.dq, command)
        return GateOutput(q, dq, GateState.PASSING, GateReason.NONE, "", limited)

    def _velocity(self, dq: Float[Array, "7"], command: JointCommand) -> Float[Array, "7"]:
        """The command's velocity where it fits its positions, else the estimate `dq` [rad/s]."""
        if command.dq is None:
            return dq
        wanted = np.asarray(command.dq, float)
        if wanted.shape != (len(command.names),):
            return dq
        wanted = wanted[self._command_order.index(command.names)]
        slack = self._parameters.period_s * self._limits.ddq_max
        fits = (np.abs(wanted - dq) <= slack) & (np.abs(wanted) <= self._limits.dq_max)
        return np.where(fits, wanted, dq)

    def _clock_fault(self, now_s: float) -> Fault | None:
        before_s = self._now_s
        if np.isfinite(now_s):
            self._now_s = now_s
        if now_s >= before_s - SAME_TIME_S and np.isfinite(now_s):
            return None
        return Fault(
            GateReason.BAD_CLOCK,
            f"the time is {now_s} s after {before_s:.3f} s; it must be finite and not go back",
        )

    def _reading_fault(
        self, reading: JointReading | None, now_s: float, q_out: Float[Array, "7"]
    ) -> Fault | None:
        q, fault = self._measured(reading, now_s)
        if q is None:
            return fault
        distance = np.abs(q - q_out)
        if distance.max() <= self._parameters.tracking_tolerance_rad:
            return None
        joint = int(distance.argmax())
        return Fault(
            GateReason.TRACKING,
            f"joint {joint + 1} is {distance[joint]:.3f} rad from where it was sent, at most "
            f"{self._parameters.tracking_tolerance_rad} is allowed; free the arm and reset",
        )

    def _measured(
        self, reading: JointReading | None, now_s: float
    ) -> tuple[Float[Array, "7"] | None, Fault | None]:
        """Measured positions in the arm's order [rad], or why there are none to be trusted."""
        timeout_s = self._parameters.joint_state_timeout_s
        if reading is None:
            return None, Fault(GateReason.STALE_JOINT_STATE, "no joint state has come yet")
        age_s = now_s - reading.stamp_s
        if not -_FUTURE_TOLERANCE_S <= age_s <= timeout_s:
            return None, Fault(
                GateReason.STALE_JOINT_STATE,
                f"the newest joint state is {age_s:.3f} s old, at most {timeout_s} s is allowed; "
                "see whether the driver runs",
            )
        try:
            return _ordered(reading.q, reading.names, self._reading_order), None
        except InvalidCommand as error:
            return None, Fault(GateReason.BAD_JOINT_STATE, f"joint state: {error}")

    def _wanted(
        self, command: JointCommand, now_s: float, q_out: Float[Array, "7"]
    ) -> tuple[Float[Array, "7"] | None, Fault | None]:
        """Commanded positions in the arm's order [rad], or why they may not be followed."""
        try:
            q = _ordered(command.q, command.names, self._command_order)
        except InvalidCommand as error:
            return None, Fault(GateReason.BAD_COMMAND, f"command: {error}")
        return q, self._target_fault(command, now_s) or self._distance_fault(q, q_out)

    def _target_fault(self, command: JointCommand, now_s: float) -> Fault | None:
        age_s = now_s - command.target_stamp_s
        timeout_s = self._parameters.target_timeout_s
        if -_FUTURE_TOLERANCE_S <= age_s <= timeout_s:
            return None
        if age_s < 0:
            return Fault(
                GateReason.FUTURE_TARGET,
                f"the target is stamped {-age_s:.3f} s in the future; set the clocks",
            )
        return Fault(
            GateReason.STALE_TARGET,
            f"the target is {age_s:.3f} s old, at most {timeout_s} s is allowed; "
            "see whether the diffusion node runs",
        )

    def _distance_fault(self, q: Float[Array, "7"], q_out: Float[Array, "7"]) -> Fault | None:
        parameters = self._parameters
        distance = np.abs(q - q_out)
        allowed = (
            parameters.tracking_tolerance_rad if self._passing else parameters.start_tolerance_rad
        )
        if distance.max() <= allowed:
            return None
        joint = int(distance.argmax())
        return Fault(
            GateReason.FAR_COMMAND if self._passing else GateReason.FAR_START,
            f"joint {joint + 1} is commanded {distance[joint]:.3f} rad away from where it is, "
            f"at most {allowed} is allowed; begin where the arm is",
        )


def _tightened(limits: JointLimits, parameters: GateParameters) -> JointLimits:
    """The robot's limits with the gate's margins."""
    return replace(
        limits,
        q_min=limits.q_min + parameters.position_margin_rad,
        q_max=limits.q_max - parameters.position_margin_rad,
        dq_max=limits.dq_max * parameters.velocity_fraction,
        ddq_max=limits.ddq_max * parameters.acceleration_fraction,
        dddq_max=limits.dddq_max * parameters.jerk_fraction,
    )


def _ordered(q: Float[Array, "n"], names: Sequence[str], order: JointOrder) -> Float[Array, "7"]:
    """Positions in the arm's order [rad].

    Raises:
        InvalidCommand: They do not fit their names or are not finite.
    """
    index = order.index(names)
    values = np.asarray(q, float)
    if values.shape != (len(names),):
        raise InvalidCommand(
            f"{len(names)} joints are named and positions have shape {values.shape}; "
            "give one position for each name"
        )
    values = values[index]
    if not np.isfinite(values).all():
        raise InvalidCommand(f"positions {values.tolist()} must be finite")
    return values
