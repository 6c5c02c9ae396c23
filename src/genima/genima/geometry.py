# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms as 4x4 arrays, named `a_T_b`: the pose of frame b in frame a.

Rotations are 3x3 arrays, quaternions are (x, y, z, w) as in ROS. All functions take leading batch
dimensions.
"""

import numpy as np

from genima.arrays import Array, Float


def transform(
    rotation: Float[Array, "*b 3 3"], translation: Float[Array, "*b 3"]
) -> Float[Array, "*b 4 4"]:
    """Put a rotation and a translation [m] together."""
    rotation, translation = np.asarray(rotation, float), np.asarray(translation, float)
    batch = np.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
    a_T_b = np.zeros((*batch, 4, 4))
    a_T_b[..., :3, :3] = rotation
    a_T_b[..., :3, 3] = translation
    a_T_b[..., 3, 3] = 1.0
    return a_T_b


def invert(a_T_b: Float[Array, "*b 4 4"]) -> Float[Array, "*b 4 4"]:
    """The pose of a in b. Assumes a rigid transform."""
    b_R_a = np.swapaxes(a_T_b[..., :3, :3], -1, -2)
    return transform(b_R_a, -(b_R_a @ a_T_b[..., :3, 3:])[..., 0])


def apply(a_T_b: "Float[Array, '4 4']", points_b: Float[Array, "*n 3"]) -> Float[Array, "*n 3"]:
    """Express points of frame b in frame a [m]."""
    points_a: Array = np.asarray(points_b, float) @ a_T_b[:3, :3].T + a_T_b[:3, 3]
    return points_a


def rotation_x(angle_rad: Float[Array, "*b"] | float) -> Float[Array, "*b 3 3"]:
    """Rotation about the x axis by an angle [rad]."""
    return _rotation_about(0, angle_rad)


def rotation_y(angle_rad: Float[Array, "*b"] | float) -> Float[Array, "*b 3 3"]:
    """Rotation about the y axis by an angle [rad]."""
    return _rotation_about(1, angle_rad)


def rotation_z(angle_rad: Float[Array, "*b"] | float) -> Float[Array, "*b 3 3"]:
    """Rotation about the z axis by an angle [rad]."""
    return _rotation_about(2, angle_rad)


def _rotation_about(axis: int, angle_rad: Float[Array, "*b"] | float) -> Float[Array, "*b 3 3"]:
    angle = np.asarray(angle_rad, float)
    rotation = np.zeros((*angle.shape, 3, 3))
    after, before = (axis + 1) % 3, (axis + 2) % 3
    rotation[..., axis, axis] = 1.0
    rotation[..., after, after] = rotation[..., before, before] = np.cos(angle)
    rotation[..., before, after] = np.sin(angle)
    rotation[..., after, before] = -np.sin(angle)
    return rotation


def rotation_from_quat_xyzw(quat_xyzw: Float[Array, "*b 4"]) -> Float[Array, "*b 3 3"]:
    """Rotation of a quaternion, which is normalised first."""
    quat = np.asarray(quat_xyzw, float)
    x, y, z, w = np.moveaxis(quat / np.linalg.norm(quat, axis=-1, keepdims=True), -1, 0)
    entries = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in entries], axis=-2)


def quat_xyzw_from_rotation(rotation: Float[Array, "*b 3 3"]) -> Float[Array, "*b 4"]:
    """Unit quaternion of a rotation; of the two, the one whose w is not negative."""
    r = np.moveaxis(np.asarray(rotation, float), (-2, -1), (0, 1))
    xy, xz, yz = r[0, 1] + r[1, 0], r[0, 2] + r[2, 0], r[1, 2] + r[2, 1]
    xw, yw, zw = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    xx = 1 + r[0, 0] - r[1, 1] - r[2, 2]
    yy = 1 - r[0, 0] + r[1, 1] - r[2, 2]
    zz = 1 - r[0, 0] - r[1, 1] + r[2, 2]
    ww = 1 + r[0, 0] + r[1, 1] + r[2, 2]
    # This is 4 q q^T: every row is the quaternion times 4 of its own elements, and the row of the
    # largest element is the one that loses no digits.
    rows = [[xx, xy, xz, xw], [xy, yy, yz, yw], [xz, yz, zz, zw], [xw, yw, zw, ww]]
    outer = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    best = np.argmax(np.diagonal(outer, axis1=-2, axis2=-1), axis=-1)
    quat = np.take_along_axis(outer, best[..., None, None], axis=-2)[..., 0, :]
    quat = quat / np.linalg.norm(quat, axis=-1, keepdims=True)
    return np.where(quat[..., 3:] < 0, -quat, quat)


def rotation_angle(rotation: Float[Array, "*b 3 3"]) -> Float[Array, "*b"]:
    """Angle of a rotation [rad], in [0, pi], exact also close to zero."""
    r = np.asarray(rotation, float)
    skew = np.stack(
        [r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]]
    )
    twice_cosine = np.trace(r, axis1=-2, axis2=-1) - 1.0
    return np.arctan2(np.linalg.norm(skew, axis=0), twice_cosine)


def pose_error(
    a_T_b: Float[Array, "*b 4 4"], a_T_c: Float[Array, "*b 4 4"]
) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
    """Distance [m] and angle [rad] between two poses in the same frame."""
    distance_m = np.linalg.norm(a_T_b[..., :3, 3] - a_T_c[..., :3, 3], axis=-1)
    b_R_c = np.swapaxes(a_T_b[..., :3, :3], -1, -2) @ a_T_c[..., :3, :3]
    return distance_m, rotation_angle(b_R_c)
