# SPDX-License-Identifier: Apache-2.0
"""The setpoints that the arm is sent: on a grid, a short time ahead, and through the gate."""

from copy import copy
from typing import NamedTuple

import numpy as np

from genima.arrays import Array, Float
from genima.control.chunk import ActionChunk
from genima.control.minimum_jerk import least_duration_s
from genima.control.pace import chunk_pace, excess
from genima.control.planner import Plan, PlannedChunk
from genima.control.session_types import SessionSettings, Setpoint
from genima.control.splicer import ChunkSplicer
from genima.errors import InvalidCommand
from genima.policy import Policy
from genima.safety import CommandGate, GateOutput, GateState, JointCommand, JointReading
from genima.timing import SAME_TIME_S

#: Whoever follows the setpoints brakes when they are late. After a delay of up to this [s] the
#: motion goes on from where it was; after a longer one the arm has come to rest and begins anew.
_LONGEST_DELAY_S = 0.25
#: What takes more horizons than this is not followed: the scene may have changed meanwhile.
_MOST_HORIZONS = 5.0


class Committed(NamedTuple):
    """What one tick has committed.

    Attributes:
        setpoints: The new ones.
        brake: What the gate said last where it did not let a command through; None if it did.
    """

    setpoints: list[Setpoint]
    brake: GateOutput | None


