# SPDX-License-Identifier: Apache-2.0
"""Centres and stripe axes of the four spheres, and how they move with the joints."""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float
from genima.kinematics import LINK8_T_TCP, frame_poses

#: Links that carry the base, elbow and wrist sphere; the gripper's is the TCP.
_LINKS = (2, 4, 6)
#: Number of joints before each sphere, its own included.
_JOINTS_BEFORE = (2, 4, 6, 7)

_MOVES = np.arange(7)[None, :] < np.array(_JOINTS_BEFORE)[:, None]


@dataclass(frozen=True, eq=False)
class Body:
    """The spheres at one configuration, in the base.

    Attributes:
        centres: Centres [m].
        axes: Unit x axes, along which the stripes lie one after the other.
        dcentres: Derivative of the centres by the joints [m/rad].
        daxes: Derivative of the axes by the joints [1/rad].
    """

    centres: "Float[Array, '4 3']"
    axes: "Float[Array, '4 3']"
    dcentres: "Float[Array, '4 3 7']"
    daxes: "Float[Array, '4 3 7']"


def centres_and_axes(
    q: Float[Array, "*b 7"],
) -> tuple[Float[Array, "*b 4 3"], Float[Array, "*b 4 3"]]:
    """Centres [m] and stripe axes of the spheres at `q` [rad], in the base."""
    centres, axes, _ = _spheres_and_joints(q)
    return centres, axes


def body_at(q: Float[Array, "7"]) -> Body:
    """The spheres at `q` [rad] with their derivatives."""
    centres, axes, poses = _spheres_and_joints(q)
    joint_axes = poses[1:8, :3, 2]
    arms = centres[:, None, :] - poses[None, 1:8, :3, 3]
    dcentres = cross(joint_axes[None], arms) * _MOVES[..., None]
    daxes = cross(joint_axes[None], axes[:, None, :]) * _MOVES[..., None]
    return Body(centres, axes, dcentres.swapaxes(1, 2), daxes.swapaxes(1, 2))


def _spheres_and_joints(q: Float[Array, "*b 7"]) -> tuple[Array, Array, Array]:
    poses = frame_poses(q)
    tcp = poses[..., 8, :, :] @ LINK8_T_TCP
    shape = (*poses.shape[:-3], 4, 3)
    centres, axes = np.empty(shape), np.empty(shape)
    for i, link in enumerate(_LINKS):
        centres[..., i, :] = poses[..., link, :3, 3]
        axes[..., i, :] = poses[..., link, :3, 0]
    centres[..., 3, :] = tcp[..., :3, 3]
    axes[..., 3, :] = tcp[..., :3, 0]
    return centres, axes, poses


def cross(a: Array, b: Array) -> Array:
    """Cross product along the last axis; np.cross takes several times as long."""
    a, b = np.broadcast_arrays(a, b)
    out = np.empty(a.shape)
    for row, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        out[..., row] = a[..., i] * b[..., j] - a[..., j] * b[..., i]
    return out
