# SPDX-License-Identifier: Apache-2.0
"""What a held arm is to do in each period: follow trajectories, go home, brake, or stand."""

from dataclasses import replace

import numpy as np

from genima.arrays import Array, Float
from genima.control.follower import FollowerState, TrajectoryFollower
from genima.control.joint_order import JointOrder
from genima.control.minimum_jerk import least_duration_s
from genima.control.quintic import Quintic, at_rest
from genima.driver.checks import require_near, require_present
from genima.driver.gate_parameters import gate_parameters
from genima.driver.troubles import with_advice
from genima.driver.types import (
    DriverCause,
    DriverParameters,
    DriverState,
    DriverStatus,
    Trajectory,
)
from genima.errors import InvalidCommand, InvalidParameter, NotReady
from genima.kinematics import JOINT_NAMES
from genima.limits import JointLimits
from genima.safety import CommandGate, GateReason, JointCommand, JointReading

#: A trajectory that ends faster than this ends in mid-motion [rad/s].
_REST_RAD_S = 0.01
#: Share of what the gate lets through that the way home uses: a motion at its limit is limited.
_HOMING_SHARE = 0.9
#: Trajectories in a row that may begin too far from the standing arm; a second of a stream.
_MOST_FAR = 50
#: Shortest way home [s].
_SHORTEST_HOMING_S = 0.5
_FOLLOWING = (FollowerState.FOLLOWING, FollowerState.BRAKING)
#: Whatever else the gate complains of lies in what it was asked to do.
_GATE_CAUSES = {
    GateReason.STALE_JOINT_STATE: DriverCause.STALE_STATE,
    GateReason.BAD_JOINT_STATE: DriverCause.STALE_STATE,
    GateReason.BAD_CLOCK: DriverCause.DEFECT,
    GateReason.TRACKING: DriverCause.HELD_BACK,
    GateReason.LIMITED_TOO_LONG: DriverCause.LIMITED,
    GateReason.WORKSPACE: DriverCause.WORKSPACE,
    GateReason.SELF_COLLISION: DriverCause.SELF_COLLISION,
}
_ADVICE = {
    DriverCause.STALE_STATE: "check cable and power of the arm",
    DriverCause.HELD_BACK: "free the arm",
    DriverCause.LIMITED: "slow down what commands it",
}
_LOOK = "see what commands it"


