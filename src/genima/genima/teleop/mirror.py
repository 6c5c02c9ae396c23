# SPDX-License-Identifier: Apache-2.0
"""The follower follows the leader: when it may begin, how, and when it must not go on."""

import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidCommand, NotReady
from genima.limits import JointLimits
from genima.safety import (
    CommandGate,
    GateOutput,
    GateParameters,
    GateReason,
    GateState,
    JointCommand,
    JointReading,
)
from genima.teleop.gripper_mirror import GripperMirror
from genima.teleop.types import (
    FollowerReading,
    LeaderReading,
    TeleopCommand,
    TeleopParameters,
    TeleopState,
    TeleopStatus,
)

#: The gate counts commands that a limit changed; here the distance to the leader is judged.
_NEVER = 10**9
#: A leader that has jumped is not run after; whether it comes back in time is judged as well.
_JUMPED = (GateReason.FAR_COMMAND, GateReason.FAR_START)
_STANDING = (GateState.HOLDING, GateState.HALTED)
_ACTIVE = (TeleopState.ALIGNING, TeleopState.MIRRORING)


class Mirror:
    """Turns the leader's states into commands for the follower, one each period.

    Commands begin where the follower stands, never leave its limits of position, velocity and
    acceleration, whatever the leader does, and end in braking at the limits. After a halt nothing
    moves until `start`. Time is given, never read.

    Args:
        limits: Of the follower.
        parameters: How it follows.
    """

    def __init__(self, limits: JointLimits, parameters: TeleopParameters) -> None:
        self._parameters = parameters
        self._gate = CommandGate(limits, _gate_parameters(parameters))
        self._gripper = GripperMirror()
        self._state, self._reason = TeleopState.IDLE, ""
        self._status = TeleopStatus()
        # Where the follower is drawn to, where it was sent, and what is left of the distance that
        # the arms had at the start.
        self._wanted: Float[Array, "7"] = np.zeros(7)
        self._q: Float[Array, "7"] = np.zeros(7)
        self._offset: Float[Array, "7"] = np.zeros(7)
        self._standing = True
        self._started_s = self._kept_up_s = 0.0

    @property
    def status(self) -> TeleopStatus:
        """What it did in the last step."""
        return self._status

    @property
    def active(self) -> bool:
        """Whether the follower is to follow."""
        return self._state in _ACTIVE

    @property
    def halted(self) -> bool:
        """Whether it stands, or brakes to stand, until `start`."""
        return self._state is TeleopState.HALTED

    @property
    def at_rest(self) -> bool:
        """Whether the follower is neither to follow nor still braking."""
        return not self.active and self._standing

    @property
    def limits(self) -> JointLimits:
        """The limits that commands keep to."""
        return self._gate.limits

    def require_startable(
        self, leader: LeaderReading | None, follower: FollowerReading | None, now_s: float
    ) -> None:
        """Raise why `start` would refuse.

        Raises:
            NotReady: It would.
        """
        if not self.at_rest:
            raise NotReady("the follower is in motion; stop it and wait until it stands")
        fault = self._fault(leader, follower, now_s)
        if fault or leader is None or follower is None:
            raise NotReady(fault)
        distance = np.abs(self._target(leader) - follower.q)
        if distance.max() > self._parameters.align_within_rad:
            raise NotReady(
                f"joint {distance.argmax() + 1} of leader and follower are {distance.max():.2f} "
                f"rad apart, at most {self._parameters.align_within_rad} is brought together; "
                "move the leader to where the follower is"
            )

    def start(
        self, leader: LeaderReading | None, follower: FollowerReading | None, now_s: float
    ) -> None:
        """Begin to follow, slowly at first if the arms are apart.

        Raises:
            NotReady: The arms are too far apart, a state is missing or old, or the follower moves.
        """
        self.require_startable(leader, follower, now_s)
        assert leader is not None and follower is not None
        try:
            self._gate.reset(JointReading(follower.q, follower.stamp_s), now_s)
        except InvalidCommand as error:
            raise NotReady(f"follower: {error}") from error
        self._wanted = self._q = np.array(follower.q, float)
        self._standing = False
        self._gripper.begin(follower.gripper_opening)
        self._started_s = self._kept_up_s = now_s
        self._state, self._reason = TeleopState.ALIGNING, "the follower moves to the leader"

    def stop(self, reason: str) -> None:
        """Brake and be idle."""
        if self.active:
            self._state, self._reason = TeleopState.IDLE, reason

    def halt(self, reason: str) -> None:
        """Brake and stand until `start`; an earlier reason stays."""
        if self.active:
            self._state, self._reason = TeleopState.HALTED, reason

    def abandon(self, reason: str) -> None:
        """Halt where it is: no step comes any more, and what was seen last is not told again."""
        self._state, self._reason, self._standing = TeleopState.HALTED, reason, True
        self._status = TeleopStatus(self._state, reason)

    def clear(self) -> None:
        """Forget why it halted: the cause is mended."""
        if self.halted:
            self._state, self._reason = TeleopState.IDLE, ""

    def step(
        self, leader: LeaderReading | None, follower: FollowerReading | None, now_s: float
    ) -> TeleopCommand | None:
        """Advance by one period.

        Args:
            leader: Its newest state; None if none ever came.
            follower: Likewise.
            now_s: The present time [s].

        Returns:
            What the follower is to do; None while it is to be left alone.
        """
        if self.active and (fault := self._fault(leader, follower, now_s)):
            self.halt(fault)
        if self.at_rest:
            self._note(leader, follower, now_s, limited=False)
            return None
        command, gripper_open = None, None
        if self.active and leader is not None:
            command = self._follow(leader, now_s)
            if self._state is TeleopState.MIRRORING:
                gripper_open = self._gripper.follow(leader.gripper_opening)
        reading = JointReading(follower.q, follower.stamp_s) if follower is not None else None
        output = self._gate.step(command, reading, now_s)
        assert output.q is not None and output.dq is not None  # it was reset by `start`
        self._q = output.q
        self._standing = not self.active and output.state in _STANDING
        if self.active and output.reason not in (GateReason.NONE, *_JUMPED):
            self.halt(self._explained(output, follower))
        self._note(leader, follower, now_s, output.limited or output.reason in _JUMPED)
        return TeleopCommand(output.q, output.dq, gripper_open if self.active else None)

    def _follow(self, leader: LeaderReading, now_s: float) -> JointCommand | None:
        """The command of this step, unless it halts."""
        target = self._target(leader)
        if self._state is TeleopState.ALIGNING:
            self._approach(target, now_s)
        else:
            self._offset = _shorter(self._offset, self._slow_step_rad)
            self._wanted = target - self._offset
            self._judge_lag(now_s)
        if not self.active:
            return None
        return JointCommand(self._wanted, leader.stamp_s)

    def _approach(self, target: Float[Array, "7"], now_s: float) -> None:
        """Go on towards the leader at the slow speed; mirror as soon as it is reached."""
        p = self._parameters
        way = target - self._wanted
        if np.abs(way).max() > p.align_within_rad + p.start_tolerance_rad:
            self.halt("the leader was moved away from the follower; bring it back, start again")
        elif now_s - self._started_s > p.align_timeout_s:
            self.halt(
                f"the follower did not reach the leader within {p.align_timeout_s:g} s; hold the "
                "leader still while they are brought together"
            )
        elif np.abs(way).max() <= p.start_tolerance_rad:
            self._state, self._reason = TeleopState.MIRRORING, ""
            self._offset = way
            self._kept_up_s = now_s
        else:
            self._wanted = target - _shorter(way, self._slow_step_rad)

    def _judge_lag(self, now_s: float) -> None:
        """Halt if the limits keep the follower behind the leader for too long."""
        p = self._parameters
        lag = np.abs(self._wanted - self._q)
        if lag.max() <= p.lag_rad:
            self._kept_up_s = now_s
        elif now_s - self._kept_up_s > p.lag_timeout_s:
            self.halt(
                f"joint {lag.argmax() + 1} of the leader is {lag.max():.2f} rad ahead of what the "
                "follower may do; move more slowly, bring them together and start again"
            )

    def _fault(
        self, leader: LeaderReading | None, follower: FollowerReading | None, now_s: float
    ) -> str:
        """Why these states cannot be acted on; empty if they can."""
        p = self._parameters
        return _state_fault("leader", leader, p.leader_timeout_s, now_s) or _state_fault(
            "follower", follower, p.follower_timeout_s, now_s
        )

    def _target(self, leader: LeaderReading) -> Float[Array, "7"]:
        """Where the follower may go of where the leader is [rad]."""
        return self._gate.limits.clamp(np.asarray(leader.q, float))

    def _explained(self, output: GateOutput, follower: FollowerReading | None) -> str:
        """The gate's reason, as it is here."""
        if output.reason is not GateReason.TRACKING or follower is None:
            return output.message
        distance = np.abs(follower.q - self._q)
        return (
            f"joint {distance.argmax() + 1} of the follower is {distance.max():.2f} rad from its "
            f"command, at most {self._parameters.far_rad:g} is allowed; free it and start again"
        )

    @property
    def _slow_step_rad(self) -> float:
        return self._parameters.align_speed_rad_s * self._parameters.period_s

    def _note(
        self,
        leader: LeaderReading | None,
        follower: FollowerReading | None,
        now_s: float,
        limited: bool,
    ) -> None:
        error_rad = np.nan
        if leader is not None and follower is not None:
            error_rad = np.abs(leader.q - follower.q).max()
        age_s = now_s - leader.stamp_s if leader is not None else np.inf
        self._status = TeleopStatus(self._state, self._reason, float(error_rad), age_s, limited)


