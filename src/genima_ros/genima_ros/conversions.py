# SPDX-License-Identifier: Apache-2.0
"""Messages to arrays and back: pure functions, no node, no state."""

import array
from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from genima.arrays import Array, Float, UInt8
from genima.errors import CalibrationError, InvalidCommand, InvalidImage
from genima.intrinsics import Intrinsics
from genima.kinematics import FINGER_OPEN_M

#: Encodings that are read without cv_bridge: channels, and their order as indices into RGB.
_NATIVE_ENCODINGS: dict[str, tuple[int, tuple[int, int, int]]] = {
    "rgb8": (3, (0, 1, 2)),
    "bgr8": (3, (2, 1, 0)),
    "mono8": (1, (0, 0, 0)),
}

#: Joints of the Franka Hand; each finger travels 0 to 4 cm.
FINGER_JOINTS = ("panda_finger_joint1", "panda_finger_joint2")
_FINGER_PREFIX = "panda_finger_joint"


def seconds(stamp: Time | Duration) -> float:
    """Seconds of a time or duration message."""
    return stamp.sec + stamp.nanosec * 1e-9


def time_message(stamp_s: float) -> Time:
    """A time message; rounded to the nanosecond."""
    sec, nanosec = divmod(round(stamp_s * 1e9), 1_000_000_000)
    return Time(sec=sec, nanosec=nanosec)


def duration_message(duration_s: float) -> Duration:
    """A duration message; rounded to the nanosecond."""
    sec, nanosec = divmod(round(duration_s * 1e9), 1_000_000_000)
    return Duration(sec=sec, nanosec=nanosec)


def image_to_rgb(message: Image) -> UInt8[Array, "h w 3"]:
    """Read an image message as RGB, honouring row padding. No copy for unpadded rgb8.

    Raises:
        InvalidImage: The encoding is unknown, or size, step and data do not fit together.
    """
    if message.encoding not in _NATIVE_ENCODINGS:
        return _through_cv_bridge(message)
    channels, order = _NATIVE_ENCODINGS[message.encoding]
    height, width, step = message.height, message.width, message.step
    data = np.frombuffer(message.data, np.uint8)
    if width == 0 or height == 0 or step < width * channels or data.size < height * step:
        raise InvalidImage(
            f"{message.encoding} image of {width}x{height} with step {step} and {data.size} bytes "
            f"of data; such an image has a step of at least {width * channels} and height x step "
            "bytes; check the camera driver"
        )
    pixels = data[: height * step].reshape(height, step)[:, : width * channels]
    pixels = pixels.reshape(height, width, channels)
    return pixels if order == (0, 1, 2) else pixels[:, :, order]


def _through_cv_bridge(message: Image) -> UInt8[Array, "h w 3"]:
    try:
        from cv_bridge import CvBridge, CvBridgeError
    except ImportError as error:
        raise InvalidImage(
            f"image encoding {message.encoding!r} needs cv_bridge, which is not installed; "
            f"publish one of {sorted(_NATIVE_ENCODINGS)}, or install ros-jazzy-cv-bridge"
        ) from error
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(message, desired_encoding="rgb8"))
    except CvBridgeError as error:
        raise InvalidImage(f"image encoding {message.encoding!r}: {error}") from error


def rgb_to_image(image: UInt8[Array, "h w 3"], frame_id: str, stamp_s: float) -> Image:
    """An rgb8 image message."""
    message = Image(height=image.shape[0], width=image.shape[1], encoding="rgb8")
    message.header.frame_id = frame_id
    message.header.stamp = time_message(stamp_s)
    message.step = image.shape[1] * 3
    # An array.array is taken as it is; a list or bytes would be checked element by element.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(image))  # the only copy: images come 120 times a second
    message.data = data
    return message


def joint_positions(message: JointState, names: Sequence[str]) -> Float[Array, "n"]:
    """Positions of the named joints [rad], found by name in any order.

    Raises:
        InvalidCommand: A name is missing or doubled, or a position is missing or not finite.
    """
    return _by_name(message.name, message.position, names, "position")


def joint_velocities(message: JointState, names: Sequence[str]) -> Float[Array, "n"]:
    """Velocities of the named joints [rad/s]; zeros where the message carries none.

    Raises:
        InvalidCommand: As for `joint_positions`.
    """
    if len(message.velocity) == 0:
        return np.zeros(len(names))
    return _by_name(message.name, message.velocity, names, "velocity")