class CommittedMotion:
    """One motion from a standing arm to a standing arm, through as many targets as there are.

    Args:
        settings: How far ahead to commit.
        policy: Its time scale.
        gate: The last check of every setpoint.
        splicer: Joins targets into one motion.

    Attributes:
        moving: Whether setpoints are being committed.
        ending: Whether the arm is to come to rest whatever targets come.
        longer_s: By how much the plan takes longer than the policy's horizon [s].
        limited: Whether limits changed what was committed last.
        gripper_open: What the gripper should do now.
        measured_gripper: Whether the gripper is open; None where that is not measured.
    """

    def __init__(
        self,
        settings: SessionSettings,
        policy: Policy,
        gate: CommandGate,
        splicer: ChunkSplicer,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._gate = gate
        self._splicer = splicer
        self.moving = False
        self.ending = False
        self.limited = False
        self.longer_s = 0.0
        self.gripper_open = True
        self.measured_gripper: bool | None = None
        self._committed_s = -np.inf
        self._cut_off = False  # the plan goes beyond the position limits
        self._rest_s = np.inf  # from when on the arm stands until seeded anew
        self._told_s = -np.inf  # when setpoints were committed last
        self._delay_s = 0.0  # of the spliced motion against the setpoints
        self._q_sent: Float[Array, "7"] = np.zeros(7)

    @property
    def braking(self) -> bool:
        """Whether the arm comes to rest, so that no target is of use."""
        return self.moving and (self.ending or self._gate.state is GateState.HALTING)

    @property
    def gripper_is_open(self) -> bool:
        """Whether the gripper is open; where it is not measured, whether it should be."""
        return self.gripper_open if self.measured_gripper is None else self.measured_gripper

    @property
    def slowness(self) -> str:
        """How long the plan takes, if that is longer than the policy's horizon; else empty."""
        takes_s = self._policy.horizon_s + self.longer_s
        return f"takes {takes_s:.1f} s at this speed" if self.longer_s else ""

    def seed(self, reading: JointReading, now_s: float) -> None:
        """Begin where the arm stands.

        Raises:
            InvalidCommand: It is not known where it stands, or it stands where it must not be.
        """
        self._gate.reset(reading, now_s)
        self._q_sent = np.asarray(reading.q, float)
        self._splicer.reset(self._q_sent, self.gripper_open)
        self._committed_s, self._rest_s, self._delay_s = now_s, np.inf, 0.0
        self._told_s = -np.inf
        self.longer_s = 0.0
        self.moving, self.ending, self._cut_off = True, False, False

    def leave_gripper(self) -> None:
        """Let the gripper be as it is, where that is measured."""
        if self.measured_gripper is not None:
            self.gripper_open = self.measured_gripper

    def stop(self, reason: str) -> None:
        """Brake, and stand until seeded anew."""
        self.ending = True
        self._gate.trip(reason)

    def rest(self) -> None:
        """Give the plan up and come to rest; the next one may begin at any time."""
        self._splicer.stop(self._committed_s - self._delay_s)

    def follow(self, plan: Plan, seen_s: float, steps: int) -> float:
        """Go over to a plan; a chunk begins when the moving arm was seen, not when it is ready.

        What lies beyond the gate's position limits is followed as far as those let the arm go.
        What is beyond its other limits is followed more slowly, and from rest: drawn out, a way
        that begins in motion would first go far on in the old direction.

        Returns:
            How long so many steps of it take [s].

        Raises:
            InvalidCommand: It would take too long; what was followed goes on.
        """
        p, now_s, limits = self._policy, self._committed_s - self._delay_s, self._gate.limits
        splicer, begin_s, slower = copy(self._splicer), now_s, 1.0
        ddq_jitter = self._gate.robot_limits.ddq_max if plan.chunk else np.inf
        self._begin(splicer, plan, seen_s, now_s, p.step_s)
        if excess(splicer, now_s, limits, ddq_jitter) > 1.0 + 1e-9:
            splicer = copy(self._splicer)
            begin_s = splicer.stop(now_s)
            slower = max(1.0, self._pace(plan, splicer.sample(begin_s).q))
            self._begin(splicer, plan, seen_s, begin_s, slower * p.step_s)
            self._require_short(splicer.end_s - now_s)
            self.longer_s = max(0.0, splicer.end_s - now_s - p.horizon_s)
        else:
            self.longer_s = 0.0
        self._splicer = splicer
        self._cut_off = not np.array_equal(limits.clamp(plan.postures), plan.postures)
        return begin_s - now_s + slower * steps * p.step_s

    def _begin(
        self, splicer: ChunkSplicer, plan: Plan, seen_s: float, now_s: float, step_s: float
    ) -> None:
        clamp = self._gate.limits.clamp
        if plan.chunk is None:
            q_target, horizon = clamp(plan.postures[-1]), self._policy.horizon_steps
            splicer.move_to(q_target, plan.gripper_open, now_s, horizon, step_s)
        else:
            chunk = PlannedChunk(clamp(plan.chunk.q), plan.chunk.gripper_open)
            splicer.splice(self._dated(chunk, seen_s, now_s, step_s), now_s)

    def _pace(self, plan: Plan, q: Float[Array, "7"]) -> float:
        """How many times slower than asked for an arm at rest at `q` [rad] can follow a plan."""
        p, limits = self._policy, self._gate.limits
        if plan.chunk is None:
            return least_duration_s(limits.clamp(plan.postures[-1]) - q, limits) / p.horizon_s
        chunk = ActionChunk(limits.clamp(plan.chunk.q), plan.chunk.gripper_open, 0.0, p.step_s)
        return chunk_pace(chunk, q, limits, self._gate.robot_limits.ddq_max)

    def _require_short(self, takes_s: float) -> None:
        most_s, gate = _MOST_HORIZONS * self._policy.horizon_s, self._gate.parameters
        if takes_s > most_s:
            raise InvalidCommand(
                f"the drawn target is {takes_s:.1f} s away at velocity_fraction "
                f"{gate.velocity_fraction} and acceleration_fraction "
                f"{gate.acceleration_fraction}; at most {most_s:g} s are allowed, raise these or "
                "have the arm begin nearer"
            )

    def _dated(
        self, chunk: PlannedChunk, seen_s: float, now_s: float, step_s: float
    ) -> ActionChunk:
        """A chunk that begins when the arm was seen; its last step is left to be done."""
        latest_s = now_s - (len(chunk.q) - 1) * step_s
        start_s = max(min(now_s, seen_s - self._delay_s), latest_s)
        return ActionChunk(chunk.q, chunk.gripper_open, start_s, step_s)

    def make_up_for_delay(self, now_s: float) -> str:
        """Shift the motion in time if setpoints ran out; why it is lost, if it is."""
        late_s = now_s - self._committed_s
        if late_s > _LONGEST_DELAY_S:
            self.moving = False
            return f"control was late by {late_s:.3f} s"
        if late_s > SAME_TIME_S:
            self._delay_s += late_s
            self._committed_s = now_s
        return ""

    def commit(self, reading: JointReading, target_stamp_s: float, now_s: float) -> Committed:
        """Commit setpoints until the lookahead is covered.

        A world that waits may take no further step; it is told the whole way to rest at once, and
        then at each of its steps a little more, since it waits for that.
        """
        self.limited = self._cut_off
        # What takes longer may become older; it still does not lie ahead.
        target_stamp_s = min(target_stamp_s + self.longer_s, max(target_stamp_s, now_s))
        setpoints: list[Setpoint] = []
        brake: GateOutput | None = None
        until_s = now_s + self._settings.lookahead_s - SAME_TIME_S
        to_rest = self.ending and self._settings.blocking
        awaited = to_rest and now_s > self._told_s
        while (
            self._committed_s < until_s
            or (to_rest and self._rest_s == np.inf)
            or (awaited and not setpoints)
        ):
            time_s = round(self._committed_s + self._settings.tick_s, 9)
            output = self._through_gate(time_s, reading, target_stamp_s, now_s)
            if output.q is None or output.dq is None:
                break
            if output.state is not GateState.PASSING:
                brake = output
                # The gate leaves the spliced motion; the next one begins where it comes to rest.
                self._splicer.reset(output.q, self.gripper_open)
            self._committed_s, self._q_sent = time_s, output.q
            setpoints.append(Setpoint(time_s, output.q, output.dq))
            if output.state is GateState.HALTED:
                self._rest_s = min(time_s, self._rest_s)
        self._told_s = now_s if setpoints else self._told_s
        self.moving &= now_s < self._rest_s - SAME_TIME_S
        self.gripper_open = self._splicer.sample(now_s - self._delay_s).gripper_open
        return Committed(setpoints, brake)

    def _through_gate(
        self, time_s: float, reading: JointReading, target_stamp_s: float, now_s: float
    ) -> GateOutput:
        sample = self._splicer.sample(time_s - self._delay_s)
        if self._settings.dry_run:  # as if the arm did what it is not told
            reading = JointReading(self._q_sent, now_s)
        output = self._gate.step(JointCommand(sample.q, target_stamp_s, sample.dq), reading, now_s)
        self.limited |= output.limited
        return output
