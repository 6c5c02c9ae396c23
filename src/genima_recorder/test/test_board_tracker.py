# SPDX-License-Identifier: Apache-2.0
"""What the board tracker puts on /tf, as far as it goes without tf2_msgs."""

import numpy as np
import pytest

from genima.cameras import Camera
from genima.errors import MissingDependency
from genima.geometry import rotation_from_quat_xyzw, rotation_x, rotation_z, transform
from genima.handeye.board import Board
from genima.handeye.samples import SampleSetup
from genima.handeye.tracker import BoardTracker
from genima.intrinsics import Intrinsics
from genima_recorder.board_tracker_node import _transforms
from genima_ros.transforms import transform_message

INTRINSICS = Intrinsics(640, 480, 600.0, 600.0, 320.0, 240.0)
SQUARE_PX = 60


def setup() -> SampleSetup:
    camera = Camera("front", INTRINSICS, "panda_link0", np.eye(4))
    return SampleSetup(
        camera.name, camera.frame_id, "panda_link0", "panda_hand", Board(), INTRINSICS
    )


def test_board_straight_ahead_is_as_far_away_as_it_looks() -> None:
    board, image = Board(), np.full((480, 640), 255, np.uint8)
    picture = board.image(SQUARE_PX)
    image[80 : 80 + picture.shape[0], 100 : 100 + picture.shape[1]] = picture
    pose = BoardTracker(setup()).cam_T_board(np.repeat(image[..., None], 3, axis=2))
    assert pose is not None
    depth_m = board.square_m * INTRINSICS.fx / SQUARE_PX
    corner = np.array([100 - 320, 80 - 240, INTRINSICS.fx]) * depth_m / INTRINSICS.fx
    np.testing.assert_allclose(pose[:3, 3], corner, atol=2e-3)
    np.testing.assert_allclose(pose[:3, :3], np.eye(3), atol=0.02)


def test_picture_without_the_board_gives_no_pose() -> None:
    assert BoardTracker(setup()).cam_T_board(np.zeros((480, 640, 3), np.uint8)) is None


def test_pose_becomes_a_transform_of_the_same_frames() -> None:
    pose = transform(rotation_z(0.3) @ rotation_x(2.0), np.array([0.1, -0.2, 0.9]))
    message = transform_message(pose, "front_color_optical_frame", "calibration_board", 12.25)
    assert message.header.frame_id == "front_color_optical_frame"
    assert message.child_frame_id == "calibration_board"
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (12, 250_000_000)
    shift, turn = message.transform.translation, message.transform.rotation
    np.testing.assert_allclose([shift.x, shift.y, shift.z], pose[:3, 3])
    rotation = rotation_from_quat_xyzw(np.array([turn.x, turn.y, turn.z, turn.w]))
    np.testing.assert_allclose(rotation, pose[:3, :3], atol=1e-12)


def test_without_tf2_msgs_it_says_what_to_install_and_what_goes_without() -> None:
    try:
        import tf2_msgs.msg  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependency, match=r"ros-jazzy-tf2-msgs.*calib capture"):
            _transforms()
    else:
        assert _transforms().__name__ == "TFMessage"
