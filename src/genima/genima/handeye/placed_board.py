# SPDX-License-Identifier: Apache-2.0
"""A board whose place on the robot is known, and where a camera sees its corners."""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float
from genima.cameras import Camera
from genima.geometry import apply
from genima.handeye.board import Board
from genima.kinematics import base_T_frame


@dataclass(frozen=True, eq=False)
class PlacedBoard:
    """A board whose place on the robot is known.

    Attributes:
        board: The board.
        board_frame: The frame that it is fixed to.
        mount_T_board: Its pose there.
    """

    board: Board
    board_frame: str
    mount_T_board: "Float[Array, '4 4']"

    def corners_in_base(self, q: Float[Array, "7"]) -> Float[Array, "c 3"]:
        """Where the corners are while the arm is at `q` [rad], in the base [m]."""
        return apply(base_T_frame(q, self.board_frame) @ self.mount_T_board, self.board.corners)

    def project(self, camera: Camera, q: Float[Array, "7"]) -> Float[Array, "c 2"]:
        """Where a camera sees the corners while the arm is at `q` [rad]; NaN behind it [px]."""
        return np.asarray(camera.view(q).project(self.corners_in_base(q))[0])
