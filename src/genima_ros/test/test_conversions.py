# SPDX-License-Identifier: Apache-2.0
import array
import math
import sys

import numpy as np
import pytest
from builtin_interfaces.msg import Duration
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from genima.errors import CalibrationError, GenimaError, InvalidCommand, InvalidImage
from genima.intrinsics import Intrinsics
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima_ros.conversions import (
    FINGER_JOINTS,
    camera_info,
    duration_message,
    gripper_is_open,
    image_to_rgb,
    intrinsics_of,
    joint_positions,
    joint_state,
    joint_velocities,
    rgb_to_image,
    seconds,
    time_message,
    trajectory,
    trajectory_arrays,
)

RNG = np.random.default_rng(1)
PICTURE = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def image(pixels: np.ndarray, encoding: str, padding: int = 0) -> Image:
    """An image whose rows have some bytes of garbage behind them."""
    rows = pixels.reshape(len(pixels), -1)
    garbage = np.full((len(rows), padding), 77, np.uint8)
    data = array.array("B", np.hstack([rows, garbage]).tobytes())
    height, width = pixels.shape[:2]
    step = rows.shape[1] + padding
    return Image(height=height, width=width, encoding=encoding, step=step, data=data)


@pytest.mark.parametrize("padding", [0, 1, 11])
def test_padded_rows_are_read_without_their_padding(padding: int) -> None:
    np.testing.assert_array_equal(image_to_rgb(image(PICTURE, "rgb8", padding)), PICTURE)


@pytest.mark.parametrize("padding", [0, 3])
def test_bgr_is_turned_into_rgb(padding: int) -> None:
    bgr = image(PICTURE[:, :, ::-1], "bgr8", padding)
    np.testing.assert_array_equal(image_to_rgb(bgr), PICTURE)


def test_grey_has_three_equal_channels() -> None:
    grey = image_to_rgb(image(PICTURE[:, :, :1], "mono8", 2))
    for channel in range(3):
        np.testing.assert_array_equal(grey[:, :, channel], PICTURE[:, :, 0])


def test_unpadded_rgb_is_not_copied() -> None:
    message = image(PICTURE, "rgb8")
    assert np.shares_memory(image_to_rgb(message), np.frombuffer(message.data, np.uint8))


def test_image_survives_the_round_trip() -> None:
    message = rgb_to_image(PICTURE, "front", 12.5)
    assert (message.header.frame_id, seconds(message.header.stamp)) == ("front", 12.5)
    np.testing.assert_array_equal(image_to_rgb(message), PICTURE)


def test_cut_out_picture_survives_the_round_trip() -> None:
    np.testing.assert_array_equal(
        image_to_rgb(rgb_to_image(PICTURE[1:4, 2:6], "front", 0.0)), PICTURE[1:4, 2:6]
    )


@pytest.mark.parametrize(
    ("width", "height", "step", "size"),
    [
        (7, 5, 21, 104),  # a byte short
        (7, 5, 20, 105),  # rows shorter than their pixels
        (0, 5, 21, 105),
        (7, 0, 21, 105),
        (7, 5, 21, 0),
        (2**32 - 1, 2**32 - 1, 2**32 - 1, 12),
        (7, 2**32 - 1, 21, 105),
    ],
)
def test_image_whose_numbers_do_not_fit_is_refused_with_them(
    width: int, height: int, step: int, size: int
) -> None:
    message = Image(width=width, height=height, step=step, encoding="rgb8")
    message.data = array.array("B", bytes(size))
    with pytest.raises(InvalidImage, match=f"{width}x{height} with step {step} and {size} bytes"):
        image_to_rgb(message)


