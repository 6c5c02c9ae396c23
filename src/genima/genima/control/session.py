# SPDX-License-Identifier: Apache-2.0
"""The state machine between drawn targets and commands: what to follow, when to stand, and why.

Time is given, never read. Setpoints lie on a fixed grid and are committed a short time ahead, so
that what is late by a little does not disturb the arm. The caller serialises the calls.
"""

from dataclasses import replace

import numpy as np

from genima.arrays import Array, Float
from genima.control.committed_motion import CommittedMotion
from genima.control.consent import Consent
from genima.control.goal import Goal
from genima.control.hold_watch import TAKES_HOLD, HoldWatch
from genima.control.joint_history import JointHistory
from genima.control.planner import Plan
from genima.control.session_types import SessionSettings, SessionState, SessionStatus, Setpoint
from genima.control.splicer import ChunkSplicer
from genima.control.target_watch import TargetWatch
from genima.errors import InvalidCommand
from genima.policy import Policy
from genima.safety import CommandGate, GateOutput, GateState
from genima.timing import SAME_TIME_S

_ASK, _DRY_RUN = "approve or reject the drawn target", "dry run: nothing is sent to the arm"
_FIRST = "waiting for the first drawn target"


class ControlSession:
    """Follows targets for one goal at a time.

    Args:
        settings: How.
        policy: Its time scale.
        gate: The last check of every setpoint.
        splicer: Joins targets into one motion.

    Attributes:
        arm_held: Whether a driver holds the arm; before, setpoints stand, no target is wanted.
    """

    def __init__(
        self, settings: SessionSettings, policy: Policy, gate: CommandGate, splicer: ChunkSplicer
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._gate = gate
        self._motion = CommittedMotion(settings, policy, gate, splicer)
        self._consent = Consent(settings.approval_timeout_s, look=not settings.blocking)
        self._joint_timeout_s = gate.parameters.joint_state_timeout_s
        self._hold = HoldWatch()
        self._watch = TargetWatch(settings.first_target_timeout_s, settings.target_timeout_s)
        self.history, self.arm_held = JointHistory(), True
        self._goal = Goal()

    @property
    def status(self) -> SessionStatus:
        """The present state."""
        return replace(self._goal.status, filter_active=self._motion.limited)

    @property
    def active(self) -> bool:
        """Whether a goal is being worked on."""
        return self._goal.status.active

    @property
    def moving(self) -> bool:
        """Whether setpoints are being committed; false once the arm stands and has no goal."""
        return self._motion.moving

    @property
    def gripper_open(self) -> bool:
        """What the gripper should do now."""
        return self._motion.gripper_open

    @property
    def gripper_is_open(self) -> bool:
        """Whether the gripper is open; where it is not measured, whether it should be."""
        return self._motion.gripper_is_open

    def target_age_s(self, now_s: float) -> float:
        """Age of the target that is being followed [s]; negative if there is none."""
        return self._watch.age_s(now_s)

    def on_joint_state(
        self, q: Float[Array, "7"], stamp_s: float, gripper_open: bool | None
    ) -> None:
        """Take a measured state. `gripper_open` is None where the gripper is not measured."""
        went_back = stamp_s < self.history.newest_s
        self.history.add(q, stamp_s)
        self._motion.measured_gripper = gripper_open
        if went_back:
            self._begin_anew(stamp_s)

    def begin(self, instruction: str, now_s: float) -> None:
        """Begin to work on a goal; raises as `Goal.begin` does. A first target is wanted."""
        self._goal.begin(instruction, _FIRST, self.history.stale(now_s, self._joint_timeout_s))
        self._motion.limited = False
        self._hold.begin(now_s)
        self._watch.forget()
        self._watch.begin(now_s)
        self._motion.leave_gripper()

    def refuse_goal(self, reason: str) -> None:
        """Tell why a goal was not begun; what is being worked on goes on."""
        if not self.active:
            self._goal.enter(SessionState.IDLE, f"goal refused: {reason}")

    def end(self, reason: str) -> None:
        """Give the goal up; the arm comes to rest within its limits."""
        self._stop(SessionState.IDLE, reason)

    def halt(self, reason: str) -> None:
        """Come to rest and stay there until a new goal is given."""
        self._stop(SessionState.HALTED, reason)

    def hear_target(self, now_s: float) -> None:
        """The diffusion node has sent a tile, whether it is wanted or not."""
        self._watch.hear(now_s)

    def wants_target(self, now_s: float) -> bool:
        """Whether a target would be taken now."""
        waits = self.active and self.arm_held and not self._consent.pending
        return waits and self._watch.due(now_s)

    def not_before_s(self) -> float:
        """Oldest stamp [s] of a target worth taking; none is taken twice."""
        newest_s = self.history.newest_s if self._settings.blocking else self._watch.began_s
        if self._settings.approve:  # the operator is to see the arm where it stands
            newest_s = max(newest_s, self._watch.due_s)
        return max(newest_s, self._watch.followed_s + SAME_TIME_S)

    def offer(self, plan: Plan, stamp_s: float, now_s: float) -> bool:
        """Look at a plan made from a tile stamped `stamp_s`, and tell whether one was wanted.

        Planning takes time: a plan for the goal before this one, or from a picture taken before
        time began anew, comes too late and changes nothing.
        """
        too_late = stamp_s < self.not_before_s() - SAME_TIME_S
        if too_late or not self.wants_target(now_s) or self._motion.braking:
            return False
        if refusal := self._objection(plan, now_s - stamp_s):
            self.refuse(refusal, now_s, plan.fit)
        elif plan.warning and self._settings.halt_on_warning:
            self.halt(plan.warning)
        elif self._settings.approve:
            self._consent.ask(plan, self.history.newest_q, now_s)
            self._goal.ask("; ".join(filter(None, [_ASK, plan.warning])), plan.fit)
        elif refusal := self._adopt(plan, stamp_s, now_s):
            self.refuse(refusal, now_s, plan.fit)
        return True

    def approve(self, now_s: float) -> None:
        """Follow the target that waits for it; its age counts from now on.

        Raises:
            InvalidCommand: None waits, or it came up only now; the arm was moved, or is not held.
        """
        if not self.arm_held:
            raise InvalidCommand(f"{TAKES_HOLD}; answer again in a moment")
        asked = self._consent.answer(now_s)
        moved = asked.moved(self.history.newest_q, self._gate.parameters.start_tolerance_rad)
        known = moved or self._objection(asked.plan, age_s=0.0)
        if refusal := known or self._adopt(asked.plan, now_s, now_s):
            self._decline(refusal, now_s)
            raise InvalidCommand(refusal)

    def reject(self, now_s: float) -> None:
        """Do not follow it, but have another one drawn; raises as `approve` does."""
        self._consent.answer(now_s)
        self._decline("the operator rejected the drawn target; another is drawn", now_s)

    def refuse(self, reason: str, now_s: float, fit: float = -1.0) -> None:
        """Do not follow a tile; ask for another one after a short stand."""
        if not self.wants_target(now_s):
            return
        self._goal.refuse(reason, fit)
        self._watch.due_s = now_s + self._settings.retry_s
        if self._may_wait(now_s) and self.moving:
            self._goal.enter(SessionState.HOLDING, reason)

    def advance(self, now_s: float) -> list[Setpoint]:
        """Commit setpoints until the lookahead is covered; empty while nothing is to move."""
        self._check_inputs(now_s)
        self._see_to_hold(now_s)
        motion, awaited = self._motion, self.wants_target(now_s) or self._consent.pending
        blocked = self._settings.blocking and awaited and not motion.braking
        if not motion.moving or blocked:
            return []
        if lost := motion.make_up_for_delay(now_s):
            self._lose_motion(lost)
            return []
        setpoints, brake = motion.commit(self.history.newest, self._watch.followed_s, now_s)
        if brake is not None:
            self._note_brake(brake)
        return setpoints

    def _stop(self, state: SessionState, reason: str) -> None:
        self._goal.enter(state, reason)
        self._consent.drop()
        self._motion.stop(reason)

    def _objection(self, plan: Plan, age_s: float) -> str:
        """Why a plan is not followed; empty if it is."""
        if plan.q_target is None:
            return plan.refusal
        if words := self._gate.objection(plan.postures):
            words = f"the drawn target cannot be followed: {words}"
        return self._settings.bad_age(age_s) or words

    def _adopt(self, plan: Plan, stamp_s: float, now_s: float) -> str:
        """Follow a plan; why it cannot be followed, if so."""
        settings, motion = self._settings, self._motion
        seen_s = stamp_s if self.moving and not settings.approve else np.inf
        if not self._try_to_seed(now_s):
            return ""
        steps = settings.executed_steps(self._goal.status.chunks + 1, self._policy.horizon_steps)
        try:
            self._watch.follow(stamp_s, now_s + motion.follow(plan, seen_s, steps))
        except InvalidCommand as error:
            return str(error)
        words = filter(None, [_DRY_RUN * settings.dry_run, plan.warning, motion.slowness])
        self._goal.follow("; ".join(words), plan.fit)
        return ""

    def _see_to_hold(self, now_s: float) -> None:
        """While the driver takes hold of the arm, send it where it stands; then want a target."""
        if self.arm_held or not self.active:
            self._hold.begin(now_s)
            if self._goal.status.reason == TAKES_HOLD:
                self._goal.enter(self._goal.state, _FIRST)
        elif overdue := self._hold.overdue(now_s):
            self.halt(overdue)
        else:
            if self._goal.state in (SessionState.RUNNING, SessionState.HOLDING):
                self._motion.moving &= self._motion.braking
            if not self._consent.pending:
                self._goal.enter(SessionState.WAITING, TAKES_HOLD)
                self._watch.begin(now_s)
            self._try_to_seed(now_s)

    def _decline(self, reason: str, now_s: float) -> None:
        self._consent.drop()
        self._goal.refuse(reason, self._goal.status.fit)
        self._watch.begin(now_s, self._settings.retry_s)
        if self._may_wait(now_s):
            state = SessionState.HOLDING if self.moving else SessionState.WAITING
            self._goal.enter(state, reason)

    def _may_wait(self, now_s: float) -> bool:
        """Have time go on, which in a waiting world it does only if setpoints do; else halt."""
        return not self._settings.blocking or self._try_to_seed(now_s)

    def _hold_until_next(self, reason: str) -> None:
        """Stand, and want a target at once."""
        self._goal.enter(SessionState.HOLDING, reason)
        self._watch.due_s = -np.inf

    def _note_brake(self, output: GateOutput) -> None:
        if self._goal.state is SessionState.RUNNING:
            self._hold_until_next(output.message)
        standing = (SessionState.HOLDING, SessionState.AWAITING_APPROVAL)
        if output.state is GateState.HALTED and self._goal.state in standing:
            self.halt(output.message)

    def _try_to_seed(self, now_s: float) -> bool:
        """Begin a motion where the arm stands, unless one is going on; else halt."""
        if self.moving and not self._settings.dry_run:
            return True
        try:
            self._motion.seed(self.history.newest, now_s)
        except InvalidCommand as error:
            self.halt(str(error))
            return False
        return True

    def _begin_anew(self, now_s: float) -> None:
        """Time went back: another world, or a clock that was set. No remembered time holds."""
        self._watch.forget()
        self._hold.begin(now_s)
        self._consent.drop()
        if self.active:
            self._watch.begin(now_s)
        self._motion.leave_gripper()
        if self.moving or self._goal.state is SessionState.AWAITING_APPROVAL:
            self._lose_motion("time went back; targets and joint states begin anew")

    def _lose_motion(self, reason: str) -> None:
        """What was committed is no longer what the arm does: begin anew where it is."""
        self._motion.moving = False
        if self.active and not self._consent.pending:
            self._hold_until_next(reason)

    def _check_inputs(self, now_s: float) -> None:
        if not self.active:
            return
        if stale := self.history.stale(now_s, self._joint_timeout_s):
            self.halt(stale)
        elif self._settings.blocking:
            return
        elif overdue := self._consent.overdue(now_s):
            self._decline(overdue, now_s)
        elif self._goal.state is SessionState.WAITING:
            if overdue := self._watch.first_overdue(now_s, self._goal.refusal):
                self.halt(overdue)
        elif silence := self._watch.silence(now_s):
            if self._goal.state is SessionState.RUNNING and self._motion.longer_s > 0.0:
                self._motion.rest()  # it would go on blind for long
                self._watch.due_s = -np.inf
            if self.wants_target(now_s):
                self._goal.enter(SessionState.HOLDING, silence)
