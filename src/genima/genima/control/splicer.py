# SPDX-License-Identifier: Apache-2.0
"""Joins chunks into one commanded motion without a step in position, velocity or acceleration."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from genima.arrays import Array, Bool, Float
from genima.control.chunk import ActionChunk
from genima.control.minimum_jerk import ARRIVAL_TOLERANCE_RAD, PEAK_DDQ, arrived_from
from genima.control.quintic import Motion, Quintic, at_rest, elapsed_s
from genima.errors import InvalidCommand
from genima.limits import JointLimits
from genima.timing import SAME_TIME_S

#: Share of the acceleration limit that catching up with a new chunk may take.
_CATCH_UP_SHARE = 0.3
#: Shortest time in which a difference to a new chunk is faded out, in steps of the chunk.
_SHORTEST_FADE_STEPS = 2.0


@dataclass(frozen=True, eq=False)
class CommandSample:
    """What is commanded at one time.

    Attributes:
        q: Joint positions [rad].
        dq: Joint velocities [rad/s].
        ddq: Joint accelerations [rad/s^2].
        gripper_open: Whether the gripper is to be open.
    """

    q: Float[Array, "7"]
    dq: Float[Array, "7"]
    ddq: Float[Array, "7"]
    gripper_open: bool


class ChunkSplicer:
    """The motion that the controller commands: continuous however and whenever its target changes.

    A new chunk becomes a cubic spline through its waypoints. What separates it from the motion
    commanded so far (position, velocity, acceleration) is faded out by a quintic, after which the
    command runs through the waypoints exactly. Behind its end the motion brakes and stands.

    Args:
        limits: Of the arm; fading and braking keep well inside.
        q: Where the arm stands [rad].
        gripper_open: What the gripper does before anything is spliced.
    """

    def __init__(
        self, limits: JointLimits, q: Float[Array, "7"], gripper_open: bool = True
    ) -> None:
        self._limits = limits
        self.reset(q, gripper_open)

    def reset(self, q: Float[Array, "7"], gripper_open: bool) -> None:
        """Forget all motion: the command stands at `q` [rad]."""
        rest = at_rest(q)
        self._motion: Callable[[float], Motion] = lambda t_s: rest
        self._before: Quintic | None = None  # how the motion before this one came to rest
        self._stop: Quintic | None = None
        self._start_s = -np.inf
        self._end_s = -np.inf
        self._set_gripper(gripper_open, np.empty(0), np.empty(0, bool))

    @property
    def end_s(self) -> float:
        """When the spliced motion reaches its last waypoint [s]; before any splice -inf."""
        return self._end_s

    def splice(self, chunk: ActionChunk, now_s: float) -> None:
        """Go over to a chunk. It may have begun before `now_s`; its past steps are left out.

        Raises:
            InvalidCommand: The chunk is over already, or has not begun.
        """
        if chunk.end_s <= now_s or chunk.start_s > now_s + SAME_TIME_S:
            raise InvalidCommand(
                f"chunk: it lasts from {chunk.start_s:.3f} to {chunk.end_s:.3f} s, now is "
                f"{now_s:.3f} s; splice a chunk while it lasts"
            )
        present = self._at(now_s)
        spline = chunk_spline(chunk, present.q)
        chunk_now = _spline_motion(spline, elapsed_s(chunk.start_s, now_s))
        gap = Motion(*(mine - its for mine, its in zip(present, chunk_now, strict=True)))
        fade = Quintic.between(gap, at_rest(np.zeros(7)), now_s, self._fade_s(gap, chunk, now_s))

        def motion(t_s: float) -> Motion:
            its_motion = _spline_motion(spline, elapsed_s(chunk.start_s, t_s))
            parts = zip(its_motion, fade.at(t_s), strict=True)
            return Motion(*(its + rest for its, rest in parts))

        begins_s = chunk.times_s - chunk.step_s
        self._set_gripper(self._gripper_at(now_s), begins_s, chunk.gripper_open)
        self._begin(motion, now_s, chunk.end_s)

    def move_to(
        self,
        q_target: Float[Array, "7"],
        gripper_open: bool,
        now_s: float,
        horizon_steps: int,
        step_s: float,
    ) -> None:
        """Go over to the motion of least jerk that comes to rest at a target after K steps.

        From rest this is the minimum-jerk path; in motion it begins with the present velocity and
        acceleration, so that replanning before the end is smooth. The gripper changes on arrival:
        once the rest of the way is within `ARRIVAL_TOLERANCE_RAD`, at once if the arm is there.

        Args:
            q_target: Where to come to rest [rad].
            gripper_open: Whether the gripper is to be open there.
            now_s: When the motion begins [s].
            horizon_steps: K.
            step_s: Time between two steps [s].

        Raises:
            InvalidCommand: The target is not finite or the duration not positive.
        """
        q_target = np.asarray(q_target, float)
        if q_target.shape != (7,) or not np.isfinite(q_target).all():
            raise InvalidCommand(
                f"target: got {q_target}; it must be seven finite positions [rad]"
            )
        if not (horizon_steps >= 1 and 0 < step_s < np.inf):
            raise InvalidCommand(
                f"target: {horizon_steps} steps of {step_s} s; at least 1 step above 0 s is needed"
            )
        duration_s = horizon_steps * step_s
        path = Quintic.between(self._at(now_s), at_rest(q_target), now_s, duration_s)
        times_s = duration_s * np.linspace(0.0, 1.0, 4 * horizon_steps + 1)
        q = np.vander(times_s, 6, increasing=True) @ path.coefficients
        arrived = arrived_from(q, q_target, ARRIVAL_TOLERANCE_RAD)
        arrival_s = now_s + times_s[np.argmax(arrived)]
        self._set_gripper(self._gripper_at(now_s), np.array([arrival_s]), np.array([gripper_open]))
        self._begin(path.at, now_s, path.end_s)

    def stop(self, now_s: float) -> float:
        """Give the motion up and come to rest; returns when [s]. What is next may begin then."""
        present = self._at(now_s)
        self._set_gripper(self._gripper_at(now_s), np.empty(0), np.empty(0, bool))
        self._stop = None
        return self._begin(lambda t_s: present, now_s, now_s).end_s

    def sample(self, t_s: float) -> CommandSample:
        """The command at a time, which should not lie before the newest splice."""
        return CommandSample(*self._at(t_s), gripper_open=self._gripper_at(t_s))

    def _begin(self, motion: Callable[[float], Motion], now_s: float, end_s: float) -> Quintic:
        self._motion, self._start_s, self._end_s = motion, now_s, end_s
        self._before, self._stop = self._stop, Quintic.stop(motion(end_s), end_s, self._limits)
        return self._stop

    def _at(self, t_s: float) -> Motion:
        if self._before is not None and t_s < self._start_s:
            return self._before.at(t_s)
        if self._stop is None or t_s <= self._end_s:
            return self._motion(t_s)
        if t_s < self._stop.end_s:
            return self._stop.at(t_s)
        return at_rest(self._stop.at(t_s).q)

    def _fade_s(self, gap: Motion, chunk: ActionChunk, now_s: float) -> float:
        """How long to take to fade out a gap, given that the chunk does not last for ever."""
        ddq = _CATCH_UP_SHARE * self._limits.ddq_max
        gentle_s = max(
            np.max(np.sqrt(PEAK_DDQ * np.abs(gap.q) / ddq)),
            np.max(4.0 * np.abs(gap.dq) / ddq),
            _SHORTEST_FADE_STEPS * chunk.step_s,
        )
        return float(min(gentle_s, elapsed_s(now_s, chunk.end_s)))

    def _set_gripper(
        self, before: bool, times_s: Float[Array, "n"], is_open: Bool[Array, "n"]
    ) -> None:
        self._gripper_times_s = times_s - SAME_TIME_S
        self._gripper = [bool(before), *(bool(value) for value in is_open)]

    def _gripper_at(self, t_s: float) -> bool:
        return self._gripper[int(np.searchsorted(self._gripper_times_s, t_s, side="right"))]


def chunk_spline(chunk: ActionChunk, q_present: Float[Array, "7"]) -> CubicSpline:
    """Through the waypoints and the point that they continue from, by time since `start_s`."""
    first = 2.0 * chunk.q[0] - chunk.q[1] if len(chunk.q) > 1 else q_present
    times_s = chunk.step_s * np.arange(len(chunk.q) + 1)
    return CubicSpline(times_s, np.vstack([first, chunk.q]), bc_type="natural")


def _spline_motion(spline: CubicSpline, t_s: float) -> Motion:
    return Motion(spline(t_s), spline(t_s, 1), spline(t_s, 2))