def _gate_parameters(p: TeleopParameters) -> GateParameters:
    return GateParameters(
        period_s=p.period_s,
        position_margin_rad=p.position_margin_rad,
        velocity_fraction=p.velocity_fraction,
        acceleration_fraction=p.acceleration_fraction,
        start_tolerance_rad=p.lag_rad,
        tracking_tolerance_rad=p.far_rad,
        joint_state_timeout_s=p.follower_timeout_s,
        target_timeout_s=p.leader_timeout_s,
        max_limited_steps=_NEVER,
    )


def _state_fault(
    name: str, reading: LeaderReading | FollowerReading | None, timeout_s: float, now_s: float
) -> str:
    if reading is None:
        return f"no state of the {name} has come; see whether it is switched on and connected"
    age_s = now_s - reading.stamp_s
    if not age_s <= timeout_s:  # so that NaN is old, too
        return (
            f"the {name}'s state is {age_s:.2f} s old, at most {timeout_s:g} s is allowed; see "
            "whether it is still switched on and connected"
        )
    if np.shape(reading.q) != (7,) or not np.isfinite(reading.q).all():
        return f"the {name}'s positions are {reading.q}; seven finite numbers are needed"
    return ""


def _shorter(way: Float[Array, "7"], by_rad: float) -> Float[Array, "7"]:
    """The same direction, its largest component nearer to zero."""
    longest = float(np.abs(way).max())
    return way * (max(longest - by_rad, 0.0) / longest) if longest > 0.0 else way
