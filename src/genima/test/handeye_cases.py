# SPDX-License-Identifier: Apache-2.0
"""Cameras with boards in front of them, and arm postures in which the board is seen."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genima.arrays import Array, Float
from genima.cameras import Camera, load_rig
from genima.geometry import apply, invert, rotation_x, rotation_y, rotation_z, transform
from genima.handeye.board import Board
from genima.intrinsics import Intrinsics
from genima.kinematics import base_T_frame, frame_poses
from genima.limits import RobotModel, limits_of

ROOT = Path(__file__).parents[3]
#: Of a RealSense D435's colour stream, within a per cent.
INTRINSICS = Intrinsics(640, 480, 610.0, 608.5, 322.3, 238.1)
BASE = "panda_link0"
BOARD = Board()


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

    def cam_T_board(self, q: Float[Array, "7"]) -> Float[Array, "4 4"]:
        """The true pose of the board in the camera."""
        base_T_board = base_T_frame(q, self.board_frame) @ self.frame_T_board
        return invert(self.camera.view(q).base_T_cam) @ base_T_board

    def postures(self, count: int, rng: np.random.Generator) -> Float[Array, "n 7"]:
        """Random postures in which all corners are in the picture and the arm is off the table."""
        limits = limits_of(RobotModel.PANDA)
        found: list[Float[Array, "7"]] = []
        while len(found) < count:
            q = self.q_middle + rng.uniform(-self.q_spread, self.q_spread, 7)
            inside = (q > limits.q_min + 0.05).all() and (q < limits.q_max - 0.05).all()
            if inside and self._clear_of_table(q) and self._seen(q):
                found.append(q)
        return np.array(found)

    def _clear_of_table(self, q: Float[Array, "7"]) -> bool:
        corners = apply(base_T_frame(q, self.board_frame) @ self.frame_T_board, self.board.corners)
        hand = base_T_frame(q, "panda_hand_tcp")[2, 3] > 0.05
        low = self.board_frame != BASE and corners[:, 2].min() < 0.08
        return bool(hand and not low and frame_poses(q)[5:, 2, 3].min() > 0.1)

    def _seen(self, q: Float[Array, "7"]) -> bool:
        cam_T_board = self.cam_T_board(q)
        k = self.camera.intrinsics
        width, height = self.board.size_m
        outer = np.array([[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]])
        xyz = apply(cam_T_board, outer)
        if xyz[:, 2].min() < 0.15:
            return False
        uv = xyz[:, :2] / xyz[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy)
        margin = (uv > 10).all() and (uv < (k.width - 10, k.height - 10)).all()
        centre = xyz.mean(0)
        facing = cam_T_board[:3, 2] @ centre / np.linalg.norm(centre)
        return bool(margin and facing > np.cos(np.deg2rad(50)))


def _camera(name: str) -> Camera:
    c = load_rig(ROOT / "config" / "cameras.yaml").cameras[name]
    return Camera(name, INTRINSICS, c.parent_frame, c.parent_T_cam, c.frame_id)


def eye_in_hand(board: Board = BOARD) -> Setup:
    """The wrist camera, and a board that lies on the table."""
    width, height = board.size_m
    turn = rotation_z(0.3) @ rotation_x(np.pi)
    middle = np.array([0.47, 0.02, 0.004])
    at = transform(turn, middle - turn @ np.array([width / 2, height / 2, 0]))
    q = np.deg2rad([0.0, -20.0, 0.0, -125.0, 0.0, 105.0, 45.0])
    return Setup(_camera("wrist"), board, BASE, at, q, 0.5)


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
    return Setup(camera, board, "panda_hand", at, q, 0.5)
