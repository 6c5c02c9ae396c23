# SPDX-License-Identifier: Apache-2.0
"""Forward kinematics and Jacobian of the Panda and FR3, in `panda_link0`."""

import math
from typing import Any

import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidCommand, InvalidParameter
from genima.geometry import rotation_z, transform

JOINT_NAMES: tuple[str, ...] = tuple(f"panda_joint{i}" for i in range(1, 8))
LINK_NAMES: tuple[str, ...] = tuple(f"panda_link{i}" for i in range(9))

#: Franka's "ready" posture [rad].
Q_HOME: Float[Array, "7"] = np.array(
    [0.0, -math.pi / 4, 0.0, -3 * math.pi / 4, 0.0, math.pi / 2, math.pi / 4]
)
Q_HOME.setflags(write=False)

#: Franka's Denavit-Hartenberg table (Craig), joints 1 to 7: a [m], d [m], alpha [quarter turns].
DH_TABLE: tuple[tuple[float, float, int], ...] = (
    (0.0, 0.333, 0),
    (0.0, 0.0, -1),
    (0.0, 0.316, 1),
    (0.0825, 0.0, 1),
    (-0.0825, 0.384, -1),
    (0.0, 0.0, 1),
    (0.088, 0.0, 1),
)
FLANGE_M = 0.107  # panda_link7 to panda_link8, along z
#: Each finger of an open gripper is further out than this [m]: nine tenths of its way, as RLBench
#: counts a gripper as open.
FINGER_OPEN_M = 0.036

_LINK8_T_HAND: Float[Array, "4 4"] = transform(rotation_z(-math.pi / 4), np.zeros(3))
LINK8_T_TCP: Float[Array, "4 4"] = transform(rotation_z(-math.pi / 4), np.array([0, 0, 0.1034]))
_TOOL_FRAMES = {"panda_hand": _LINK8_T_HAND, "panda_hand_tcp": LINK8_T_TCP}

#: Every frame that `base_T_frame` knows.
FRAME_NAMES: tuple[str, ...] = (*LINK_NAMES, *_TOOL_FRAMES)


def frame_poses(q: Float[Array, "*b 7"]) -> Float[Array, "*b 9 4 4"]:
    """Poses of panda_link0 to panda_link8 in the base.

    Args:
        q: Joint positions [rad].

    Raises:
        InvalidCommand: `q` does not have seven positions.
    """
    q = np.asarray(q, float)
    if q.shape[-1:] != (7,):
        raise InvalidCommand(f"q: got shape {q.shape}; give seven joint positions, shape (..., 7)")
    if q.ndim == 1:
        angles = q.tolist()
        rows = frame_entries([math.cos(a) for a in angles], [math.sin(a) for a in angles])
        return np.array(rows).reshape(9, 4, 4)
    joints = np.moveaxis(q, -1, 0)
    rows = frame_entries(list(np.cos(joints)), list(np.sin(joints)))
    poses = np.empty((*q.shape[:-1], 9 * 16))
    for i, entry in enumerate(rows):
        poses[..., i] = entry
    return poses.reshape(*q.shape[:-1], 9, 4, 4)


def frame_entries(cosines: list[Any], sines: list[Any]) -> list[Any]:
    """The 9 x 16 matrix entries of all link poses, one after the other.

    The entries are plain numbers for one configuration, which is several times faster than small
    arrays, or arrays or tensors over a batch; those that no joint changes are numbers anyway. As
    all twists are quarter turns, a joint only swaps two columns of the rotation and then turns two
    of them.
    """
    xx, xy, xz, yx, yy, yz, zx, zy, zz = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0
    px = py = pz = 0.0
    entries: list[Any] = [1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0]
    for (a, d, quarter), c, s in zip(DH_TABLE, cosines, sines, strict=True):
        if quarter == 1:
            yx, yy, yz, zx, zy, zz = zx, zy, zz, -yx, -yy, -yz
        elif quarter == -1:
            yx, yy, yz, zx, zy, zz = -zx, -zy, -zz, yx, yy, yz
        # `a` runs along the previous x axis, `d` along the new z axis.
        px, py, pz = px + a * xx + d * zx, py + a * xy + d * zy, pz + a * xz + d * zz
        xx, yx = c * xx + s * yx, c * yx - s * xx
        xy, yy = c * xy + s * yy, c * yy - s * xy
        xz, yz = c * xz + s * yz, c * yz - s * xz
        entries += [xx, yx, zx, px, xy, yy, zy, py, xz, yz, zz, pz, 0.0, 0.0, 0.0, 1.0]
    px, py, pz = px + FLANGE_M * zx, py + FLANGE_M * zy, pz + FLANGE_M * zz
    entries += [xx, yx, zx, px, xy, yy, zy, py, xz, yz, zz, pz, 0.0, 0.0, 0.0, 1.0]
    return entries


def base_T_tcp(q: Float[Array, "*b 7"]) -> Float[Array, "*b 4 4"]:
    """Pose of panda_hand_tcp, the point between the fingertips, in the base."""
    return frame_poses(q)[..., 8, :, :] @ LINK8_T_TCP


def base_T_frame(q: Float[Array, "*b 7"], frame: str) -> Float[Array, "*b 4 4"]:
    """Pose of any of `FRAME_NAMES` in the base.

    Raises:
        InvalidParameter: The robot has no such frame.
    """
    if frame in _TOOL_FRAMES:
        return frame_poses(q)[..., 8, :, :] @ _TOOL_FRAMES[frame]
    if frame not in LINK_NAMES:
        raise InvalidParameter(f"the robot has no frame {frame!r}; it has {list(FRAME_NAMES)}")
    return frame_poses(q)[..., LINK_NAMES.index(frame), :, :]


def tcp_jacobian(q: Float[Array, "*b 7"]) -> Float[Array, "*b 6 7"]:
    """Jacobian of panda_hand_tcp: linear [m/rad] over angular velocity, both in the base."""
    poses = frame_poses(q)
    base_p_tcp = (poses[..., 8, :, :] @ LINK8_T_TCP)[..., None, :3, 3]
    axes = poses[..., 1:8, :3, 2]
    arms = base_p_tcp - poses[..., 1:8, :3, 3]
    jacobian = np.empty((*poses.shape[:-3], 6, 7))
    jacobian[..., 3:, :] = np.swapaxes(axes, -1, -2)
    # The cross product axes x arms, by hand: np.cross takes longer than all the rest.
    for row, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        jacobian[..., row, :] = axes[..., i] * arms[..., j] - axes[..., j] * arms[..., i]
    return jacobian
