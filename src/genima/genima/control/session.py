# SPDX-License-Identifier: Apache-2.0
"""The state machine between drawn targets and commands: what to follow, when to stand, and why.

Time is given, never read. Setpoints lie on a fixed grid and are committed a short time ahead, so
that what is late by a little does not disturb the arm. The caller serialises the calls.
"""

import numpy as np

from genima.arrays import Array, Float
from genima.control.chunk import ActionChunk
from genima.control.joint_history import JointHistory
from genima.control.planner import Plan
from genima.control.session_types import SessionSettings, SessionState, SessionStatus, Setpoint
from genima.control.splicer import ChunkSplicer
from genima.control.target_watch import TargetWatch
from genima.errors import InvalidCommand
from genima.policy import Policy
from genima.safety import CommandGate, GateOutput, GateState, JointCommand, JointReading
from genima.timing import SAME_TIME_S

#: Whoever follows the setpoints brakes when they are late. After a delay of up to this [s] the
#: motion goes on from where it was; after a longer one the arm has come to rest and begins anew.
_LONGEST_DELAY_S = 0.25


class ControlSession:
    """Follows targets for one goal at a time.

    Args:
        settings: How.
        policy: Its time scale.
        gate: The last check of every setpoint.
        splicer: Joins targets into one motion.
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
        self._joint_timeout_s = gate.parameters.joint_state_timeout_s
        self._watch = TargetWatch(settings.first_target_timeout_s, settings.target_timeout_s)
        self.history = JointHistory()
        self._state = SessionState.IDLE
        self._reason = ""
        self._instruction = ""
        self._chunks = 0
        self._refused = 0
        self._fit = -1.0
        self._limited = False
        self._moving = False  # setpoints are being committed
        self._ending = False  # the arm is to come to rest whatever targets come
        self._committed_s = -np.inf
        self._delay_s = 0.0  # of the spliced motion against the setpoints
        self._due_s = -np.inf  # when the next target is to be taken
        self._adopted_stamp_s = -np.inf
        self._gripper_open = True
        self._measured_gripper: bool | None = None

    @property
    def status(self) -> SessionStatus:
        """The present state."""
        return SessionStatus(
            self._state,
            self._reason,
            self._instruction,
            self._chunks,
            self._limited,
            self._fit,
            self._refused,
        )

    @property
    def active(self) -> bool:
        """Whether a goal is being worked on."""
        return self.status.active

    @property
    def moving(self) -> bool:
        """Whether setpoints are being committed; false once the arm stands and has no goal."""
        return self._moving

    @property
    def gripper_open(self) -> bool:
        """What the gripper should do now."""
        return self._gripper_open

    @property
    def gripper_is_open(self) -> bool:
        """Whether the gripper is open; where it is not measured, whether it should be."""
        return self._gripper_open if self._measured_gripper is None else self._measured_gripper

    def target_age_s(self, now_s: float) -> float:
        """Age of the target that is being followed [s]; negative if there is none."""
        return now_s - self._adopted_stamp_s if np.isfinite(self._adopted_stamp_s) else -1.0

    def on_joint_state(
        self, q: Float[Array, "7"], stamp_s: float, gripper_open: bool | None
    ) -> None:
        """Take a measured state. `gripper_open` is None where the gripper is not measured."""
        went_back = stamp_s < self.history.newest_s
        self.history.add(q, stamp_s)
        self._measured_gripper = gripper_open
        if went_back:
            self._begin_anew(stamp_s)

    def begin(self, instruction: str, now_s: float) -> None:
        """Begin to work on a goal: from now on a first target is wanted.

        Raises:
            InvalidCommand: There is a goal already, the instruction is empty, or joint states are
                missing or stale.
        """
        if self.active:
            raise InvalidCommand(
                f"already executing {self._instruction!r}; cancel it before giving another goal"
            )
        if not instruction.strip():
            raise InvalidCommand("the instruction is empty; say what the arm should do")
        if stale := self.history.stale(now_s, self._joint_timeout_s):
            raise InvalidCommand(f"cannot start: {stale}; check the driver or the simulation")
        self._state, self._reason = SessionState.WAITING, "waiting for the first drawn target"
        self._instruction = instruction.strip()
        self._chunks = self._refused = 0
        self._fit, self._limited = -1.0, False
        self._adopted_stamp_s = -np.inf
        self._due_s = now_s
        self._watch.begin(now_s)
        if self._measured_gripper is not None:
            self._gripper_open = self._measured_gripper

    def refuse_goal(self, reason: str) -> None:
        """Tell why a goal was not begun; what is being worked on goes on."""
        if not self.active:
            self._state, self._reason = SessionState.IDLE, f"goal refused: {reason}"

    def end(self, reason: str) -> None:
        """Give the goal up; the arm comes to rest within its limits."""
        self._state, self._reason, self._ending = SessionState.IDLE, reason, True
        self._gate.trip(reason)

    def halt(self, reason: str) -> None:
        """Come to rest and stay there until a new goal is given."""
        self._state, self._reason, self._ending = SessionState.HALTED, reason, True
        self._gate.trip(reason)

    def hear_target(self, now_s: float) -> None:
        """The diffusion node has sent a tile, whether it is wanted or not."""
        self._watch.hear(now_s)

    def wants_target(self, now_s: float) -> bool:
        """Whether a target would be taken now."""
        return self.active and now_s >= self._due_s - SAME_TIME_S

    def not_before_s(self) -> float:
        """Oldest stamp [s] of a target worth taking; none is taken twice."""
        newest_s = self.history.newest_s if self._settings.blocking else self._watch.began_s
        return max(newest_s, self._adopted_stamp_s + SAME_TIME_S)

    def offer(self, plan: Plan, stamp_s: float, now_s: float) -> None:
        """Take a plan made from a tile stamped `stamp_s`, if one is wanted and it is usable.

        Planning takes time: a plan for the goal before this one, or from a picture taken before
        time began anew, comes too late and changes nothing.
        """
        too_late = stamp_s < self.not_before_s() - SAME_TIME_S
        if too_late or not self.wants_target(now_s) or self._braking():
            return
        if plan.q_target is None:
            self.refuse(plan.refusal, now_s, plan.fit)
            return
        bad_age = self._settings.bad_age(now_s - stamp_s)
        if bad_age:
            self.refuse(bad_age, now_s, plan.fit)
            return
        if plan.warning and self._settings.halt_on_warning:
            self.halt(plan.warning)
            return
        seen_s = stamp_s if self._moving else np.inf
        if not self._try_to_seed(now_s):
            return
        self._splice(plan, plan.q_target, seen_s)
        self._state, self._reason = SessionState.RUNNING, plan.warning
        self._fit, self._adopted_stamp_s = plan.fit, stamp_s
        self._chunks += 1
        self._due_s = now_s + self._settings.executed_steps(self._chunks) * self._policy.step_s

    def refuse(self, reason: str, now_s: float, fit: float = -1.0) -> None:
        """Do not follow a tile; ask for another one after a short stand."""
        if not self.wants_target(now_s):
            return
        self._refused += 1
        self._reason, self._fit = reason, fit
        self._due_s = now_s + self._settings.retry_s
        if self._settings.blocking:
            self._try_to_seed(now_s)  # a waiting world's time goes on only if setpoints do
        if self._moving and self.active:
            self._state = SessionState.HOLDING

    def advance(self, now_s: float) -> list[Setpoint]:
        """Commit setpoints until the lookahead is covered; empty while nothing is to move."""
        self._check_inputs(now_s)
        blocked = self._settings.blocking and self.wants_target(now_s) and not self._braking()
        if not self._moving or blocked or not self._make_up_for_delay(now_s):
            return []
        self._limited = False
        setpoints = []
        while self._committed_s < now_s + self._settings.lookahead_s - SAME_TIME_S:
            time_s = round(self._committed_s + self._settings.tick_s, 9)
            output = self._through_gate(time_s, now_s)
            if output.q is None or output.dq is None:
                break
            self._committed_s = time_s
            setpoints.append(Setpoint(time_s, output.q, output.dq))
        self._gripper_open = self._splicer.sample(now_s - self._delay_s).gripper_open
        return setpoints

    def _splice(self, plan: Plan, q_target: Float[Array, "7"], seen_s: float) -> None:
        """Go over to a plan; a chunk begins when the moving arm was seen, not when it is ready."""
        now_s = self._committed_s - self._delay_s
        horizon, step_s = self._policy.horizon_steps, self._policy.step_s
        if plan.chunk is None:
            self._splicer.move_to(q_target, plan.gripper_open, now_s, horizon, step_s)
        else:
            # However late it is, its last step is left to be done.
            start_s = max(min(now_s, seen_s - self._delay_s), now_s - (horizon - 1) * step_s)
            chunk = ActionChunk(plan.chunk.q, plan.chunk.gripper_open, start_s, step_s)
            self._splicer.splice(chunk, now_s)

    def _make_up_for_delay(self, now_s: float) -> bool:
        """Shift the motion in time if setpoints ran out; false if it is lost."""
        late_s = now_s - self._committed_s
        if late_s > _LONGEST_DELAY_S:
            self._lose_motion(f"control was late by {late_s:.3f} s")
            return False
        if late_s > SAME_TIME_S:
            self._delay_s += late_s
            self._committed_s = now_s
        return True

    def _through_gate(self, time_s: float, now_s: float) -> GateOutput:
        sample = self._splicer.sample(time_s - self._delay_s)
        output = self._gate.step(
            JointCommand(sample.q, self._adopted_stamp_s, sample.dq),
            JointReading(self.history.newest_q, self.history.newest_s),
            now_s,
        )
        self._limited |= output.limited
        if output.state is not GateState.PASSING and output.q is not None:
            self._note_brake(output, output.q)
        return output

    def _note_brake(self, output: GateOutput, q: Float[Array, "7"]) -> None:
        # The gate leaves the spliced motion; the next one begins where it comes to rest.
        self._splicer.reset(q, self._gripper_open)
        if self._state is SessionState.RUNNING:
            self._state, self._reason = SessionState.HOLDING, output.message
            self._due_s = -np.inf
        if output.state is GateState.HALTED:
            self._moving = False
            if self._state is SessionState.HOLDING:
                self._state, self._reason = SessionState.HALTED, output.message

    def _try_to_seed(self, now_s: float) -> bool:
        """Begin a motion where the arm stands, unless one is going on; else halt."""
        if self._moving:
            return True
        q = self.history.newest_q
        try:
            self._gate.reset(JointReading(q, self.history.newest_s), now_s)
        except InvalidCommand as error:
            self.halt(str(error))
            return False
        self._splicer.reset(q, self._gripper_open)
        self._committed_s, self._delay_s = now_s, 0.0
        self._moving, self._ending = True, False
        return True

    def _braking(self) -> bool:
        return self._moving and (self._ending or self._gate.state is GateState.HALTING)

    def _begin_anew(self, now_s: float) -> None:
        """Time went back: another world, or a clock that was set. No remembered time holds."""
        self._adopted_stamp_s = -np.inf
        if self.active:
            self._due_s = now_s
            self._watch.begin(now_s)
        if self._measured_gripper is not None:
            self._gripper_open = self._measured_gripper
        if self._moving:
            self._lose_motion("time went back; targets and joint states begin anew")

    def _lose_motion(self, reason: str) -> None:
        """What was committed is no longer what the arm does: begin anew where it is."""
        self._moving = False
        if self.active:
            self._state, self._reason = SessionState.HOLDING, reason
            self._due_s = -np.inf

    def _check_inputs(self, now_s: float) -> None:
        if not self.active:
            return
        if stale := self.history.stale(now_s, self._joint_timeout_s):
            self.halt(stale)
        elif self._settings.blocking:
            return
        elif self._state is SessionState.WAITING:
            last_refusal = self._reason if self._refused else ""
            if overdue := self._watch.first_overdue(now_s, last_refusal):
                self.halt(overdue)
        elif self.wants_target(now_s) and (silence := self._watch.silence(now_s)):
            self._state, self._reason = SessionState.HOLDING, silence