class ArmMotion:
    """Commands of one arm, one a period, within its limits whatever it is told.

    Not for several threads at once. Times are of a clock that does not go back [s].

    Args:
        limits: Of the arm.
        parameters: How it is driven.
    """

    def __init__(self, limits: JointLimits, parameters: DriverParameters) -> None:
        self._parameters = parameters
        self._gate = CommandGate(limits, gate_parameters(parameters))
        self._follower = TrajectoryFollower(limits=limits)
        self._order = JointOrder(JOINT_NAMES, extra_allowed=False)
        self._home: Quintic | None = None
        self._stopping = False
        self._far = 0
        self._heard_s = self._moved_s = -np.inf
        self._q: Float[Array, "7"] | None = None
        self._status = DriverStatus(DriverState.IDLE)

    @property
    def status(self) -> DriverStatus:
        """What it did last."""
        return replace(self._status, state=self._state())

    @property
    def q(self) -> Float[Array, "7"] | None:
        """The newest command [rad]; None while the arm is not held."""
        return self._q

    @property
    def held(self) -> bool:
        """Whether there are commands to be sent."""
        return self._q is not None

    @property
    def halted(self) -> bool:
        """Whether it brakes or stands until `clear`."""
        return self._status.state is DriverState.HALTED

    def standing_s(self, now_s: float) -> float:
        """How long the command has not moved [s]; infinite while the arm is not held."""
        return now_s - self._moved_s if self.held else np.inf

    def unused_s(self, now_s: float) -> float:
        """How long it has neither moved nor been told to [s]; infinite while it is not held."""
        return min(self.standing_s(now_s), now_s - self._heard_s) if self.held else np.inf

    def begin(self, q: Float[Array, "7"], now_s: float) -> None:
        """The arm is held at `q` [rad] from now on.

        Raises:
            InvalidCommand: It stands outside its limits.
        """
        self._gate.reset(JointReading(q, now_s), now_s)
        self._stand(q, now_s)
        self._q, self._moved_s, self._stopping = q, now_s, False

    def leave(self) -> None:
        """The arm is not held any more."""
        self._q, self._home, self._stopping = None, None, False

    def clear(self) -> None:
        """Forget why it halted; the arm must be left alone then."""
        self._far = 0
        state, cause = DriverState.IDLE, DriverCause.NONE
        self._status = replace(self._status, state=state, cause=cause, reason="", limited=False)

    def halt(self, cause: DriverCause, reason: str) -> None:
        """Brake now and stand until `clear`; the first cause stays."""
        if not self.halted:
            self._note(cause, with_advice(reason), DriverState.HALTED)

    def require_start(self, trajectory: Trajectory, q: Float[Array, "7"], now_s: float) -> None:
        """Refuse a trajectory that a standing arm cannot begin with; see `accept`."""
        self._require_allowed()
        self._require_near(trajectory, q)
        require_present(trajectory, now_s)

    def accept(self, trajectory: Trajectory, now_s: float) -> None:
        """Follow a trajectory.

        Args:
            trajectory: What to follow.
            now_s: The present time [s].

        Raises:
            NotReady: The arm does something else, or has halted.
            InvalidCommand: It is malformed, too late, too fast, or begins too far away; what was
                followed goes on.
        """
        try:
            self._require_allowed()
            if self._follower.state not in _FOLLOWING and self._q is not None:
                self._require_near(trajectory, self._q)
            require_present(trajectory, now_s)
            if not self._follower.accept(
                trajectory.stamp_s,
                trajectory.names,
                trajectory.times_s,
                trajectory.q,
                trajectory.dq,
            ):
                raise InvalidCommand(
                    "trajectory: it is older than one that came before; send them in their order"
                )
        except (NotReady, InvalidCommand):
            self.count_refusal()
            raise
        self._heard_s, self._far = now_s, 0

    def count_refusal(self) -> None:
        """A trajectory was refused."""
        refused = self._status.trajectories_refused + 1
        self._status = replace(self._status, trajectories_refused=refused)

    def go_home(self, q_home: Float[Array, "7"], now_s: float) -> float:
        """Move the held arm to `q_home` [rad], from rest to rest; returns how long it takes [s].

        Raises:
            NotReady: The arm moves, or has halted.
            InvalidParameter: It lies outside the limits.
        """
        self._require_allowed()
        if self._q is None or self._state() is not DriverState.HOLDING:
            raise NotReady("the arm moves; stop what commands it, then call home")
        if not self._gate.limits.within(q_home):
            raise InvalidParameter(
                f"home is {np.round(q_home, 4).tolist()} rad; it must keep "
                f"{self._parameters.position_margin_rad} rad to the limits of this robot"
            )
        duration_s = self._homing_s(q_home - self._q)
        self._home = Quintic.between(at_rest(self._q), at_rest(q_home), now_s, duration_s)
        self._note(DriverCause.NONE, "", DriverState.IDLE)
        return duration_s

    def step(self, reading: JointReading | None, now_s: float) -> Float[Array, "7"] | None:
        """The command of this period [rad]; None while the arm is not held.

        Args:
            reading: The newest state of the arm.
            now_s: The present time [s].
        """
        if self._q is None:
            return None
        output = self._gate.step(self._wanted(now_s), reading, now_s)
        if output.reason is not GateReason.NONE:
            cause = _GATE_CAUSES.get(output.reason, DriverCause.BAD_TRAJECTORY)
            # What the gate would have a controller do is not what helps here.
            self.halt(cause, f"{output.message.partition(';')[0]}; {_ADVICE.get(cause, _LOOK)}")
        assert output.q is not None  # the gate was reset in `begin`
        if not np.array_equal(output.q, self._q):
            self._moved_s = now_s
        elif self._stopping or self.halted:
            self._stand(output.q, now_s)
        self._q = output.q
        self._status = replace(self._status, limited=output.limited)
        return self._q

    def _homing_s(self, way: Float[Array, "7"]) -> float:
        """How long to take for ways [rad], so that no limit is met."""
        limits = self._gate.limits
        speed = np.minimum(self._parameters.home_speed_rad_s, _HOMING_SHARE * limits.dq_max)
        gentle = replace(limits, dq_max=speed, ddq_max=_HOMING_SHARE * limits.ddq_max)
        return max(_SHORTEST_HOMING_S, least_duration_s(way, gentle))

    def _require_near(self, trajectory: Trajectory, q: Float[Array, "7"]) -> None:
        """Refuse what begins elsewhere; halt if it goes on, for who sends it takes it for done."""
        try:
            require_near(trajectory, q, self._order, self._parameters.start_tolerance_rad)
        except InvalidCommand as error:
            self._far += 1
            if self._far >= _MOST_FAR:
                self.halt(DriverCause.BAD_TRAJECTORY, f"{self._far} in a row: {error}")
            raise

    def _wanted(self, now_s: float) -> JointCommand | None:
        """What to ask the gate for; None to brake."""
        if self.halted or self._stopping:
            return None
        if self._home is not None:
            motion = self._home.at(now_s)
            if now_s >= self._home.end_s:
                self._stand(motion.q, now_s)
            return JointCommand(motion.q, now_s, motion.dq)
        sample = self._follower.sample(now_s)
        state, silent_s = self._follower.state, now_s - self._heard_s
        if state is FollowerState.FOLLOWING and self._status.reason:
            self._note(DriverCause.NONE, "", DriverState.IDLE)
        if state is FollowerState.BRAKING and np.abs(sample.dq).max() > _REST_RAD_S:
            self._stopped(silent_s)
        silence_s = self._parameters.trajectory_timeout_s
        if state is FollowerState.FOLLOWING and silent_s > silence_s:
            self._stopping = True
            self._stopped(silent_s)
            return None
        return JointCommand(sample.q, now_s, sample.dq)

    def _stopped(self, silent_s: float) -> None:
        """Nothing more came to follow though the arm moves."""
        if self._status.cause is not DriverCause.TRAJECTORIES_STOPPED:
            reason = (
                f"no joint_trajectory came for {silent_s:.2f} s while the arm moved; see whether "
                "the controller runs and the network holds"
            )
            self._note(DriverCause.TRAJECTORIES_STOPPED, reason, DriverState.IDLE)

    def _note(self, cause: DriverCause, reason: str, state: DriverState) -> None:
        counts = cause not in (DriverCause.NONE, DriverCause.ORDERED)
        halts = self._status.halts + counts
        self._status = replace(self._status, state=state, cause=cause, reason=reason, halts=halts)

    def _stand(self, q: Float[Array, "7"], now_s: float) -> None:
        """The motion is over; the next one begins here."""
        self._home, self._stopping = None, False
        self._follower.reset(q, now_s)

    def _state(self) -> DriverState:
        if self.halted or not self.held:
            return self._status.state
        if self._home is not None:
            return DriverState.HOMING
        if self._stopping or self._follower.state in _FOLLOWING:
            return DriverState.FOLLOWING
        return DriverState.HOLDING

    def _require_allowed(self) -> None:
        if self.halted:
            raise NotReady(f"the arm has halted: {self._status.reason}")
        if self._home is not None:
            raise NotReady("the arm moves home; wait until it holds")
        if self._stopping:
            raise NotReady("the arm brakes because trajectories stopped; begin where it stands")
