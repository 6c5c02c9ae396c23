# SPDX-License-Identifier: Apache-2.0
"""What the arm did, in RLBench's observations and out of them again.

RLBench's world is `panda_link0` shifted by `WORLD_T_BASE`. Its conventions for joint frames, the
tip and cameras live here and in `genima.cameras.rlbench_to_ros` only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.cameras import Camera, CameraRig
from genima.data.demonstration import Demonstration
from genima.data.rlbench_pickle import RlbenchDemo, RlbenchObservation
from genima.errors import InvalidDataset
from genima.geometry import quat_xyzw_from_rotation, rotation_z, transform
from genima.intrinsics import Intrinsics
from genima.kinematics import LINK8_T_TCP, frame_poses

WORLD_T_BASE: Float[Array, "4 4"] = transform(np.eye(3), np.array([-0.3075, 0.0, 0.752]))
"""Where the arm stands in RLBench's world: with this, the cameras of `config/cameras.yaml` are
where RLBench's own are."""
WORLD_T_BASE.setflags(write=False)

TCP_T_TIP: Float[Array, "4 4"] = transform(rotation_z(np.pi), np.array([0.0, 0.0, 0.0065]))
"""RLBench's Panda_tip, which gripper_pose and gripper_matrix are of, in panda_hand_tcp."""
TCP_T_TIP.setflags(write=False)

NEAR_M, FAR_M = 0.01, 4.5
"""Clipping planes that depth images are scaled between [m]."""

RLBENCH_CAMERAS = ("left_shoulder", "right_shoulder", "overhead", "wrist", "front")
_IMAGES = ("rgb", "depth", "mask", "point_cloud")


@dataclass(frozen=True, eq=False)
class Motion:
    """What the arm did; the fields are those of `Demonstration`."""

    q: Float[Array, "n 7"]
    dq: Float[Array, "n 7"]
    gripper_open: Bool[Array, "n"]
    q_command: Float[Array, "n 7"]
    gripper_command: Bool[Array, "n"]
    gripper_width_m: Float[Array, "n"] | None


def ros_to_rlbench(
    world_T_cam: Float[Array, "*b 4 4"], intrinsics: Intrinsics
) -> tuple[Float[Array, "*b 4 4"], Float[Array, "3 3"]]:
    """The inverse of `rlbench_to_ros`: extrinsics and intrinsics as RLBench has them."""
    K_sim = intrinsics.K * np.array([[-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, 1.0]])
    return world_T_cam @ np.diag([-1.0, -1.0, 1.0, 1.0]), K_sim


def world_T_joints(q: Float[Array, "*b 7"]) -> Float[Array, "*b 7 4 4"]:
    """Poses of the seven joints as CoppeliaSim has them: without the joint's own rotation."""
    q = np.asarray(q, float)
    unturned = transform(rotation_z(-q), np.zeros(3))
    return np.asarray(WORLD_T_BASE @ frame_poses(q)[..., 1:8, :, :] @ unturned)


def world_T_tip(q: Float[Array, "*b 7"]) -> Float[Array, "*b 4 4"]:
    """Pose of RLBench's Panda_tip."""
    return np.asarray(WORLD_T_BASE @ frame_poses(q)[..., 8, :, :] @ LINK8_T_TCP @ TCP_T_TIP)


def world_T_camera(camera: Camera, q: Float[Array, "n 7"]) -> Float[Array, "n 4 4"]:
    """`<camera>_camera_extrinsics` at each step."""
    base_T_cam = np.stack([camera.view(row).base_T_cam for row in q])
    return ros_to_rlbench(WORLD_T_BASE @ base_T_cam, camera.intrinsics)[0]


