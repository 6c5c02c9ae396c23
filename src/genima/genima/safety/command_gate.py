# SPDX-License-Identifier: Apache-2.0
"""The last object before a joint trajectory is published."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidCommand
from genima.kinematics import JOINT_NAMES
from genima.limits import JointLimits
from genima.safety.free_space import FreeSpace
from genima.safety.gate_types import (
    Fault,
    GateOutput,
    GateParameters,
    GateReason,
    GateState,
    JointCommand,
    JointReading,
)
from genima.safety.input_checks import InputChecks
from genima.safety.stop_check import StopCheck
from genima.safety.tick_limiter import TickLimiter
from genima.timing import SAME_TIME_S

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


class CommandGate:
    """Lets commands within the limits through unchanged, and nothing else, whatever it is fed.

    Its output never leaves the configured limits of position, velocity, acceleration and jerk (as
    `TickLimiter` defines them), never leaves the workspace, and never brings the arm to touch
    itself. Missing, old or malformed input ends in braking at the limits; the gate goes on by
    itself when the input is good again, except after faults that must be looked at, which need
    `reset`. While it holds, commands have to begin where it holds, `GateOutput.q`.

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
        p = self._parameters = parameters if parameters is not None else GateParameters()
        self._robot_limits = limits
        self._limits = _tightened(limits, p)
        self._checks = InputChecks(p, names, self._limits)
        space = FreeSpace(p.workspace_min_m, p.workspace_max_m, p.self_collision_margin_m)
        self._stop_check = StopCheck(space)
        self._limiter: TickLimiter | None = None
        # Where the arm may be by now: the newest output, and older ones.
        self._recent: deque[Float[Array, "7"]] = deque(
            maxlen=1 + math.ceil(p.arm_delay_s / p.period_s)
        )
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
    def robot_limits(self) -> JointLimits:
        """Those that the robot itself has."""
        return self._robot_limits

    @property
    def limits(self) -> JointLimits:
        """The limits that the output keeps to."""
        return self._limits

    def objection(self, q: Float[Array, "n 7"]) -> str:
        """Why the arm could not follow to some of these postures [rad]; empty if it could.

        Postures beyond the joint limits are judged where those would hold the arm.
        """
        if not np.isfinite(q).all():
            return "it holds NaN or infinity"
        fault = self._stop_check.objection(self._limits.clamp(q))
        return "" if fault is None else f"it would bring {fault.message}"

    def reset(self, reading: JointReading, now_s: float) -> None:
        """Clear all faults and begin a new stream of outputs, at rest where the arm was measured.

        Raises:
            InvalidCommand: The joint state cannot be trusted, or the arm stands where it must not
                be; everything stays as it was.
        """
        if not np.isfinite(now_s):
            raise InvalidCommand(f"reset: the time is {now_s}; it must be finite")
        q, fault = self._checks.measured(reading, now_s)
        if q is None or fault is not None:
            raise InvalidCommand(f"reset: {fault.message if fault else 'no joint state'}")
        if not self._robot_limits.within(q):
            raise InvalidCommand(
                f"reset: the arm stands at {q.round(4).tolist()} rad, outside its limits; "
                "move it back by hand or with the manufacturer's tools"
            )
        self._stop_check.reset(q)
        self._limiter = TickLimiter(self._limits, self._parameters.period_s, q)
        self._passing = False
        self._latched = None
        self._limited_steps = 0
        self._now_s = now_s
        self._recent.clear()
        self._recent.append(q)
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
        if self._output.q is not None:
            self._recent.append(self._output.q)
        return self._output

    def _step(
        self, command: JointCommand | None, reading: JointReading | None, now_s: float
    ) -> GateOutput:
        limiter, checks = self._limiter, self._checks
        if limiter is None:
            return _UNSEEDED
        fault = self._clock_fault(now_s) or checks.reading_fault(reading, now_s, self._recent)
        q_wanted: Float[Array, "7"] | None = None
        if fault is None and self._latched is None and command is not None:
            q_wanted, fault = checks.wanted(command, now_s, limiter.q, self._passing)
        if self._latched is None and fault is not None and fault.reason in _LATCHING:
            self._latched = fault
        fault = self._latched or fault
        if command is None or q_wanted is None or fault is not None:
            self._limited_steps = 0
            return self._brake(limiter, fault)
        return self._track(limiter, q_wanted, command)

    def _brake(self, limiter: TickLimiter, fault: Fault | None) -> GateOutput:
        self._passing = False
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
        q = limiter.track(q_wanted)
        obstacle = self._stop_check.fault(limiter.way_to_rest())
        limited = obstacle is not None or bool(np.abs(q - q_wanted).max() > _SAME_POSITION_RAD)
        self._limited_steps = self._limited_steps + 1 if limited else 0
        if self._limited_steps > self._parameters.max_limited_steps:
            self._latched = self._limited_too_long(obstacle)
        if obstacle is not None:
            limiter.take_back()
            message = f"the motion would bring {obstacle.message}"
            return self._brake(limiter, self._latched or Fault(obstacle.reason, message))
        self._passing = True
        dq = limiter.dq if limited else self._checks.velocity(command, limiter.dq)
        return GateOutput(q, dq, GateState.PASSING, GateReason.NONE, "", limited)

    def _limited_too_long(self, obstacle: Fault | None) -> Fault:
        cause = "slow the controller down or widen its margins"
        if obstacle is not None:
            cause = f"the last one would bring {obstacle.message}"
        return Fault(
            GateReason.LIMITED_TOO_LONG,
            f"{self._limited_steps} commands in a row were beyond the limits; {cause}",
        )

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