def _by_name(
    present: Sequence[str], values: Sequence[float], names: Sequence[str], what: str
) -> Float[Array, "n"]:
    index = {name: i for i, name in enumerate(present)}
    missing = [name for name in names if name not in index]
    if missing:
        raise InvalidCommand(f"joint state has no {missing}; it names {list(present)[:12]}")
    if len(index) != len(present):
        raise InvalidCommand(f"joint state names a joint twice: {list(present)[:12]}")
    if len(values) != len(present):
        raise InvalidCommand(
            f"joint state has {len(present)} names and {len(values)} values of {what}"
        )
    picked = np.array([values[index[name]] for name in names], dtype=float)
    if not np.isfinite(picked).all():
        raise InvalidCommand(f"joint state has a {what} that is not a finite number: {picked}")
    return picked


def joint_state(
    names: Sequence[str], q: Float[Array, "n"], dq: Float[Array, "n"], stamp_s: float
) -> JointState:
    """A joint state message."""
    message = JointState(name=list(names), position=q.tolist(), velocity=dq.tolist())
    message.header.stamp = time_message(stamp_s)
    return message


def trajectory(
    names: Sequence[str],
    stamp_s: float,
    times_s: Sequence[float],
    q: Float[Array, "k n"],
    dq: Float[Array, "k n"],
) -> JointTrajectory:
    """A trajectory message whose points lie at the absolute `times_s`."""
    message = JointTrajectory(joint_names=list(names))
    message.header.stamp = time_message(stamp_s)
    message.points = [
        JointTrajectoryPoint(
            positions=position.tolist(),
            velocities=velocity.tolist(),
            time_from_start=duration_message(time_s - stamp_s),
        )
        for time_s, position, velocity in zip(times_s, q, dq, strict=True)
    ]
    return message


def trajectory_arrays(
    message: JointTrajectory,
) -> tuple[Float[Array, "k"], Float[Array, "k n"], Float[Array, "k n"]]:
    """Times from the start [s], positions [rad] and velocities [rad/s] of a trajectory.

    Raises:
        InvalidCommand: A point lacks positions or velocities of some joint.
    """
    n = len(message.joint_names)
    for i, point in enumerate(message.points):
        if len(point.positions) != n or len(point.velocities) != n:
            raise InvalidCommand(
                f"trajectory point {i} has {len(point.positions)} positions and "
                f"{len(point.velocities)} velocities for {n} joints; both are needed for each"
            )
    times_s = np.array([seconds(point.time_from_start) for point in message.points])
    q = np.array([point.positions for point in message.points], dtype=float)
    dq = np.array([point.velocities for point in message.points], dtype=float)
    shape = (len(message.points), n)
    return times_s, q.reshape(shape), dq.reshape(shape)


def camera_info(intrinsics: Intrinsics, frame_id: str, stamp_s: float) -> CameraInfo:
    """A camera_info message without distortion."""
    message = CameraInfo(
        width=intrinsics.width, height=intrinsics.height, distortion_model="plumb_bob", d=[0.0] * 5
    )
    message.header.frame_id = frame_id
    message.header.stamp = time_message(stamp_s)
    K = intrinsics.K_ros
    message.k = K.ravel().tolist()
    message.r = np.eye(3).ravel().tolist()
    message.p = np.column_stack([K, np.zeros(3)]).ravel().tolist()
    return message


def intrinsics_of(message: CameraInfo) -> Intrinsics:
    """Intrinsics of a camera_info message.

    Raises:
        CalibrationError: The camera is uncalibrated or its images are distorted.
    """
    fx, fy = message.k[0], message.k[4]
    if not (fx > 0 and fy > 0 and message.width > 0 and message.height > 0):
        raise CalibrationError(
            f"camera_info with focal lengths {fx}, {fy} and size {message.width}x{message.height} "
            "is not a calibrated camera; calibrate it, or check its driver"
        )
    # A RealSense colour stream reports zeros; half a pixel at the image corner is about 0.002.
    if not all(abs(value) <= 2e-3 for value in message.d):  # so that NaN is refused too
        raise CalibrationError(
            f"camera_info with distortion {list(message.d)}: spheres are drawn without it; "
            "subscribe to a rectified image (image_rect)"
        )
    return Intrinsics.from_ros(np.reshape(message.k, (3, 3)), message.width, message.height)


def gripper_is_open(message: JointState) -> bool | None:
    """Whether the Franka Hand's fingers are apart; None if the message does not name them."""
    widths = [
        position
        for name, position in zip(message.name, message.position, strict=False)
        if name.startswith(_FINGER_PREFIX)
    ]
    return None if not widths else min(widths) > FINGER_OPEN_M