def to_rlbench(demonstration: Demonstration) -> RlbenchDemo:
    """The demonstration as RLBench's generator would have pickled it, without images.

    What was not measured (joint forces, touch, the state of the task) is None.
    """
    q = demonstration.q
    tip = world_T_tip(q)
    joints = _xyz_quat(world_T_joints(q))
    tip_pose = _xyz_quat(tip)
    misc = _cameras_misc(demonstration.rig, q)
    commanded = demonstration.commanded
    absent: dict[str, Any] = {f"{c}_{kind}": None for c in RLBENCH_CAMERAS for kind in _IMAGES}
    observations = []
    for t in range(len(q)):
        misc_t = {**misc[t], "variation_index": demonstration.variation}
        if commanded[t]:
            told = float(demonstration.gripper_command[t])
            misc_t["joint_position_action"] = np.append(demonstration.q_command[t], told)
        misc_t["joint_poses"] = list(joints[t])
        observations.append(
            RlbenchObservation(
                **absent,
                joint_velocities=np.array(demonstration.dq[t]),
                joint_positions=np.array(q[t]),
                joint_forces=None,
                gripper_open=float(demonstration.gripper_open[t]),
                gripper_pose=tip_pose[t],
                gripper_matrix=tip[t],
                gripper_joint_positions=_fingers(demonstration, t),
                gripper_touch_forces=None,
                task_low_dim_state=None,
                misc=misc_t,
            )
        )
    return RlbenchDemo(observations, _random_state(demonstration.seed), 1)


def _xyz_quat(pose: Float[Array, "*b 4 4"]) -> Float[Array, "*b 7"]:
    return np.concatenate([pose[..., :3, 3], quat_xyzw_from_rotation(pose[..., :3, :3])], axis=-1)


def _fingers(demonstration: Demonstration, t: int) -> Float[Array, "2"] | None:
    if demonstration.gripper_width_m is None:
        return None
    return np.full(2, demonstration.gripper_width_m[t] / 2)


def _random_state(seed: int | None) -> Any:
    """What `np.random.get_state` gives after seeding, which RLBench's resets restore."""
    return None if seed is None else np.random.RandomState(seed % 2**32).get_state()


def _cameras_misc(rig: CameraRig, q: Float[Array, "n 7"]) -> list[dict[str, Any]]:
    """The cameras' part of `misc` for each step; what does not change is shared."""
    misc: list[dict[str, Any]] = [{} for _ in q]
    for name, camera in rig.cameras.items():
        extrinsics = world_T_camera(camera, q)
        _, K_sim = ros_to_rlbench(extrinsics[0], camera.intrinsics)
        fixed = bool((extrinsics == extrinsics[0]).all())
        for t, entry in enumerate(misc):
            entry[f"{name}_camera_extrinsics"] = extrinsics[0 if fixed else t]
            entry[f"{name}_camera_intrinsics"] = K_sim
            entry[f"{name}_camera_near"] = NEAR_M
            entry[f"{name}_camera_far"] = FAR_M
    return misc


def motion_of(demo: RlbenchDemo, where: str) -> Motion:
    """What the arm did in a demonstration of RLBench or of ours.

    Args:
        demo: As read.
        where: Its file, for messages.

    Raises:
        InvalidDataset: An observation lacks its joints or has malformed ones.
    """
    observations = demo.observations
    if not observations:
        raise InvalidDataset(f"{where}: holds no observations; record the episode again")
    n = len(observations)
    q, dq, opened = np.empty((n, 7)), np.empty((n, 7)), np.empty(n, bool)
    command, told = np.full((n, 7), np.nan), np.empty(n, bool)
    fingers = [getattr(o, "gripper_joint_positions", None) for o in observations]
    try:
        for t, observation in enumerate(observations):
            q[t] = observation.joint_positions
            dq[t] = observation.joint_velocities
            opened[t] = told[t] = observation.gripper_open > 0.5
            action = observation.misc.get("joint_position_action")
            if action is not None:
                command[t], told[t] = action[:7], action[7] > 0.5
        widths = None if any(f is None for f in fingers) else np.array(fingers, float).sum(axis=1)
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise InvalidDataset(
            f"{where}: observation {t} lacks joint_positions, joint_velocities, gripper_open or "
            f"misc, or has malformed ones ({error})"
        ) from error
    return Motion(q, dq, opened, command, told, widths)
