# SPDX-License-Identifier: Apache-2.0
"""How experts hold things: poses of the hand at a handle, the way along a hinge, and checks."""

from collections.abc import Callable, Sequence
from typing import Any

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from genima.arrays import Array, Float
from genima.sim.props import top_down, wrap, yaw_of
from genima.sim.readings import PandaReadings
from genima.sim.task import Holds, Waypoint

Locate = Callable[[mujoco.MjData], Float[Array, "3"]]
"""Where something is now, in panda_link0 [m]."""

_ARC_PIECE_RAD = np.radians(15.0)
_ON_AXIS_M = 0.01
_IN_HAND_M = 0.035
_AT_REST_M = 0.015
_REACH_M = 0.09
_ABOVE_M = 0.10
_PRESS_DEPTH_M = 0.010
_SWING_M_S = 0.09
_UP = np.array([0.0, 0.0, 1.0])


def leaning(
    point: Float[Array, "3"], out: Float[Array, "3"], tilt_rad: float
) -> Float[Array, "4 4"]:
    """TCP pose at `point` that comes from above and from `out`; the fingers open sideways.

    Args:
        point: Where the TCP is [m].
        out: Level direction that the hand comes from, of length 1.
        tilt_rad: Lean from the vertical [rad].
    """
    pose = np.eye(4)
    z = -np.sin(tilt_rad) * out - np.cos(tilt_rad) * _UP
    y = np.cross(_UP, out)
    pose[:3, :3] = np.stack([np.cross(y, z), y, z], axis=-1)
    pose[:3, 3] = point
    return pose


def shifted(pose: Float[Array, "4 4"], by: Float[Array, "3"]) -> Float[Array, "4 4"]:
    """The pose moved by a vector of the base [m]."""
    moved = np.array(pose)
    moved[:3, 3] += by
    return moved


def point_of(data: mujoco.MjData, body: str, local: Sequence[float]) -> Float[Array, "3"]:
    """A point of a body, given in the body, in panda_link0 [m]."""
    found = data.body(body)
    return np.array(found.xpos + found.xmat.reshape(3, 3) @ np.array(local))


def at_rest(locate: Locate, where: Float[Array, "3"], within_m: float = _AT_REST_M) -> Holds:
    """That a thing is where it was when the way was planned."""

    def holds(_: mujoco.MjModel, data: mujoco.MjData) -> bool:
        return bool(np.linalg.norm(locate(data) - where) < within_m)

    return holds


def in_hand(locate: Locate) -> Holds:
    """That a thing is between the fingers."""

    def holds(model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        return PandaReadings(model).tcp_distance_m(data, locate(data)) < _IN_HAND_M

    return holds


def turn_by_handle(
    data: mujoco.MjData,
    body: str,
    joint: str,
    locate: Locate,
    goal_rad: float,
    *,
    follow: float = 0.0,
) -> tuple[Waypoint, ...]:
    """Above a handle, around it, close, and along the hinge.

    Args:
        data: The live state.
        body: What the hand is turned like; turned back to front it is the same to the hand.
        joint: Name of the hinge.
        locate: Finds the handle.
        goal_rad: Position of the hinge to reach [rad].
        follow: Share of the angle by which the hand itself turns.
    """
    grasp = top_down(locate(data), wrap(yaw_of(data, body), np.pi))
    before = shifted(grasp, -_REACH_M * grasp[:3, 2])
    still, held = at_rest(locate, locate(data)), in_hand(locate)
    hinge = data.joint(joint)
    angle = goal_rad - float(hinge.qpos[0])
    return (
        Waypoint("before", before, gripper_open=True, holds=still),
        Waypoint("reach", grasp, True, speed_m_s=0.12, straight=True, holds=still),
        Waypoint("grasp", grasp, gripper_open=False, holds=held),
        *_swing(grasp, hinge, angle, follow, held),
    )


def press(point: Float[Array, "3"], yaw_rad: float) -> tuple[Waypoint, ...]:
    """Above a button with closed fingers, down, and up again.

    Args:
        point: Top of the button [m].
        yaw_rad: Turn of the hand about the vertical [rad].
    """
    above = top_down(point + _ABOVE_M * _UP, yaw_rad)
    down = top_down(point - _PRESS_DEPTH_M * _UP, yaw_rad)
    return (
        Waypoint("above", above, gripper_open=False),
        Waypoint("press", down, gripper_open=False, speed_m_s=0.10, straight=True),
        Waypoint("up", above, gripper_open=False, speed_m_s=0.15, straight=True),
    )


def pick_up(
    locate: Locate,
    data: mujoco.MjData,
    yaw_rad: float,
    lift_m: float,
    lift_speed_m_s: float = 0.15,
) -> tuple[Waypoint, ...]:
    """Above a thing, around it, close, lift."""
    point = locate(data)
    grasp = top_down(point, yaw_rad)
    above, lift = (top_down(point + height * _UP, yaw_rad) for height in (_ABOVE_M, lift_m))
    still, held = at_rest(locate, point, within_m=0.02), in_hand(locate)
    return (
        Waypoint("above", above, gripper_open=True, holds=still),
        Waypoint("reach", grasp, True, speed_m_s=0.12, straight=True, holds=still),
        Waypoint("grasp", grasp, gripper_open=False, holds=held),
        Waypoint("lift", lift, False, lift_speed_m_s, straight=True, holds=held),
    )


def _swing(
    start: Float[Array, "4 4"], joint: Any, angle_rad: float, follow: float, holds: Holds
) -> tuple[Waypoint, ...]:
    """The way of a closed hand along the circle about a hinge.

    Args:
        start: Pose of the TCP at the beginning, (4, 4).
        joint: The hinge in the live data, as `data.joint` gives it.
        angle_rad: How far [rad].
        follow: Share of the angle by which the hand itself turns; 0 keeps its orientation.
        holds: Must be true on the way.
    """
    anchor, axis = np.array(joint.xanchor), np.array(joint.xaxis)
    arm = start[:3, 3] - anchor
    radius_m = float(np.linalg.norm(arm - axis * (arm @ axis)))
    curved = radius_m > _ON_AXIS_M
    pieces = max(1, int(np.ceil(abs(angle_rad) / _ARC_PIECE_RAD))) if curved else 1
    way = []
    for k in range(1, pieces + 1):
        part = angle_rad * k / pieces
        pose = np.eye(4)
        turn = Rotation.from_rotvec(follow * part * axis).as_matrix()
        pose[:3, :3] = turn @ start[:3, :3]
        round_hinge = Rotation.from_rotvec(part * axis).as_matrix()
        pose[:3, 3] = anchor + round_hinge @ arm
        passing = k < pieces
        way.append(Waypoint("swing", pose, False, _SWING_M_S, True, holds=holds, passing=passing))
    return tuple(way)
