# SPDX-License-Identifier: Apache-2.0
"""Joint configurations from the centres of the spheres, in closed form.

The centres of base, elbow, wrist and gripper sphere are the corners of a chain of three rigid
pieces. Their positions fix joints 1 to 6 up to a few discrete choices; joint 7 only turns the
gripper sphere about an axis through its centre, so its stripes alone tell it.
"""

import math

import numpy as np

from genima.arrays import Array, Float
from genima.kinematics import DH_TABLE, FLANGE_M, LINK8_T_TCP, frame_poses

BASE_CENTRE: Float[Array, "3"] = np.array([0.0, 0.0, DH_TABLE[0][1]])
_UPPER_M = DH_TABLE[2][1]
_OFFSET_M = DH_TABLE[3][0]
_FORE_M = DH_TABLE[4][1]
_WRIST_M = DH_TABLE[6][0]
_HAND_M = FLANGE_M + float(LINK8_T_TCP[2, 3])

#: Distances between neighbouring centres [m]: base to elbow, elbow to wrist, wrist to gripper.
LENGTHS_M = (
    math.hypot(_UPPER_M, _OFFSET_M),
    math.hypot(_FORE_M, _OFFSET_M),
    math.hypot(_WRIST_M, _HAND_M),
)
# |wrist - base|^2 = a constant + 2 A cos q4 - 2 B sin q4 = a constant + 2 L0 L1 cos(q4 + phase).
_ELBOW_PHASE = math.atan2(_OFFSET_M * (_FORE_M + _UPPER_M), _UPPER_M * _FORE_M - _OFFSET_M**2)
_HAND_PHASE = math.atan2(_HAND_M, _WRIST_M)


def elbow_angle(wrist: Float[Array, "n 3"], straight: bool) -> Float[Array, "n"]:
    """q4 [rad] from the distance of the wrist sphere from the base sphere.

    Args:
        wrist: Centres of the wrist sphere [m].
        straight: Take the solution of the nearly stretched arm (q4 above -0.47 rad).
    """
    d2 = np.sum((wrist - BASE_CENTRE) ** 2, axis=-1)
    cosine = (d2 - LENGTHS_M[0] ** 2 - LENGTHS_M[1] ** 2) / (2 * LENGTHS_M[0] * LENGTHS_M[1])
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    return np.asarray((angle if straight else -angle) - _ELBOW_PHASE)


def configurations(
    elbow: Float[Array, "n 3"], wrist: Float[Array, "n 3"], gripper: Float[Array, "n 3"]
) -> Float[Array, "m 7"]:
    """All q [rad] whose spheres lie at (or, if they cannot, near) the given centres; q7 is 0."""
    found = []
    for straight in (False, True):
        q4 = elbow_angle(wrist, straight)
        x3, arm = _upper_arm(elbow, wrist, q4)
        for q1, q2 in _shoulder(arm):
            found += _with_wrist(q1, q2, q4, x3, arm, wrist, gripper)
    return np.concatenate(found)


def configurations_on_base(
    q12: Float[Array, "n 2"], wrist: Float[Array, "n 3"], gripper: Float[Array, "n 3"]
) -> Float[Array, "m 7"]:
    """As `configurations`, with joints 1 and 2 known [rad] and the elbow's centre unknown."""
    q1, q2 = q12[:, 0], q12[:, 1]
    arm = np.stack([np.sin(q2) * np.cos(q1), np.sin(q2) * np.sin(q1), np.cos(q2)], axis=-1)
    found = []
    for straight in (False, True):
        q4 = elbow_angle(wrist, straight)
        side = wrist - BASE_CENTRE
        side = side - np.sum(side * arm, axis=-1, keepdims=True) * arm
        sign = np.where(_wrist_in_plane(q4)[0] < 0, -1.0, 1.0)
        x3 = _unit(side) * sign[:, None]
        found += _with_wrist(q1, q2, q4, x3, arm, wrist, gripper)
    return np.concatenate(found)


