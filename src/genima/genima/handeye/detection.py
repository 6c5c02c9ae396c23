# SPDX-License-Identifier: Apache-2.0
"""The board in a picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from genima.arrays import Array, Float, Int, UInt8
from genima.errors import InvalidImage
from genima.geometry import transform
from genima.handeye.board import Board
from genima.intrinsics import Intrinsics

#: OpenCV counts pixels from the centre of the first, we from its outer corner.
_OPENCV_ORIGIN_PX = 0.5
#: A pose from fewer corners than this is not worth much.
MIN_CORNERS = 6
#: Enlarged, markers of 13 px are read as surely as those of 26 px.
_SCALE = 2
_SMALLEST_WINDOW_PX = 2
_PRECISELY = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 40, 1e-3)


@dataclass(frozen=True, eq=False)
class Sighting:
    """Corners of a board that were found in an image.

    Attributes:
        ids: Their numbers.
        uv: Where they are [px].
    """

    ids: Int[Array, "n"]
    uv: Float[Array, "n 2"]

    def __len__(self) -> int:
        return len(self.ids)


class BoardDetector:
    """Finds one board in images."""

    def __init__(self, board: Board) -> None:
        self.board = board
        charuco = cv2.aruco.CharucoParameters()
        charuco.tryRefineMarkers = True
        markers = cv2.aruco.DetectorParameters()
        markers.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        self._detector = cv2.aruco.CharucoDetector(board.charuco, charuco, markers)

    def find(self, image: UInt8[Array, "h w 3"]) -> Sighting:
        """The corners in an RGB image without distortion; none is an empty sighting.

        Raises:
            InvalidImage: It is not 8-bit RGB.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InvalidImage(
                f"image of shape {image.shape}, type {image.dtype}: must be (height, width, 3), "
                "uint8"
            )
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        larger = cv2.resize(grey, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_CUBIC)
        corners, ids, _, _ = self._detector.detectBoard(larger)
        if ids is None or len(ids) == 0:
            return Sighting(np.empty(0, int), np.empty((0, 2)))
        uv = self._refined(larger, np.asarray(corners, np.float32).reshape(-1, 2))
        return Sighting(np.asarray(ids, int).ravel(), (uv + _OPENCV_ORIGIN_PX) / _SCALE)

    def _refined(self, grey: UInt8[Array, "h w"], uv: Float[Array, "n 2"]) -> Float[Array, "n 2"]:
        """Where the corners are in a window that no marker reaches into.

        The detector of OpenCV 4.11 puts all corners half a pixel too far to the right and down.
        """
        if len(uv) < 2:
            return uv.astype(float)
        distances = np.linalg.norm(uv[:, None] - uv, axis=2)
        square_px = float(np.median(np.sort(distances, axis=1)[:, 1]))
        gap = (1.0 - self.board.marker_m / self.board.square_m) / 2.0
        half = max(int(gap * square_px), _SMALLEST_WINDOW_PX)
        refined = cv2.cornerSubPix(grey, uv[:, None].copy(), (half, half), (-1, -1), _PRECISELY)
        return np.asarray(refined, float)[:, 0]


def board_pose(
    sighting: Sighting, board: Board, intrinsics: Intrinsics
) -> "Float[Array, '4 4'] | None":
    """Pose of the board in the camera, cam_T_board, from one image; None if it cannot be told."""
    if len(sighting) < MIN_CORNERS:
        return None
    points = board.corners[sighting.ids]
    # Corners on one line leave the pose open.
    if np.linalg.matrix_rank(points[:, :2] - points[0, :2], tol=0.5 * board.square_m) < 2:
        return None
    count, turns, shifts, _ = cv2.solvePnPGeneric(
        points,
        sighting.uv,
        intrinsics.K,
        None,
        flags=cv2.SOLVEPNP_IPPE,
    )
    if not count:
        return None
    turn, shift = cv2.solvePnPRefineLM(
        points, sighting.uv, intrinsics.K, None, turns[0].copy(), shifts[0].copy()
    )
    if not (np.isfinite(turn).all() and np.isfinite(shift).all()) or shift[2, 0] <= 0:
        return None
    rotation, _ = cv2.Rodrigues(turn)
    return transform(rotation, shift[:, 0])
