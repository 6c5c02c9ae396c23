# SPDX-License-Identifier: Apache-2.0
"""Messages are decoded as ROS decodes them."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from genima.errors import InvalidDataset
from genima.recording import cdr

from . import recording_cases as cases

rclpy_serialization = pytest.importorskip(
    "rclpy.serialization", reason="ROS 2 is not installed to compare with"
)
STAMP_NS = 1_700_000_000_123_456_789


def fill_header(message) -> None:
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(STAMP_NS, 10**9)
    message.header.frame_id = "a_frame"


def serialized(message) -> bytes:
    return bytes(rclpy_serialization.serialize_message(message))


@pytest.mark.parametrize("frame_id", ["", "a", "ab", "abc", "abcd", "grüße"])
def test_header_of_any_length_is_read(frame_id: str) -> None:
    from sensor_msgs.msg import JointState

    message = JointState()
    fill_header(message)
    message.header.frame_id = frame_id
    data = serialized(message)
    assert cdr.decode_header(data) == cdr.Header(STAMP_NS, frame_id)
    assert cdr.stamp_ns(data) == STAMP_NS


def test_image_keeps_its_padding_and_names() -> None:
    from sensor_msgs.msg import Image

    message = Image(height=3, width=5, encoding="bgr8", step=17, is_bigendian=1)
    fill_header(message)
    message.data = bytes(range(51))
    image = cdr.decode_image(serialized(message))
    assert (image.height, image.width, image.step) == (3, 5, 17)
    assert (image.encoding, image.is_bigendian) == ("bgr8", 1)
    assert image.header == cdr.Header(STAMP_NS, "a_frame")
    assert bytes(image.data) == bytes(range(51))


@pytest.mark.parametrize("size", range(9))
def test_joint_state_with_any_number_of_joints_is_read(size: int) -> None:
    from sensor_msgs.msg import JointState

    numbers = np.linspace(-1, 1, size)
    names = [f"joint{'x' * i}" for i in range(size)]
    message = JointState(name=names, position=numbers.tolist(), velocity=(2 * numbers).tolist())
    fill_header(message)
    state = cdr.decode_joint_state(serialized(message))
    assert state.name == tuple(names)
    assert np.array_equal(state.position, numbers)
    assert np.array_equal(state.velocity, 2 * numbers)
    assert state.effort.shape == (0,)


@pytest.mark.parametrize("points", [0, 1, 3])
def test_trajectory_is_read(points: int) -> None:
    from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

    message = JointTrajectory(joint_names=["a", "bcd"])
    fill_header(message)
    for i in range(points):
        point = JointTrajectoryPoint(positions=[i + 0.5, 2.0], velocities=[3.0, 4.0])
        point.time_from_start.sec, point.time_from_start.nanosec = i, 50_000_000
        message.points.append(point)
    trajectory = cdr.decode_joint_trajectory(serialized(message))
    assert trajectory.joint_names == ("a", "bcd")
    assert len(trajectory.points) == points
    for i, point in enumerate(trajectory.points):
        assert point.positions.tolist() == [i + 0.5, 2.0]
        assert point.velocities.tolist() == [3.0, 4.0]
        assert point.accelerations.size == point.effort.size == 0
        assert point.time_from_start_ns == i * 10**9 + 50_000_000


@pytest.mark.parametrize("coefficients", [0, 5, 8])
def test_camera_info_is_read(coefficients: int) -> None:
    from sensor_msgs.msg import CameraInfo

    message = CameraInfo(height=480, width=640, distortion_model="plumb_bob")
    fill_header(message)
    message.d = [0.1] * coefficients
    message.k, message.r = list(range(9)), list(range(9, 18))
    message.p = list(range(18, 30))
    info = cdr.decode_camera_info(serialized(message))
    assert (info.height, info.width, info.distortion_model) == (480, 640, "plumb_bob")
    assert info.d.tolist() == [0.1] * coefficients
    assert np.concatenate([info.k, info.r, info.p]).tolist() == list(range(30))


@pytest.mark.parametrize("opened", [True, False])
def test_gripper_command_is_read(opened: bool) -> None:
    msg = pytest.importorskip("genima_msgs.msg", reason="the workspace is not sourced")
    message = msg.GripperCommand(open=opened)
    fill_header(message)
    assert cdr.decode_gripper_command(serialized(message)).open is opened


@pytest.mark.parametrize("text", ["", "push the button", "öffne die Schublade"])
def test_string_is_read(text: str) -> None:
    from std_msgs.msg import String

    assert cdr.decode_string(serialized(String(data=text))).data == text


@pytest.mark.parametrize("frame_id", ["", "abc", "abcd"])
@pytest.mark.parametrize("label", ["png", "rgb8; jpeg compressed bgr8"])
def test_compressed_image_that_we_write_is_read_by_ros_and_by_us(
    frame_id: str, label: str
) -> None:
    from sensor_msgs.msg import CompressedImage

    data = cdr.encode_compressed_image(cdr.Header(STAMP_NS, frame_id), label, b"12345")
    message = rclpy_serialization.deserialize_message(data, CompressedImage)
    assert (message.format, bytes(message.data)) == (label, b"12345")
    assert message.header.frame_id == frame_id
    assert message.header.stamp.nanosec == STAMP_NS % 10**9
    ours = cdr.decode_compressed_image(data)
    assert (ours.header, ours.format) == (cdr.Header(STAMP_NS, frame_id), label)
    assert bytes(ours.data) == b"12345"


def test_big_endian_is_read() -> None:
    data = b"\x00\x00\x00\x00" + struct.pack(">iII", 5, 7, 2) + b"x\0"
    assert cdr.decode_header(data) == cdr.Header(5_000_000_007, "x")
    assert cdr.stamp_ns(data) == 5_000_000_007


def test_damaged_message_is_refused_with_a_sentence_wherever_it_ends() -> None:
    data = cases.serialized(cases.joints_message(0.0, 0.04))
    for end in range(len(data) - 1):
        with pytest.raises(InvalidDataset):
            cdr.decode_joint_state(data[:end])


def test_other_encapsulation_is_refused() -> None:
    with pytest.raises(InvalidDataset, match="begins with 00030000; only plain CDR"):
        cdr.decode_string(b"\x00\x03\x00\x00" + bytes(8))


def test_count_beyond_the_message_takes_no_memory() -> None:
    data = cases.serialized(replace(cases.joints_message(0.0, None)))
    count = 20  # of names, behind encapsulation, stamp and an empty frame
    assert struct.unpack_from("<I", data, count) == (7,)
    hostile = data[:count] + struct.pack("<I", 0xFFFFFFF0) + data[count + 4 :]
    with pytest.raises(InvalidDataset):
        cdr.decode_joint_state(hostile)
