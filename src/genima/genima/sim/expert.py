# SPDX-License-Identifier: Apache-2.0
"""A closed-loop expert: from the present state of the world, where the arm is K steps ahead.

An expert goes through stops (waypoints). What it does next depends only on what is measured: where
the TCP is, whether the gripper has closed, whether the object is still held. It may therefore be
asked in states that somebody else brought about, and the one who follows it need not follow its
path: a learner takes only the position one second ahead and goes there in its own way.
"""

import mujoco
import numpy as np

from genima.arrays import Array, Bool, Float
from genima.errors import InvalidParameter, Unreachable
from genima.geometry import rotation_angle
from genima.ik import InverseKinematics
from genima.kinematics import base_T_tcp as forward_tcp
from genima.sim.itinerary import MAX_JOINT_SPEED_RAD_S, Stop, plan_itinerary
from genima.sim.readings import PandaReadings
from genima.sim.task import Task, Waypoint
from genima.sim.world import ExpertChunk

STEP_S = 0.05
"""Period of a control step [s]."""

GRIPPER_STEPS = 8
"""Control steps that the fingers need to close on something (0.4 s)."""

# Wide enough for a follower whose joints are off by half a degree each (about 1 cm at the TCP).
_POSITION_TOLERANCE_M = 0.015
# A curve has many points: passed so early, each would bring the arm ahead of what was announced.
_CURVE_TOLERANCE_M = 0.006
_ROTATION_TOLERANCE_RAD = 0.12
# In contact the arm may never get there: being slow nearby counts as well.
_STALL_TOLERANCE_M = 0.035
_STALL_SPEED_M = 0.003  # a step, that is 6 cm/s
_STALL_TURN_RAD = 0.02  # a step, that is 0.4 rad/s
_STALL_STEPS = 8
_PASSING_WIDTH_M = 0.10
_OPEN_WIDTH_M = 0.07
_CLOSED_WIDTH_M = 0.06
_FINGERS_STILL_M = 0.0005
_LOST_STEPS = 4
_LOOK_AGAIN_STEPS = 20
_RETREAT_M = 0.1


class WaypointExpert:
    """Follows a task's waypoints in a live simulation.

    Args:
        task: The task; its objects lie in `model` and `data`.
        model: The compiled scene.
        data: The live state; it is read, never written.
        ik: Inverse kinematics.

    Raises:
        Unreachable: The arm cannot go the task's way from the present state.
    """

    def __init__(
        self, task: Task, model: mujoco.MjModel, data: mujoco.MjData, ik: InverseKinematics
    ) -> None:
        self._task = task
        self._model = model
        self._data = data
        self._ik = ik
        self._readings = PandaReadings(model)
        self._q_near = self._readings.q(data)
        self._tcp = forward_tcp(self._q_near)
        self._width_m = self._readings.gripper_width_m(data)
        self._fingers_still = True
        self._succeeded = False
        self._still_steps = 0
        self._lost_steps = 0
        self._start(task.waypoints(model, data))

    @property
    def stops(self) -> tuple[Stop, ...]:
        """The way as it is planned now."""
        return self._stops

    @property
    def stop(self) -> Stop:
        """The stop that the expert goes to or stays at now."""
        return self._stops[self._index]

    def update(self) -> None:
        """Take note of the state after one control step; call it once for each."""
        self._measure()
        if self._lost():
            self._plan_again()
        while self._done():
            if self._index < len(self._stops) - 1:
                self._index += 1
                self._dwelt = self._still_steps = 0
                continue
            if not self._succeeded:
                self._plan_again()
            break

    def chunk(self, horizon_steps: int) -> ExpertChunk:
        """The next steps from the present state; has no side effect.

        Raises:
            InvalidParameter: `horizon_steps` is not positive.
        """
        if horizon_steps < 1:
            raise InvalidParameter(f"a chunk has at least 1 step, got {horizon_steps}.")
        q_now = self._readings.q(self._data)
        rollout = _Rollout(self._stops, self._index, self._remaining_steps())
        q, gripper_open = rollout.run(q_now, horizon_steps)
        return ExpertChunk(q_now=q_now, q=q, gripper_open=gripper_open)

    def _start(self, waypoints: tuple[Waypoint, ...]) -> None:
        self._stops = plan_itinerary(waypoints, self._ik, self._q_near)
        self._index = 0
        self._dwelt = 0

    def _plan_again(self) -> None:
        """Go up, then the whole way again from where the objects are now."""
        waypoints = self._task.waypoints(self._model, self._data)
        up = np.array(self._tcp)
        up[:3, 3] -= _RETREAT_M * up[:3, 2]
        up[2, 3] = min(up[2, 3], max(waypoints[0].base_T_tcp[2, 3], self._tcp[2, 3]))
        retreat = Waypoint("retreat", up, waypoints[0].gripper_open)
        self._lost_steps = 0
        try:
            self._start((retreat, *waypoints))
        except Unreachable:
            # The object lies where the arm cannot work: stay with the old way, look again later.
            self._lost_steps, self._dwelt = -_LOOK_AGAIN_STEPS, 0

    def _measure(self) -> None:
        tcp = forward_tcp(self._readings.q(self._data))
        moved = float(np.linalg.norm(tcp[:3, 3] - self._tcp[:3, 3]))
        turned = float(rotation_angle(tcp[:3, :3].T @ self._tcp[:3, :3]))
        still = moved < _STALL_SPEED_M and turned < _STALL_TURN_RAD
        self._still_steps = self._still_steps + 1 if still else 0
        width_m = self._readings.gripper_width_m(self._data)
        self._fingers_still = abs(width_m - self._width_m) < _FINGERS_STILL_M
        self._tcp, self._width_m = tcp, width_m
        self._succeeded |= self._task.success(self._model, self._data)

    def _lost(self) -> bool:
        holds = self.stop.holds
        broken = holds is not None and not holds(self._model, self._data)
        if not broken or self._succeeded:
            self._lost_steps = min(self._lost_steps, 0)
            return False
        self._lost_steps += 1
        return self._lost_steps >= _LOST_STEPS

    def _gripper_ready(self) -> bool:
        if self.stop.gripper_open:
            return self._width_m > _OPEN_WIDTH_M
        return self._width_m < _CLOSED_WIDTH_M and self._fingers_still

    def _arrived(self) -> bool:
        gap = np.linalg.norm(self.stop.base_T_tcp[:3, 3] - self._tcp[:3, 3])
        turn = rotation_angle(self.stop.base_T_tcp[:3, :3].T @ self._tcp[:3, :3])
        near_m = _CURVE_TOLERANCE_M if self.stop.on_curve else _POSITION_TOLERANCE_M
        if gap < near_m and turn < _ROTATION_TOLERANCE_RAD:
            return True
        return bool(gap < _STALL_TOLERANCE_M and self._still_steps >= _STALL_STEPS)

    def _passed(self) -> bool:
        """Whether the arm is beyond a stop without dwell, though it cut the corner."""
        here, there = self.stop.base_T_tcp[:3, 3], self._stops[self._index + 1].base_T_tcp[:3, 3]
        way = there - here
        length = np.linalg.norm(way)
        if length < 1e-6 or self._still_steps >= _STALL_STEPS:
            return True
        along = float((self._tcp[:3, 3] - here) @ way / length)
        aside = np.linalg.norm(self._tcp[:3, 3] - here - along * way / length)
        return bool(along > 0.0 and aside < _PASSING_WIDTH_M)

    def _done(self) -> bool:
        if self.stop.dwell_steps == 0:
            return self._arrived() or self._passed()
        if self._dwelt or (self._arrived() and self._gripper_ready()):
            self._dwelt += 1
        return self._dwelt > self.stop.dwell_steps

    def _remaining_steps(self) -> int:
        """Steps to stay at the present stop once the arm is there."""
        dwell = self.stop.dwell_steps - self._dwelt
        waits = self.stop.dwell_steps > 0 and not self._dwelt and not self._gripper_ready()
        return max(0, dwell) + (GRIPPER_STEPS if waits else 0)


