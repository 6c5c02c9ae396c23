# SPDX-License-Identifier: Apache-2.0
"""Follows streamed joint trajectories and brakes when they run out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from genima.arrays import Array, Float
from genima.control.joint_order import JointOrder
from genima.control.quintic import Motion, Quintic, at_rest
from genima.errors import InvalidCommand
from genima.kinematics import JOINT_NAMES
from genima.limits import JointLimits, RobotModel, limits_of
from genima.timing import SAME_TIME_S

#: A trajectory whose mean speed between two points is above this many times the limit is refused.
_SPEED_SLACK = 2.0
#: Likewise for the acceleration at the ends of the cubic between two points.
_ACCELERATION_SLACK = 10.0
#: A velocity below this is rest [rad/s]; it is what rounding leaves of zero.
_REST_RAD_S = 1e-6


class FollowerState(Enum):
    """What a follower does."""

    IDLE = "stands where it was reset; no trajectory has come"
    FOLLOWING = "follows a trajectory"
    BRAKING = "brakes because the trajectory ran out"
    HOLDING = "stands where it came to rest"


@dataclass(frozen=True, eq=False)
class JointSample:
    """What the arm is to do at one time.

    Attributes:
        q: Joint positions [rad].
        dq: Joint velocities [rad/s].
    """

    q: Float[Array, "7"]
    dq: Float[Array, "7"]


class TrajectoryFollower:
    """Turns trajectory messages into a motion that never steps, whatever comes or fails to come.

    Between points the motion is the cubic through their positions and velocities. A new trajectory
    is joined to the presently commanded position and velocity. Behind the last point the motion
    brakes within the limits of acceleration and jerk and stands.

    Args:
        q: Where the arm stands [rad].
        now_s: The present time [s].
        limits: Of the arm.
        names: Its joints.
    """

    def __init__(
        self,
        q: Float[Array, "7"] | None = None,
        now_s: float = -np.inf,
        limits: JointLimits | None = None,
        names: Sequence[str] = JOINT_NAMES,
    ) -> None:
        self._limits = limits if limits is not None else limits_of(RobotModel.PANDA)
        self._order = JointOrder(names, extra_allowed=False)
        self._ignored = 0
        self.reset(np.zeros(7) if q is None else q, now_s)

    def reset(self, q: Float[Array, "7"], now_s: float) -> None:
        """Stand at `q` [rad]; trajectories stamped before `now_s` [s] are ignored from now on."""
        self._now_s = now_s
        self._newest_stamp_s = now_s
        self._paths = [_Path.standing(q, now_s, self._limits)]
        self._state = FollowerState.IDLE

    @property
    def state(self) -> FollowerState:
        """What it did at the time that was sampled last."""
        return self._state

    @property
    def ignored(self) -> int:
        """How many trajectories came too late to be followed, or out of order."""
        return self._ignored

    def covers(self, t_s: float) -> bool:
        """Whether a trajectory says what to do until `t_s` [s]."""
        return self._paths[-1].end_s >= t_s - SAME_TIME_S

    def accept(
        self,
        stamp_s: float,
        names: Sequence[str],
        times_from_start_s: Float[Array, "n"],
        q: Float[Array, "n 7"],
        dq: Float[Array, "n 7"],
    ) -> bool:
        """Take a trajectory that begins at `stamp_s`; joints may come in any order.

        Points in the past are left out. A trajectory that is older than the newest one, from
        before the reset, or wholly in the past changes nothing and is counted in `ignored`.

        Args:
            stamp_s: When it begins [s].
            names: The joints, in the order of the columns of `q` and `dq`.
            times_from_start_s: When each point is reached, counted from `stamp_s` [s]; rising.
            q: Joint positions [rad].
            dq: Joint velocities [rad/s].

        Returns:
            Whether it is followed.

        Raises:
            InvalidCommand: It is malformed, or faster than the arm; what was followed goes on.
        """
        index = self._order.index(names)
        times_s, q, dq = _checked(stamp_s, len(tuple(names)), times_from_start_s, q, dq)
        start_s = max(stamp_s, self._now_s)
        ahead = times_s > start_s + SAME_TIME_S
        if stamp_s < self._newest_stamp_s - SAME_TIME_S or not ahead.any():
            self._ignored += 1
            return False
        path = self._joined(start_s, times_s[ahead], q[ahead][:, index], dq[ahead][:, index])
        path.require_possible()
        self._newest_stamp_s = max(stamp_s, self._newest_stamp_s)
        earlier = [old for old in self._paths if old.start_s < start_s - SAME_TIME_S]
        self._paths = [*earlier, path]
        return True

    def sample(self, t_s: float) -> JointSample:
        """The motion at a time. Time does not go back: an earlier time gives the latest sample."""
        self._now_s = max(t_s, self._now_s)
        while len(self._paths) > 1 and self._paths[1].start_s <= self._now_s:
            self._paths.pop(0)
        path = self._paths[0]
        motion = path.at(self._now_s)
        if self._now_s <= path.end_s + SAME_TIME_S and path.moves:
            self._state = FollowerState.FOLLOWING
        elif path.moves:
            braking = self._now_s < path.rest_s
            self._state = FollowerState.BRAKING if braking else FollowerState.HOLDING
        return JointSample(motion.q, motion.dq)

    def _joined(
        self,
        start_s: float,
        times_s: Float[Array, "n"],
        q: Float[Array, "n 7"],
        dq: Float[Array, "n 7"],
    ) -> "_Path":
        """From the present motion to the first point that it can reach gently, and on."""
        present = self._at(start_s)
        times_s = np.concatenate([[start_s], times_s])
        q, dq = np.vstack([present.q, q]), np.vstack([present.dq, dq])
        ends = np.abs(_end_accelerations(times_s[1:] - start_s, q[1:] - q[0], dq[0], dq[1:]))
        gentle = (ends <= _ACCELERATION_SLACK * self._limits.ddq_max).all(axis=(0, 2))
        rows = [0, *range(1 + int(np.argmax(gentle)), len(times_s))]
        return _Path(times_s[rows], q[rows], dq[rows], self._limits)

    def _at(self, t_s: float) -> Motion:
        path = next(old for old in reversed(self._paths) if old.start_s <= t_s)
        return path.at(t_s)


class _Path:
    """Cubics through points, then a stop."""

    def __init__(
        self,
        times_s: Float[Array, "n"],
        q: Float[Array, "n 7"],
        dq: Float[Array, "n 7"],
        limits: JointLimits,
    ) -> None:
        self._times_s, self._q, self._dq = times_s, q, dq
        self._limits = limits
        self._stop: Quintic | None = None

    @classmethod
    def standing(cls, q: Float[Array, "7"], now_s: float, limits: JointLimits) -> "_Path":
        """No motion at all."""
        return cls(np.array([now_s]), np.array([q], float), np.zeros((1, 7)), limits)

    @property
    def moves(self) -> bool:
        return len(self._times_s) > 1

    @property
    def start_s(self) -> float:
        return float(self._times_s[0])

    @property
    def end_s(self) -> float:
        """The time of the last point [s]; a standing path covers nothing."""
        return float(self._times_s[-1]) if self.moves else -np.inf

    @property
    def rest_s(self) -> float:
        """When the stop behind the last point is over [s]."""
        return self._stopping().end_s

    def at(self, t_s: float) -> Motion:
        if not self.moves:
            return at_rest(self._q[0])
        if t_s <= self._times_s[-1]:
            return self._cubic(t_s)
        stop = self._stopping()
        return stop.at(t_s) if t_s < stop.end_s else at_rest(stop.at(t_s).q)

    def require_possible(self) -> None:
        """Refuse a path that no limit would let pass.

        Raises:
            InvalidCommand: Mean speed or acceleration on the way to a point is far too high.
        """
        T = np.diff(self._times_s)
        way = np.diff(self._q, axis=0)
        _require_below(_SPEED_SLACK * self._limits.dq_max, np.abs(way) / T[:, None], "rad/s")
        ends = _end_accelerations(T, way, self._dq[:-1], self._dq[1:])
        limit = _ACCELERATION_SLACK * self._limits.ddq_max
        _require_below(limit, np.abs(ends).max(axis=0), "rad/s^2")

    def _stopping(self) -> Quintic:
        if self._stop is None:  # most paths are replaced before they end
            end_s = float(self._times_s[-1])
            end = self._cubic(end_s)
            # A last point at rest is where to stand; to fade its acceleration would leave it.
            end = end._replace(ddq=np.where(np.abs(end.dq) < _REST_RAD_S, 0.0, end.ddq))
            self._stop = Quintic.stop(end, end_s, self._limits)
        return self._stop

    def _cubic(self, t_s: float) -> Motion:
        times_s = self._times_s
        i = int(np.clip(np.searchsorted(times_s, t_s), 1, len(times_s) - 1))
        T = times_s[i] - times_s[i - 1]
        t = t_s - times_s[i - 1]
        q0, q1, dq0, dq1 = self._q[i - 1], self._q[i], self._dq[i - 1], self._dq[i]
        rise = (q1 - q0) / T
        c2 = (3.0 * rise - 2.0 * dq0 - dq1) / T
        c3 = (dq0 + dq1 - 2.0 * rise) / T**2
        return Motion(
            q0 + t * (dq0 + t * (c2 + t * c3)),
            dq0 + t * (2.0 * c2 + t * 3.0 * c3),
            2.0 * c2 + 6.0 * t * c3,
        )


def _end_accelerations(
    T: Float[Array, "n"],
    way: Float[Array, "n 7"],
    dq0: Float[Array, "*n 7"],
    dq1: Float[Array, "n 7"],
) -> Float[Array, "2 n 7"]:
    """Accelerations at both ends of cubics [rad/s^2]; in between they lie between these."""
    T = T[:, None]
    rise = way / T
    return np.stack([6.0 * rise - 4.0 * dq0 - 2.0 * dq1, 2.0 * dq0 + 4.0 * dq1 - 6.0 * rise]) / T


def _require_below(limit: Float[Array, "7"], values: Float[Array, "n 7"], unit: str) -> None:
    excess = values / limit
    if excess.max() > 1.0:
        row, joint = np.unravel_index(np.argmax(excess), excess.shape)
        raise InvalidCommand(
            f"trajectory: joint {joint + 1} would need {values[row, joint]:.2f} {unit} on the "
            f"way to point {row}, at most {limit[joint]:.2f} {unit} is followed; "
            "begin where the arm is"
        )


def _checked(
    stamp_s: float,
    joints: int,
    times_from_start_s: Float[Array, "n"],
    q: Float[Array, "n joints"],
    dq: Float[Array, "n joints"],
) -> tuple[Float[Array, "n"], Float[Array, "n joints"], Float[Array, "n joints"]]:
    """Absolute times, positions and velocities of a well-formed trajectory."""
    times = np.asarray(times_from_start_s, float)
    q, dq = np.asarray(q, float), np.asarray(dq, float)
    if times.ndim != 1 or not len(times):
        raise InvalidCommand(f"trajectory: times have shape {times.shape}; one a point is needed")
    for name, array in (("positions", q), ("velocities", dq)):
        if array.shape != (len(times), joints):
            raise InvalidCommand(
                f"trajectory: {name} have shape {array.shape}; {len(times)} points of {joints} "
                f"named joints need {(len(times), joints)}"
            )
        if not np.isfinite(array).all():
            raise InvalidCommand(f"trajectory: {name} hold NaN or infinity; all must be finite")
    if not (np.isfinite(stamp_s) and np.isfinite(times).all()):
        raise InvalidCommand(f"trajectory: stamp {stamp_s} and all times must be finite")
    if times[0] < 0 or (np.diff(times) <= 0).any():
        raise InvalidCommand(
            f"trajectory: times from start {times.tolist()} s must not be negative and must rise"
        )
    return stamp_s + times, q, dq
