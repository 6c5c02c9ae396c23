# SPDX-License-Identifier: Apache-2.0
"""Hand-eye calibration from poses alone, and whether the arm has moved enough for it.

OpenCV 5 no longer offers `calibrateHandEye` to Python, so this is ours: the rotation as Park and
Martin find it (a fit of rotation vectors), the translation by least squares, both over all pairs.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from genima.arrays import Array, Float
from genima.errors import CalibrationError
from genima.geometry import invert, transform

#: Twelve unknowns of six numbers a sample would need three; so few show no errors.
MIN_SAMPLES = 6
#: How far the arm must turn about its second axis, root mean square over all pairs [deg].
MIN_SECOND_TURN_DEG = 8.0
#: Vectors of larger rotations jump [rad].
_LARGEST_TURN_RAD = np.deg2rad(170.0)


def camera_pose(
    parent_T_mount: Float[Array, "n 4 4"], cam_T_board: Float[Array, "n 4 4"]
) -> "Float[Array, '4 4']":
    """Pose of a camera in its parent.

    Args:
        parent_T_mount: Poses of the frame that the board is fixed to, in the frame that the camera
            is fixed to: from the joints.
        cam_T_board: Poses of the board in the camera: from the images.
    """
    first, second = np.triu_indices(len(parent_T_mount), 1)
    # parent_T_mount[i] mount_T_board = parent_T_cam cam_T_board[i], for all i.
    A = parent_T_mount[first] @ invert(parent_T_mount[second])
    B = cam_T_board[first] @ invert(cam_T_board[second])
    turns_a, turns_b = rotation_vectors(A), rotation_vectors(B)
    usable = np.linalg.norm(turns_a, axis=1) < _LARGEST_TURN_RAD
    u, _, vt = np.linalg.svd(turns_a[usable].T @ turns_b[usable])
    rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    left = (A[:, :3, :3] - np.eye(3)).reshape(-1, 3)
    right = (B[:, :3, 3] @ rotation.T - A[:, :3, 3]).reshape(-1)
    shift, *_ = np.linalg.lstsq(left, right, rcond=None)
    return transform(rotation, shift)


def mean_pose(poses: Float[Array, "n 4 4"]) -> "Float[Array, '4 4']":
    """The pose in the middle of some that hardly differ: means of rotations, median of places."""
    rotation = Rotation.from_matrix(poses[:, :3, :3]).mean().as_matrix()
    return transform(rotation, np.median(poses[:, :3, 3], axis=0))


def rotation_vectors(poses: Float[Array, "n 4 4"]) -> Float[Array, "n 3"]:
    """Axes times angles [rad]."""
    return np.asarray(Rotation.from_matrix(poses[:, :3, :3]).as_rotvec())


def turns_deg(parent_T_mount: Float[Array, "n 4 4"]) -> Float[Array, "3"]:
    """How far the arm has turned about its three main axes, the most turned first [deg].

    Root mean squares over all pairs of samples.
    """
    first, second = np.triu_indices(len(parent_T_mount), 1)
    vectors = rotation_vectors(parent_T_mount[first] @ invert(parent_T_mount[second]))
    spread = np.linalg.svd(vectors, compute_uv=False) / np.sqrt(max(len(vectors), 1))
    return np.rad2deg(np.pad(spread, (0, 3 - len(spread))))


def require_motion(parent_T_mount: Float[Array, "n 4 4"]) -> None:
    """Refuse samples that leave the camera's pose open.

    Raises:
        CalibrationError: There are too few, or the hand has turned about one axis only.
    """
    count = len(parent_T_mount)
    if count < MIN_SAMPLES:
        raise CalibrationError(
            f"only {count} samples show the board well enough, at least {MIN_SAMPLES} are needed "
            "and 20 to 40 are good; take more, with the board large and whole in the picture"
        )
    turns = turns_deg(parent_T_mount)
    if turns[1] < MIN_SECOND_TURN_DEG:
        raise CalibrationError(
            f"between samples the hand turns by {turns[0]:.0f} degrees about one axis and by "
            f"{turns[1]:.1f} about a second one, at least {MIN_SECOND_TURN_DEG:g} are needed; "
            "tilt the hand in two directions by 20 to 40 degrees each"
        )
