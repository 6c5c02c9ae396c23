# SPDX-License-Identifier: Apache-2.0
"""From an expert's waypoints in space to stops in joint space, where the arm can go there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genima.arrays import Array, Float
from genima.errors import Unreachable
from genima.geometry import rotation_angle, rotation_z
from genima.ik import InverseKinematics
from genima.kinematics import base_T_tcp
from genima.limits import RobotModel, limits_of
from genima.safety.free_space import FreeSpace
from genima.sim.task import K_STEPS, Holds, Waypoint

MAX_JOINT_SPEED_RAD_S = 1.0
"""Half of what the slowest joint may do: a follower that cuts corners has to catch up."""

_KNOT_SPACING_M = 0.05
_FIRST_WAY_S = 0.5  # at least: an arm that rests is not at full speed after one step
_LIMIT_MARGIN_RAD = 0.08
_MAX_KNOT_JUMP_RAD = 0.5
#: Twice what controllers keep between parts of the arm [m]; workspaces are theirs, too.
_CLEAR_OF_ITSELF = FreeSpace((-2.0, -2.0, -1.0), (2.0, 2.0, 2.0), margin_m=0.025)


@dataclass(frozen=True)
class Stop:
    """A waypoint, or a knot on a straight line to one, with its joint positions.

    Attributes:
        name: Name of the waypoint.
        q: Joint positions there [rad], (7,).
        base_T_tcp: Pose of the TCP there, (4, 4).
        gripper_open: State of the gripper on the way here.
        dwell_steps: Control steps to stay; 0 means pass through.
        speed_m_s: Greatest speed of the TCP on the way here [m/s].
        holds: Must be true on the way here.
        on_curve: One of many points of a curve.
    """

    name: str
    q: Float[Array, "7"]
    base_T_tcp: Float[Array, "4 4"]
    gripper_open: bool
    dwell_steps: int
    speed_m_s: float
    holds: Holds | None
    on_curve: bool


def plan_itinerary(
    waypoints: Sequence[Waypoint], ik: InverseKinematics, q_near: Float[Array, "7"]
) -> tuple[Stop, ...]:
    """Joint positions for every waypoint.

    The gripper looks the same after half a turn about its axis, so both ways to hold it are tried
    and the one that moves the joints less is taken, for the whole way.

    Args:
        waypoints: The way, first to last.
        ik: Inverse kinematics.
        q_near: Joint positions to stay near [rad], (7,).

    Raises:
        Unreachable: Neither way to hold the gripper reaches every waypoint within the limits and
            with the arm clear of itself.
    """
    gap_m = np.linalg.norm(waypoints[0].base_T_tcp[:3, 3] - base_T_tcp(q_near)[:3, 3])
    speed_m_s = min(waypoints[0].speed_m_s, max(float(gap_m), 0.01) / _FIRST_WAY_S)
    waypoints = [replace(waypoints[0], speed_m_s=speed_m_s), *waypoints[1:]]
    best: tuple[Stop, ...] | None = None
    cost = np.inf
    why = ""
    for half_turn in (0.0, np.pi):
        try:
            stops = _solve(waypoints, ik, q_near, half_turn)
        except Unreachable as error:
            # Its words alone: the error keeps all frames alive, with the scene in one of them, and
            # this frame would keep the error. The collector of such circles may come hours later.
            why = str(error)
            continue
        if (way := max(np.abs(stop.q - q_near).max() for stop in stops)) < cost:
            best, cost = stops, way
    if best is None:
        raise Unreachable(f"no way leads along all {len(waypoints)} waypoints: {why}")
    return best


def _solve(
    waypoints: Sequence[Waypoint],
    ik: InverseKinematics,
    q_near: Float[Array, "7"],
    half_turn: float,
) -> tuple[Stop, ...]:
    limits = limits_of(RobotModel.PANDA)
    turn = np.eye(4)
    turn[:3, :3] = rotation_z(half_turn)
    stops: list[Stop] = []
    q, pose = _facing(q_near, waypoints[0].base_T_tcp @ turn), None
    for waypoint in waypoints:
        target = waypoint.base_T_tcp @ turn
        knots = _line(pose, target) if waypoint.straight and pose is not None else [target]
        for k, knot in enumerate(knots):
            # A pose that was solved before keeps its joint positions: the arm must not move there.
            solved = q if pose is not None and np.allclose(knot, pose) else ik.solve(knot, q)
            if not limits.within(solved, margin_rad=_LIMIT_MARGIN_RAD):
                raise Unreachable(f"waypoint {waypoint.name!r} is at a joint limit.")
            if (len(knots) > 1 or waypoint.passing) and np.abs(
                solved - q
            ).max() > _MAX_KNOT_JUMP_RAD:
                raise Unreachable(f"the straight way to {waypoint.name!r} jumps in joint space.")
            q, pose = solved, knot
            last = k == len(knots) - 1
            stays = last and not waypoint.passing
            stops.append(_stop(waypoint, q, knot, K_STEPS if stays else 0))
    _require_clear(stops)
    return tuple(stops)


def _require_clear(stops: Sequence[Stop]) -> None:
    """Refuse a way on which controllers would hold the arm, lest it touches itself."""
    clear_m = _CLEAR_OF_ITSELF.clearances(np.stack([stop.q for stop in stops])).min(axis=1)
    worst = stops[int(clear_m.argmin())]
    if clear_m.min() < 0.0:
        message = _CLEAR_OF_ITSELF.fault(worst.q).message
        raise Unreachable(f"waypoint {worst.name!r} would bring {message}.")


def _facing(q: Float[Array, "7"], target: Float[Array, "4 4"]) -> Float[Array, "7"]:
    """`q` turned at the base towards a pose, and at the flange to its yaw.

    Seeded so, the solution keeps the elbow upright and depends on the pose alone.
    """
    tcp = base_T_tcp(q)
    azimuth, yaw = (
        np.arctan2(target[1, column], target[0, column])
        - np.arctan2(tcp[1, column], tcp[0, column])
        for column in (3, 0)
    )
    seed = np.array(q)
    seed[0] += _wrapped(azimuth)
    seed[6] += _wrapped(azimuth - yaw)
    return limits_of(RobotModel.PANDA).clamp(seed)


def _wrapped(angle_rad: float) -> float:
    return float((angle_rad + np.pi) % (2 * np.pi) - np.pi)


def _stop(
    waypoint: Waypoint, q: Float[Array, "7"], pose: Float[Array, "4 4"], dwell_steps: int
) -> Stop:
    return Stop(
        name=waypoint.name,
        q=q,
        base_T_tcp=pose,
        gripper_open=waypoint.gripper_open,
        dwell_steps=dwell_steps,
        speed_m_s=waypoint.speed_m_s,
        holds=waypoint.holds,
        on_curve=waypoint.passing,
    )


def _line(start: Float[Array, "4 4"], end: Float[Array, "4 4"]) -> list[Float[Array, "4 4"]]:
    """Poses on a straight line, without its start; a line that turns the hand is one piece."""
    way = end[:3, 3] - start[:3, 3]
    pieces = max(1, int(np.ceil(np.linalg.norm(way) / _KNOT_SPACING_M)))
    if rotation_angle(start[:3, :3].T @ end[:3, :3]) > 1e-3:
        pieces = 1
    knots = []
    for k in range(1, pieces + 1):
        knot = np.array(end)
        knot[:3, 3] = start[:3, 3] + way * (k / pieces)
        knots.append(knot)
    return knots
