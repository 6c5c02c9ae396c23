# SPDX-License-Identifier: Apache-2.0
"""Data sets as RLBench's generator writes them, made from its conventions and not from our code.

World frame: the table's, in which the arm stands somewhere. Cameras: CoppeliaSim's vision sensors
look along +z, x to the left, y up; PyRep gives them negative focal lengths.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from genima.data.rlbench_pickle import (
    RlbenchDemo,
    RlbenchObservation,
    demo_bytes,
    description_bytes,
)
from genima.geometry import invert, quat_xyzw_from_rotation, rotation_z, transform
from genima.kinematics import Q_HOME, frame_poses

#: Where RLBench's URDF says that the arm stands.
WORLD_T_BASE = transform(np.eye(3), np.array([-0.268, -0.006, 0.750]))
#: Panda_tip is 0.2169 m from link7 and turned by half a turn against the hand.
LINK7_T_TIP = transform(rotation_z(0.75 * np.pi), np.array([0.0, 0.0, 0.2169]))
FINGER_T_CAMERA = transform(rotation_z(0.3), np.array([0.05, 0.01, -0.08]))
KINDS = ("rgb", "depth", "mask")
CAMERAS = ("left_shoulder", "right_shoulder", "overhead", "wrist", "front")


def looking(from_xyz, at_xyz) -> np.ndarray:
    """World pose of a vision sensor: z to what it looks at, y up, x to the left."""
    z = np.subtract(at_xyz, from_xyz)
    z = z / np.linalg.norm(z)
    left = np.cross([0.0, 0.0, 1.0], z)
    left = left / np.linalg.norm(left)
    return transform(np.column_stack([left, np.cross(z, left), z]), np.array(from_xyz))


STANDS = {
    "front": looking((1.35, 0.0, 1.58), (0.2, 0.0, 0.8)),
    "left_shoulder": looking((-0.2, 0.5, 1.9), (0.3, 0.0, 0.8)),
    "right_shoulder": looking((-0.2, -0.5, 1.9), (0.3, 0.0, 0.8)),
    "overhead": looking((0.3, 0.0, 2.2), (0.301, 0.0, 0.8)),
}


def arm_at(step: int) -> np.ndarray:
    return Q_HOME + 0.2 * np.sin(0.1 * step + np.arange(7))


def world_T_tip(q: np.ndarray) -> np.ndarray:
    return WORLD_T_BASE @ frame_poses(q)[7] @ LINK7_T_TIP


def world_T_sensor(camera: str, q: np.ndarray) -> np.ndarray:
    return world_T_tip(q) @ FINGER_T_CAMERA if camera == "wrist" else STANDS[camera]


def project(world_T_sim: np.ndarray, K_sim: np.ndarray, world_xyz: np.ndarray) -> np.ndarray:
    """Pixel of a point, as PyRep's own matrices say."""
    u, v, depth = K_sim @ (invert(world_T_sim) @ np.append(world_xyz, 1.0))[:3]
    return np.array([u / depth, v / depth])


@dataclass
class Script:
    """What an episode is; each test changes what it is about."""

    steps: int = 12
    width: int = 32
    height: int = 32
    with_commands: bool = True
    closes_at: int = 7
    #: Changes an observation's fields before it is pickled.
    spoil: Callable[[int, dict], None] = field(default=lambda step, fields: None)

    def intrinsics(self) -> np.ndarray:
        f = -self.width / (2 * np.tan(np.radians(40) / 2))
        return np.array([[f, 0, self.width / 2], [0, f, self.height / 2], [0, 0, 1]])

    def observation(self, step: int) -> RlbenchObservation:
        q = arm_at(step)
        tip = world_T_tip(q)
        misc = {"variation_index": 0}
        for camera in CAMERAS:
            misc[f"{camera}_camera_extrinsics"] = world_T_sensor(camera, q)
            misc[f"{camera}_camera_intrinsics"] = self.intrinsics()
            misc[f"{camera}_camera_near"], misc[f"{camera}_camera_far"] = 0.01, 3.5
        opened = float(step < self.closes_at)
        if step and self.with_commands:
            misc["joint_position_action"] = np.append(arm_at(step) + 0.01, opened)
        fields = {f"{camera}_{kind}": None for camera in CAMERAS for kind in KINDS}
        fields |= {
            "joint_positions": q,
            "joint_velocities": np.full(7, 0.1 * step),
            "joint_forces": np.zeros(7),
            "gripper_open": opened,
            "gripper_pose": np.append(tip[:3, 3], quat_xyzw_from_rotation(tip[:3, :3])),
            "gripper_matrix": tip,
            "gripper_joint_positions": np.full(2, 0.04 * opened),
            "gripper_touch_forces": np.zeros(6),
            "task_low_dim_state": np.zeros(10),
            "misc": misc,
        }
        self.spoil(step, fields)
        return RlbenchObservation(**fields)


def image_of(camera: str, step: int, width: int, height: int) -> np.ndarray:
    """An image that tells which one it is."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:] = (CAMERAS.index(camera) * 50, step * 10, 200)
    return image


def generate(
    root: Path,
    script: Script,
    task: str = "open_drawer",
    variation: int = 0,
    episode: int = 0,
) -> Path:
    """Write an episode; its folder."""
    folder = root / task / f"variation{variation}"
    (folder / "episodes").mkdir(parents=True, exist_ok=True)
    wordings = (f"open drawer number {variation}", "pull it")
    (folder / "variation_descriptions.pkl").write_bytes(description_bytes(wordings))
    folder = folder / "episodes" / f"episode{episode}"
    for camera in CAMERAS:
        for kind in KINDS:
            images = folder / f"{camera}_{kind}"
            images.mkdir(parents=True)
            for step in range(script.steps):
                image = image_of(camera, step, script.width, script.height)
                cv2.imwrite(str(images / f"{step}.png"), image[:, :, ::-1])
    demo = RlbenchDemo([script.observation(step) for step in range(script.steps)])
    demo.random_seed = np.random.RandomState(3).get_state()
    (folder / "low_dim_obs.pkl").write_bytes(demo_bytes(demo))
    return folder