class _Rollout:
    """The expert's way from a state on, in thought: only geometry, no physics."""

    def __init__(self, stops: tuple[Stop, ...], index: int, stay_steps: int) -> None:
        self._stops = stops
        self._index = index
        self._stay = stay_steps

    def run(
        self, q_now: Float[Array, "7"], steps: int
    ) -> tuple[Float[Array, "k 7"], Bool[Array, "k"]]:
        path = np.empty((steps, 7))
        gripper = np.empty(steps, dtype=bool)
        q, tcp = np.array(q_now), forward_tcp(q_now)
        way = self._steps_to(q, tcp)
        for k in range(steps):
            left = 1.0  # of this step
            while left > 0.0:
                if way <= 0.0 and self._stay <= 0 and self._index < len(self._stops) - 1:
                    tcp = self._stops[self._index].base_T_tcp
                    way = self._next(q, tcp)
                if way <= 0.0:
                    self._stay -= 1
                    break
                stop = self._stops[self._index]
                part = min(left, way)
                q = q + (stop.q - q) * (part / way)
                way -= part
                # The arm does not wait where it only passes; what is lost there would add up.
                left = left - part if stop.dwell_steps == 0 else 0.0
            path[k] = q
            gripper[k] = self._stops[self._index].gripper_open
        return path, gripper

    def _next(self, q: Float[Array, "7"], tcp: Float[Array, "4 4"]) -> float:
        before = self._stops[self._index]
        self._index += 1
        stop = self._stops[self._index]
        turns = stop.gripper_open != before.gripper_open and stop.dwell_steps > 0
        self._stay = stop.dwell_steps + (GRIPPER_STEPS if turns else 0)
        return self._steps_to(q, tcp)

    def _steps_to(self, q: Float[Array, "7"], tcp: Float[Array, "4 4"]) -> float:
        """Steps to the stop at the speeds allowed."""
        stop = self._stops[self._index]
        gap = float(np.linalg.norm(stop.base_T_tcp[:3, 3] - tcp[:3, 3]))
        joints = float(np.abs(stop.q - q).max())
        return max(gap / (stop.speed_m_s * STEP_S), joints / (MAX_JOINT_SPEED_RAD_S * STEP_S))
