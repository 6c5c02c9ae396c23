# SPDX-License-Identifier: Apache-2.0
"""Where the arm stands in the world of a data set of RLBench."""

from typing import Any

import numpy as np

from genima.arrays import Array, Float
from genima.data.rlbench_motion import TCP_T_TIP
from genima.data.rlbench_pickle import RlbenchDemo
from genima.errors import InvalidDataset
from genima.geometry import invert, pose_error, rotation_from_quat_xyzw, transform
from genima.kinematics import base_T_tcp

#: RLBench's arm differs from Franka's by less than a millimetre, a wrong convention by more.
_AGREES_M, _AGREES_RAD = 0.01, 0.02


def world_T_base_of(demo: RlbenchDemo, q: Float[Array, "n 7"], where: str) -> Float[Array, "4 4"]:
    """Pose of panda_link0, from where the gripper is said to be and what the joints say.

    Taken from the data instead of a constant, so that scenes in which the arm was moved are read
    correctly, and data that is not a Panda's is noticed.

    Args:
        demo: The demonstration.
        q: Its joint positions [rad].
        where: Its folder, for messages.

    Raises:
        InvalidDataset: The steps contradict one another.
    """
    try:
        poses: list[Any] = [vars(observation)["gripper_pose"] for observation in demo.observations]
        tip = np.array(poses, float)
        world_T_tip = transform(rotation_from_quat_xyzw(tip[:, 3:7]), tip[:, :3])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidDataset(
            f"{where}: an observation lacks gripper_pose or has a malformed one ({error})"
        ) from error
    world_T_base = world_T_tip @ invert(base_T_tcp(q) @ TCP_T_TIP)
    position = np.median(world_T_base[:, :3, 3], axis=0)
    left, _, right = np.linalg.svd(world_T_base[:, :3, :3].sum(axis=0))
    mean = transform(left @ right, position)
    distance_m, angle_rad = pose_error(np.broadcast_to(mean, world_T_base.shape), world_T_base)
    if not (distance_m.max() <= _AGREES_M and angle_rad.max() <= _AGREES_RAD):
        raise InvalidDataset(
            f"{where}: joint positions and gripper_pose contradict each other by up to "
            f"{distance_m.max() * 1e3:.0f} mm and {np.degrees(angle_rad.max()):.1f} degrees; only "
            "data of RLBench's Panda with its own gripper can be imported"
        )
    return np.asarray(mean)
