# SPDX-License-Identifier: Apache-2.0
"""Follows a board from image to image, for calibration programs that want its pose."""

from genima.arrays import Array, Float, UInt8
from genima.handeye.detection import BoardDetector, board_pose
from genima.handeye.samples import SampleSetup, rectified


class BoardTracker:
    """Poses of a board in the camera.

    Args:
        setup: Camera, lens and board.
    """

    def __init__(self, setup: SampleSetup) -> None:
        self._setup = setup
        self._detector = BoardDetector(setup.board)

    def cam_T_board(self, image: UInt8[Array, "h w 3"]) -> "Float[Array, '4 4'] | None":
        """Pose of the board in an RGB image as the camera gave it; None if it is not seen.

        Raises:
            InvalidImage: The image is not 8-bit RGB.
        """
        setup = self._setup
        sighting = self._detector.find(rectified(image, setup))
        return board_pose(sighting, setup.board, setup.intrinsics)