@pytest.mark.parametrize("encoding", ["yuv422_yuy2", "16UC1", "bayer_rggb8", "RGB8", ""])
def test_other_encoding_without_cv_bridge_is_refused_with_what_to_do(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    expected = f"image encoding '{encoding}' needs cv_bridge.*'bgr8', 'mono8', 'rgb8'.*install"
    with pytest.raises(InvalidImage, match=expected):
        image_to_rgb(image(PICTURE, encoding))


def arm(order: list[int], extra: bool = False) -> JointState:
    names = [JOINT_NAMES[i] for i in order]
    q = [float(i) for i in order]
    dq = [10.0 + i for i in order]
    if extra:
        names = [FINGER_JOINTS[0], *names, FINGER_JOINTS[1]]
        q, dq = [0.04, *q, 0.04], [0.0, *dq, 0.0]
    return JointState(name=names, position=q, velocity=dq)


@pytest.mark.parametrize("extra", [False, True])
def test_joints_are_found_by_name_in_any_order(extra: bool) -> None:
    message = arm([3, 0, 6, 1, 5, 2, 4], extra)
    np.testing.assert_array_equal(joint_positions(message, JOINT_NAMES), np.arange(7.0))
    np.testing.assert_array_equal(joint_velocities(message, JOINT_NAMES), 10 + np.arange(7.0))


def test_missing_velocities_are_zero() -> None:
    message = arm(list(range(7)))
    message.velocity = []
    np.testing.assert_array_equal(joint_velocities(message, JOINT_NAMES), np.zeros(7))


def test_missing_joint_is_named() -> None:
    with pytest.raises(InvalidCommand, match="has no \\['panda_joint5'\\]; it names"):
        joint_positions(arm([0, 1, 2, 3, 5, 6]), JOINT_NAMES)


def test_joint_named_twice_is_refused() -> None:
    with pytest.raises(InvalidCommand, match="names a joint twice"):
        joint_positions(arm([0, 1, 2, 3, 4, 5, 6, 2]), JOINT_NAMES)


def test_fewer_values_than_names_are_refused() -> None:
    message = arm(list(range(7)))
    message.position = [0.0] * 6
    with pytest.raises(InvalidCommand, match="7 names and 6 values of position"):
        joint_positions(message, JOINT_NAMES)
    message.velocity = [0.0] * 8
    with pytest.raises(InvalidCommand, match="7 names and 8 values of velocity"):
        joint_velocities(message, JOINT_NAMES)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_position_that_is_not_finite_is_refused(bad: float) -> None:
    message = arm(list(range(7)))
    message.position[3] = bad
    with pytest.raises(InvalidCommand, match="position that is not a finite number"):
        joint_positions(message, JOINT_NAMES)


def test_finger_that_is_not_finite_does_not_matter_to_the_arm() -> None:
    message = arm(list(range(7)), extra=True)
    message.position[0] = math.nan
    assert joint_positions(message, JOINT_NAMES).shape == (7,)


def test_joint_state_survives_the_round_trip() -> None:
    message = joint_state(JOINT_NAMES, np.array(Q_HOME), np.arange(7.0), 3.25)
    np.testing.assert_array_equal(joint_positions(message, JOINT_NAMES), Q_HOME)
    np.testing.assert_array_equal(joint_velocities(message, JOINT_NAMES), np.arange(7.0))
    assert seconds(message.header.stamp) == 3.25


@pytest.mark.parametrize(
    ("widths_m", "expected"), [([0.04, 0.04], True), ([0.0, 0.04], False), ([], None)]
)
def test_gripper_is_open_when_both_fingers_are_apart(
    widths_m: list[float], expected: bool | None
) -> None:
    names = [*JOINT_NAMES, *FINGER_JOINTS[: len(widths_m)]]
    message = JointState(name=names, position=[0.0] * 7 + widths_m)
    assert gripper_is_open(message) is expected


def test_trajectory_survives_the_round_trip() -> None:
    q, dq = RNG.normal(size=(3, 7)), RNG.normal(size=(3, 7))
    message = trajectory(JOINT_NAMES, 100.0, [100.02, 100.04, 100.06], q, dq)
    times_s, q_read, dq_read = trajectory_arrays(message)
    np.testing.assert_allclose(times_s, [0.02, 0.04, 0.06], atol=1e-9)
    np.testing.assert_array_equal(q_read, q)
    np.testing.assert_array_equal(dq_read, dq)
    assert list(message.joint_names) == list(JOINT_NAMES)


@pytest.mark.parametrize("field", ["positions", "velocities"])
@pytest.mark.parametrize("count", [0, 6, 8])
def test_trajectory_point_that_lacks_a_joint_is_named(field: str, count: int) -> None:
    message = trajectory(JOINT_NAMES, 0.0, [0.1, 0.2], np.zeros((2, 7)), np.zeros((2, 7)))
    setattr(message.points[1], field, [0.0] * count)
    with pytest.raises(InvalidCommand, match=f"point 1 has .*{count} {field}.*for 7 joints"):
        trajectory_arrays(message)


def test_trajectory_without_points_is_empty() -> None:
    times_s, q, dq = trajectory_arrays(JointTrajectory(joint_names=list(JOINT_NAMES)))
    assert (times_s.shape, q.shape, dq.shape) == ((0,), (0, 7), (0, 7))


def test_trajectory_without_joints_has_no_columns() -> None:
    message = JointTrajectory(points=[JointTrajectoryPoint(time_from_start=Duration(sec=1))])
    assert trajectory_arrays(message)[1].shape == (1, 0)


CAMERA = Intrinsics(640, 480, 600.0, 610.0, 321.0, 239.0)


def test_intrinsics_survive_the_round_trip() -> None:
    message = camera_info(CAMERA, "front_optical", 7.0)
    assert intrinsics_of(message) == CAMERA
    # Their origin of pixels is the centre of the first one.
    assert message.k[2] == pytest.approx(CAMERA.cx - 0.5)
    assert message.header.frame_id == "front_optical"


@pytest.mark.parametrize(
    "change",
    [
        {"k": [0.0] * 9},
        {"width": 0},
        {"height": 0},
        {"k": [-600.0, 0, 320, 0, -600, 240, 0, 0, 1]},
        {"k": [math.nan, 0, 320, 0, 600, 240, 0, 0, 1]},
        {"k": [600.0, 0, math.nan, 0, 600, 240, 0, 0, 1]},
        {"k": [math.inf, 0, 320, 0, 600, 240, 0, 0, 1]},
    ],
)
def test_uncalibrated_camera_is_refused(change: dict[str, object]) -> None:
    message = camera_info(CAMERA, "front", 0.0)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(GenimaError):
        intrinsics_of(message)


def test_camera_info_that_was_never_filled_says_what_to_do() -> None:
    with pytest.raises(CalibrationError, match="not a calibrated camera; calibrate it"):
        intrinsics_of(CameraInfo())


@pytest.mark.parametrize("bad", [0.05, -0.3, math.nan])
def test_distorted_images_are_refused_with_what_to_do(bad: float) -> None:
    message = camera_info(CAMERA, "front", 0.0)
    message.d = [0.0, bad, 0.0, 0.0, 0.0]
    with pytest.raises(CalibrationError, match="subscribe to a rectified image"):
        intrinsics_of(message)


@pytest.mark.parametrize("distortion", [[], [0.0] * 5, [1e-4] * 5])
def test_distortion_too_small_to_be_seen_is_accepted(distortion: list[float]) -> None:
    message = camera_info(CAMERA, "front", 0.0)
    message.d = distortion
    assert intrinsics_of(message) == CAMERA


@pytest.mark.parametrize("stamp_s", [0.0, 1.0, 1.999999999, 1_700_000_000.25])
def test_times_survive_the_round_trip(stamp_s: float) -> None:
    assert seconds(time_message(stamp_s)) == pytest.approx(stamp_s, abs=1e-6)
    assert seconds(duration_message(stamp_s)) == pytest.approx(stamp_s, abs=1e-6)


def test_time_just_below_a_second_does_not_overflow_its_nanoseconds() -> None:
    assert time_message(2.0 - 1e-10).nanosec == 0
    assert time_message(2.0 - 1e-10).sec == 2
