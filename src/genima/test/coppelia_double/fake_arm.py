# SPDX-License-Identifier: Apache-2.0
"""Where the links of a Panda are, in NumPy alone: this runs in RLBench's Python."""

import numpy as np

WORLD_T_BASE = np.eye(4)
WORLD_T_BASE[:3, 3] = (-0.268, -0.006, 0.750)
#: a, alpha and d of each joint, as Craig has them; Franka's published numbers.
_LINKS = (
    (0.0, 0.0, 0.333),
    (0.0, -np.pi / 2, 0.0),
    (0.0, np.pi / 2, 0.316),
    (0.0825, np.pi / 2, 0.0),
    (-0.0825, -np.pi / 2, 0.384),
    (0.0, np.pi / 2, 0.0),
    (0.088, np.pi / 2, 0.0),
)
Q_START = np.radians([0.0, 10.0, 0.0, -50.0, 0.0, 70.0, 45.0])


def pose(rotation, xyz):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, xyz
    return matrix


def turn(axis, angle):
    i, j = [(1, 2), (2, 0), (0, 1)]["xyz".index(axis)]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i] = np.sin(angle)
    matrix[i, j] = -matrix[j, i]
    return matrix


#: RLBench's tip is 0.2169 m from link 7 and turned by half a turn against the hand.
LINK7_T_TIP = pose(turn("z", 0.75 * np.pi), (0.0, 0.0, 0.2169))


def world_T_links(q):
    """Poses of the seven links."""
    matrix, poses = WORLD_T_BASE, []
    for (a, alpha, d), angle in zip(_LINKS, q):  # noqa: B905 - older Pythons have no strict
        matrix = matrix @ pose(turn("x", alpha), (a, 0, 0)) @ pose(turn("z", angle), (0, 0, d))
        poses.append(matrix)
    return poses


def world_T_tip(q):
    """Pose of the tip."""
    return world_T_links(q)[6] @ LINK7_T_TIP


def solve(wanted, q):
    """Joint positions that bring the tip to a pose, from those nearby; None if there are none."""
    q = np.array(q)
    for _ in range(200):
        error = _error(wanted, q)
        if np.abs(error).max() < 1e-5:
            return q
        jacobian = np.stack([(_error(wanted, q + dq) - error) / 1e-6 for dq in 1e-6 * np.eye(7)])
        step = jacobian @ np.linalg.solve(jacobian.T @ jacobian + 1e-4 * np.eye(6), error)
        q = q - np.clip(step, -0.2, 0.2)
    return None


def _error(wanted, q):
    there = world_T_tip(q)
    turned = sum(np.cross(there[:3, k], wanted[:3, k]) for k in range(3)) / 2
    return np.append(wanted[:3, 3] - there[:3, 3], turned)


def quaternion_form(r):
    """The symmetric matrix whose greatest eigenvector is the quaternion (x, y, z, w)."""
    form = np.zeros((4, 4))
    form[:3, :3] = r + r.T - np.trace(r) * np.eye(3)
    form[3, :3] = form[:3, 3] = (r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1])
    form[3, 3] = np.trace(r)
    return form