def with_wrist_axes(q: Float[Array, "7"], axes: Float[Array, "n 3"]) -> Float[Array, "m 7"]:
    """`q` with joints 5 and 6 changed so that the wrist sphere's stripes have given axes."""
    link4 = frame_poses(q)[4, :3, :3]
    along_x, along_y, along_z = (axes @ link4).T
    q6 = np.arcsin(np.clip(along_y, -1.0, 1.0))
    q5 = np.arctan2(-along_z, along_x)
    found = np.tile(q, (2 * len(axes), 1))
    found[:, 4] = np.concatenate([q5, _wrapped(q5 + np.pi)])
    found[:, 5] = np.concatenate([q6, np.pi - q6])
    return found


def with_hand_flipped(q: Float[Array, "*b 7"]) -> Float[Array, "*b 7"]:
    """The other joints 5 and 6 with the same centres; the stripes of wrist and gripper differ."""
    other = np.array(q)
    other[..., 4] = _wrapped(q[..., 4] + np.pi)
    other[..., 5] = 2 * _HAND_PHASE + np.pi - q[..., 5]
    return other


def twin(q: Float[Array, "7"]) -> Float[Array, "7"]:
    """The other configuration with the same spheres but for the stripes of the base sphere."""
    other = q.copy()
    other[1] = -q[1]
    other[[0, 2]] = _wrapped(q[[0, 2]] + np.pi)
    return other


def _wrist_in_plane(q4: Array) -> tuple[Array, Array]:
    """The wrist's place in the arm's plane: along x of link 3 and along the upper arm [m]."""
    c, s = np.cos(q4), np.sin(q4)
    return (
        _OFFSET_M - _OFFSET_M * c - _FORE_M * s,
        _UPPER_M - _OFFSET_M * s + _FORE_M * c,
    )


def _upper_arm(elbow: Array, wrist: Array, q4: Array) -> tuple[Array, Array]:
    """The x axis of link 3 and the direction of the upper arm, from the plane of three centres."""
    wx, wd = _wrist_in_plane(q4)
    to_wrist = wrist - BASE_CENTRE
    turn = np.sign(_OFFSET_M * wd - _UPPER_M * wx)
    normal = _unit(np.cross(elbow - BASE_CENTRE, to_wrist)) * turn[:, None]
    ahead = _unit(to_wrist)
    across = np.cross(normal, ahead)
    length = np.hypot(wx, wd)
    wx, wd = (wx / length)[:, None], (wd / length)[:, None]
    return wx * ahead - wd * across, wd * ahead + wx * across


def _shoulder(arm: Array) -> list[tuple[Array, Array]]:
    q1 = np.arctan2(arm[:, 1], arm[:, 0])
    q2 = np.arccos(np.clip(arm[:, 2], -1.0, 1.0))
    return [(q1, q2), (_wrapped(q1 + np.pi), -q2)]


def _with_wrist(
    q1: Array, q2: Array, q4: Array, x3: Array, arm: Array, wrist: Array, gripper: Array
) -> list[Array]:
    """Complete configurations by joints 3, 5 and 6."""
    c1, s1, c2, s2, zero = np.cos(q1), np.sin(q1), np.cos(q2), np.sin(q2), np.zeros_like(q1)
    x2 = np.stack([c1 * c2, s1 * c2, -s2], axis=-1)
    z2 = np.stack([-s1, c1, zero], axis=-1)
    q3 = np.arctan2(_dot(x3, z2), _dot(x3, x2))
    c4, s4 = np.cos(q4)[:, None], np.sin(q4)[:, None]
    x4, z5, z4 = c4 * x3 + s4 * arm, -s4 * x3 + c4 * arm, np.cross(x3, arm)
    reach = gripper - wrist
    along = _dot(reach, z5)
    outward = _unit(reach - along[:, None] * z5)
    lift = np.arcsin(np.clip(along / LENGTHS_M[2], -1.0, 1.0))
    found = []
    for x5, q6 in ((outward, _HAND_PHASE + lift), (-outward, _HAND_PHASE + np.pi - lift)):
        q5 = np.arctan2(-_dot(x5, z4), _dot(x5, x4))
        found.append(np.stack([q1, q2, q3, q4, q5, q6, zero], axis=-1))
    return found


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.sum(a * b, axis=-1))


def _unit(a: Array) -> Array:
    return np.asarray(a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-9))


def _wrapped(angle: Array) -> Array:
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)
