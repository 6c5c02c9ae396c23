# SPDX-License-Identifier: Apache-2.0
"""Cameras with boards in front of them, and arm postures in which the board is seen."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from genima.arrays import Array, Bool, Float
from genima.cameras import Camera, CameraRig, load_rig
from genima.geometry import invert, rotation_x, rotation_y, rotation_z, transform
from genima.handeye.board import Board
from genima.handeye.detection import Sighting
from genima.handeye.refine import parent_T_mount
from genima.handeye.samples import SampleSetup
from genima.intrinsics import Intrinsics
from genima.kinematics import base_T_frame, frame_poses
from genima.limits import RobotModel, limits_of

ROOT = Path(__file__).parents[3]
#: Of a RealSense D435's colour stream, within a per cent.
INTRINSICS = Intrinsics(640, 480, 610.0, 608.5, 322.3, 238.1)
BASE = "panda_link0"
BOARD = Board()
_DRAWN = 2000
#: Postures are chosen from so many times as many; people see to it that theirs differ.
_CHOICE = 6
_TURN_RAD = 0.5


@dataclass(frozen=True, eq=False)
class Setup:
    """A camera, a board, and about where the arm goes.

    Attributes:
        camera: With its true pose.
        board: The board.
        board_frame: The frame it is fixed to.
        frame_T_board: Its true pose there.
        q_middle: The posture around which samples are taken [rad].
        q_spread: How far each joint goes from it [rad].
    """

    camera: Camera
    board: Board
    board_frame: str
    frame_T_board: Float[Array, "4 4"]
    q_middle: Float[Array, "7"]
    q_spread: float

    def cam_T_board(self, q: Float[Array, "*n 7"]) -> Float[Array, "*n 4 4"]:
        """The true pose of the board in the camera."""
        mounts = parent_T_mount(q, self.camera.parent_frame, self.board_frame)
        return invert(self.camera.parent_T_cam) @ mounts @ self.frame_T_board

    def postures(self, count: int, rng: np.random.Generator) -> Float[Array, "n 7"]:
        """Random postures in which the board is seen, as unlike one another as a person takes."""
        pool = np.empty((0, 7))
        while len(pool) < _CHOICE * count:
            q = self.q_middle + rng.uniform(-self.q_spread, self.q_spread, (_DRAWN, 7))
            pool = np.concatenate([pool, q[self._fitting(q)]])
        poses = self.cam_T_board(pool)
        places = apply_all(poses, self.board.corners.mean(0)[None])[:, 0]
        turns = Rotation.from_matrix(poses[0, :3, :3].T @ poses[:, :3, :3]).as_rotvec()
        features = np.hstack([places / places.std(0).mean(), turns / _TURN_RAD])
        chosen = [0]
        distance = np.linalg.norm(features - features[0], axis=1)
        while len(chosen) < count:
            chosen.append(int(distance.argmax()))
            distance = np.minimum(
                distance, np.linalg.norm(features - features[chosen[-1]], axis=1)
            )
        return pool[chosen]

    def sightings(
        self, q: Float[Array, "n 7"], noise_px: float, rng: np.random.Generator
    ) -> list[Sighting]:
        """Corners as a perfect detector would find them, but for noise."""
        k = self.camera.intrinsics
        xyz = apply_all(self.cam_T_board(q), self.board.corners)
        uv = xyz[..., :2] / xyz[..., 2:] * (k.fx, k.fy) + (k.cx, k.cy)
        uv += rng.normal(0, noise_px, uv.shape)
        return [Sighting(np.arange(len(row)), row) for row in uv]

    @property
    def samples(self) -> SampleSetup:
        """The same as a folder of samples describes it."""
        c = self.camera
        return SampleSetup(
            c.name, c.frame_id, c.parent_frame, self.board_frame, self.board, c.intrinsics
        )

    def _fitting(self, q: Float[Array, "n 7"]) -> Bool[Array, "n"]:
        """Within limits, clear of the table, and all corners well in the picture."""
        limits = limits_of(RobotModel.PANDA)
        inside = ((q > limits.q_min + 0.05) & (q < limits.q_max - 0.05)).all(1)
        base_T_board = base_T_frame(q, self.board_frame) @ self.frame_T_board
        heights = apply_all(base_T_board, self.board.corners)[..., 2].min(1)
        clear = (self.board_frame == BASE) | (heights > 0.08)
        clear &= base_T_frame(q, "panda_hand_tcp")[:, 2, 3] > 0.05
        clear &= frame_poses(q)[:, 5:, 2, 3].min(1) > 0.1
        k, (width, height) = self.camera.intrinsics, self.board.size_m
        outer = np.array([[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]])
        poses = self.cam_T_board(q)
        xyz = apply_all(poses, outer)
        uv = xyz[..., :2] / xyz[..., 2:] * (k.fx, k.fy) + (k.cx, k.cy)
        seen = (xyz[..., 2] > 0.15).all(1) & (uv > 10).all((1, 2))
        seen &= (uv < (k.width - 10, k.height - 10)).all((1, 2))
        centres = xyz.mean(1)
        facing = (poses[:, :3, 2] * centres).sum(1) / np.linalg.norm(centres, axis=1)
        return inside & clear & seen & (facing > np.cos(np.deg2rad(50)))


def apply_all(poses: Float[Array, "n 4 4"], points: Float[Array, "m 3"]) -> Float[Array, "n m 3"]:
    """All points in the frame of each pose [m]."""
    return points @ np.swapaxes(poses[:, :3, :3], 1, 2) + poses[:, None, :3, 3]


def rig() -> CameraRig:
    """The project's."""
    return load_rig(ROOT / "config" / "cameras.yaml")


def _camera(name: str) -> Camera:
    c = rig().cameras[name]
    return Camera(name, INTRINSICS, c.parent_frame, c.parent_T_cam, c.frame_id)


def eye_in_hand(board: Board = BOARD) -> Setup:
    """The wrist camera, and a board that lies on the table."""
    width, height = board.size_m
    turn = rotation_z(0.3) @ rotation_x(np.pi)
    middle = np.array([0.47, 0.02, 0.004])
    at = transform(turn, middle - turn @ np.array([width / 2, height / 2, 0]))
    q = np.deg2rad([0.0, -20.0, 0.0, -125.0, 0.0, 105.0, 45.0])
    return Setup(_camera("wrist"), board, BASE, at, q, 0.8)


def eye_on_base(board: Board = BOARD, distance_m: float = 1.0) -> Setup:
    """A camera in front of the robot, and a board that the hand holds towards it."""
    width, height = board.size_m
    turn = rotation_z(np.pi / 4) @ rotation_y(0.1) @ rotation_x(np.pi)
    middle = np.array([0.01, -0.02, 0.13])
    at = transform(turn, middle - turn @ np.array([width / 2, height / 2, 0]))
    front = _camera("front")
    q = np.deg2rad([0.0, -30.0, 0.0, -125.0, 0.0, 165.0, 45.0])
    target = base_T_frame(q, "panda_hand")[:3, 3]
    pose = front.parent_T_cam.copy()
    pose[:3, 3] = target - distance_m * pose[:3, 2]
    camera = Camera("front", INTRINSICS, BASE, pose, front.frame_id)
    return Setup(camera, board, "panda_hand", at, q, 0.8)
