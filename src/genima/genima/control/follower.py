# SPDX-License-Identifier: Apache-2.0
"""Follows streamed joint trajectories and brakes when they run out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from genima.arrays import Array, Float
from genima.control.joint_order import JointOrder
from genima.control.point_path import PointPath
from genima.control.quintic import Motion
from genima.errors import InvalidCommand
from genima.kinematics import JOINT_NAMES
from genima.limits import JointLimits, RobotModel, limits_of
from genima.timing import SAME_TIME_S


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
        self._paths = [PointPath.standing(q, now_s, self._limits)]
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
    ) -> PointPath:
        present = self._at(start_s)
        times_s = np.concatenate([[start_s], times_s])
        q, dq = np.vstack([present.q, q]), np.vstack([present.dq, dq])
        return PointPath.gently_begun(times_s, q, dq, self._limits)

    def _at(self, t_s: float) -> Motion:
        path = next(old for old in reversed(self._paths) if old.start_s <= t_s)
        return path.at(t_s)


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
