# SPDX-License-Identifier: Apache-2.0
"""A demonstration of RLBench's own, from a file or from its simulator, as one of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genima.arrays import Array, Float
from genima.cameras import Camera, CameraRig, rlbench_to_ros
from genima.data.demonstration import Demonstration, Frames
from genima.data.rlbench_frames import world_T_base_of
from genima.data.rlbench_motion import motion_of
from genima.data.rlbench_pickle import RlbenchDemo
from genima.errors import InvalidDataset
from genima.geometry import invert, pose_error
from genima.intrinsics import Intrinsics
from genima.kinematics import base_T_frame

#: RLBench simulates and records at this step [s]; its files do not say so.
STEP_S = 0.05
_PARENTS = {"wrist": "panda_hand_tcp"}
#: How far a camera may wander in its parent, which RLBench's do not [m], [rad].
_SAME_M, _SAME_RAD = 0.002, 0.005


@dataclass(frozen=True)
class Origin:
    """What the observations do not say of themselves.

    Attributes:
        task: Name of the task.
        variation: Which variation of it.
        descriptions: Wordings of the instruction.
        seed: Seed of the episode, if it is known.
        source: Where it comes from, for people.
        where: Its place, for messages.
    """

    task: str
    variation: int
    descriptions: tuple[str, ...]
    seed: int | None
    source: str
    where: str


def demonstration_of(
    demo: RlbenchDemo,
    images: Mapping[str, Frames],
    shapes: Mapping[str, tuple[int, int]],
    origin: Origin,
) -> Demonstration:
    """The demonstration that RLBench's observations are.

    Args:
        demo: The observations.
        images: Square images of each camera.
        shapes: Height and width of each camera's images before they were cropped [px].
        origin: What the observations do not say.

    Raises:
        InvalidDataset: The observations are malformed or contradict one another.
    """
    motion = motion_of(demo, origin.where)
    n = len(motion.q)
    world_T_base = world_T_base_of(demo, motion.q, origin.where)
    rig = rig_of(demo, motion.q, world_T_base, shapes)
    xyz = ", ".join(f"{value:.4f}" for value in world_T_base[:3, 3])
    q_command = motion.q_command.copy()
    q_command[0] = np.nan
    return Demonstration(
        task=origin.task,
        variation=origin.variation,
        descriptions=origin.descriptions,
        seed=origin.seed,
        success=True,
        source=f"{origin.source}; its panda_link0 stands at ({xyz}) in its world; "
        "it records no steps while the gripper moves",
        step_s=STEP_S,
        stamps_s=np.arange(n) * STEP_S,
        q=motion.q,
        dq=motion.dq,
        gripper_open=motion.gripper_open,
        q_command=q_command,
        gripper_command=motion.gripper_command,
        rig=rig,
        images=images,
        gripper_width_m=motion.gripper_width_m,
    )


def rig_of(
    demo: RlbenchDemo,
    q: Float[Array, "n 7"],
    world_T_base: Float[Array, "4 4"],
    shapes: Mapping[str, tuple[int, int]],
) -> CameraRig:
    """The cameras of RLBench: fixed to the base or, on the wrist, to the hand; square.

    Args:
        demo: The observations.
        q: Their joint positions [rad].
        world_T_base: Where the arm stands.
        shapes: Height and width of the images of each camera [px].

    Raises:
        InvalidDataset: A camera is not described, or moves.
    """
    return CameraRig(
        {name: _camera(demo, q, name, world_T_base, shape) for name, shape in shapes.items()}
    )


def _camera(
    demo: RlbenchDemo,
    q: Float[Array, "n 7"],
    name: str,
    world_T_base: Float[Array, "4 4"],
    shape: tuple[int, int],
) -> Camera:
    try:
        misc: list[Any] = [vars(observation)["misc"] for observation in demo.observations]
        world_T_sim = np.array([entry[f"{name}_camera_extrinsics"] for entry in misc], float)
        K_sim = np.array(misc[0][f"{name}_camera_intrinsics"], float)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidDataset(
            f"camera {name!r} has no extrinsics and intrinsics in each observation ({error}); "
            "generate the data set with a newer RLBench"
        ) from error
    world_T_cam = np.array([rlbench_to_ros(pose, K_sim)[0] for pose in world_T_sim])
    intrinsics = rlbench_to_ros(world_T_sim[0], K_sim)[1]
    height, width = shape
    if max(abs(intrinsics.width - width) / width, abs(intrinsics.height - height) / height) > 0.25:
        raise InvalidDataset(
            f"camera {name!r}: images of {width}x{height} px with intrinsics for about "
            f"{intrinsics.width}x{intrinsics.height} px; generate the data set again"
        )
    # The principal point of exported real cameras is a little off the centre of the image.
    intrinsics = Intrinsics.from_matrix(intrinsics.K, width, height)
    parent = _PARENTS.get(name, "panda_link0")
    base_T_parent = base_T_frame(q, parent)
    parent_T_cam = invert(base_T_parent) @ invert(world_T_base) @ world_T_cam
    middle = parent_T_cam[len(parent_T_cam) // 2]
    distance_m, angle_rad = pose_error(np.broadcast_to(middle, parent_T_cam.shape), parent_T_cam)
    if distance_m.max() > _SAME_M or angle_rad.max() > _SAME_RAD:
        raise InvalidDataset(
            f"camera {name!r} moves by {distance_m.max() * 1e3:.1f} mm in {parent} during the "
            "episode; it must be fixed to it, as in RLBench"
        )
    return Camera(name, intrinsics.square(min(height, width)), parent, middle)
