# SPDX-License-Identifier: Apache-2.0
"""Recorded data sets for tests: written as the recorder writes them, of a known motion."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from genima.cameras import CameraRig, load_rig
from genima.intrinsics import Intrinsics
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.recording.dataset import CameraFacts, DatasetInfo, ImageStorage
from genima.recording.episode_info import EpisodeInfo
from genima.recording.folder import RecordingFolder
from genima.recording.mcap_file import McapFile, Message
from genima.recording.pictures import ImageEncoder
from genima.recording.recording import MCAP_FILE

from .demonstration_cases import CAMERAS_YAML

START_NS = 1_700_000_000_000_000_000
CAMERAS = ("front", "wrist", "left_shoulder", "right_shoulder")
FINGERS = ("panda_finger_joint1", "panda_finger_joint2")

_STORE = get_typestore(Stores.ROS2_JAZZY)
_STORE.register(
    get_types_from_msg("std_msgs/Header header\nbool open\n", "genima_msgs/msg/GripperCommand")
)
_T = _STORE.types


def ns(time_s: float) -> int:
    return START_NS + round(time_s * 1e9)


def arm_at(time_s: float) -> np.ndarray:
    """The known motion [rad]: each joint at a constant speed, so that a line is exact."""
    return Q_HOME + SPEEDS * time_s


SPEEDS = np.linspace(-0.06, 0.06, 7)


def stamped_image(time_s: float, width: int, height: int) -> np.ndarray:
    """An image that tells its own time: the centre shows milliseconds, red high, green low."""
    image = np.zeros((height, width, 3), np.uint8)
    high, low = divmod(round(time_s * 1e3), 256)
    image[:] = (high, low, 50)
    return image


def time_of(image: np.ndarray) -> float:
    """What `stamped_image` wrote [s]."""
    red, green, _ = (int(v) for v in image[image.shape[0] // 2, image.shape[1] // 2])
    return (red * 256 + green) / 1e3


def header(time_s: float, frame: str = ""):
    sec, nanosec = divmod(ns(time_s), 10**9)
    stamp = _T["builtin_interfaces/msg/Time"](sec=sec, nanosec=nanosec)
    return _T["std_msgs/msg/Header"](stamp=stamp, frame_id=frame)


def serialized(message) -> bytes:
    return bytes(_STORE.serialize_cdr(message, message.__msgtype__))


def image_message(image: np.ndarray, time_s: float, encoding: str = "rgb8", padding: int = 0):
    pixels = image if encoding == "rgb8" else image[:, :, ::-1]
    rows = pixels.reshape(len(image), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    return _T["sensor_msgs/msg/Image"](
        header=header(time_s),
        height=image.shape[0],
        width=image.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=rows.shape[1],
        data=np.ascontiguousarray(rows).ravel(),
    )


def info_message(intrinsics: Intrinsics, time_s: float, d=(0.0,) * 5, model="plumb_bob"):
    K = intrinsics.K_ros
    roi = _T["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return _T["sensor_msgs/msg/CameraInfo"](
        header=header(time_s),
        height=intrinsics.height,
        width=intrinsics.width,
        distortion_model=model,
        d=np.array(d, float),
        k=K.ravel(),
        r=np.eye(3).ravel(),
        p=np.column_stack([K, np.zeros(3)]).ravel(),
        binning_x=0,
        binning_y=0,
        roi=roi,
    )


def joints_message(time_s: float, finger_m: float | None, velocity: bool = True):
    """The fingers first and the joints in reverse: nobody may go by their order."""
    q = arm_at(time_s)
    names = [] if finger_m is None else list(FINGERS)
    positions = [] if finger_m is None else [finger_m, finger_m]
    names += reversed(JOINT_NAMES)
    return _T["sensor_msgs/msg/JointState"](
        header=header(time_s),
        name=names,
        position=np.array([*positions, *q[::-1]]),
        velocity=np.array([*(0.0 for _ in positions), *SPEEDS[::-1]] if velocity else []),
        effort=np.array([]),
    )


def trajectory_message(sent_s: float, times_s, q, stamped: bool = True):
    duration = _T["builtin_interfaces/msg/Duration"]
    points = []
    for time_s, row in zip(times_s, q, strict=True):
        sec, nanosec = divmod(ns(time_s) - ns(sent_s), 10**9)
        points.append(
            _T["trajectory_msgs/msg/JointTrajectoryPoint"](
                positions=np.array(row),
                velocities=np.zeros(7),
                accelerations=np.array([]),
                effort=np.array([]),
                time_from_start=duration(sec=sec, nanosec=nanosec),
            )
        )
    stamp = header(sent_s)
    if not stamped:
        stamp = replace(stamp, stamp=_T["builtin_interfaces/msg/Time"](sec=0, nanosec=0))
    return _T["trajectory_msgs/msg/JointTrajectory"](
        header=stamp, joint_names=list(JOINT_NAMES), points=points
    )


def gripper_message(time_s: float, opened: bool):
    return _T["genima_msgs/msg/GripperCommand"](header=header(time_s), open=opened)


@dataclass
class Script:
    """What happens in a recorded episode; each test changes what it is about."""

    length_s: float = 2.0
    width: int = 64
    height: int = 48
    camera_hz: float = 30.0
    joints_hz: float = 100.0
    cameras: tuple[str, ...] = CAMERAS
    #: Each camera begins a little later than the one before.
    phase_s: float = 0.004
    encoding: str = "rgb8"
    padding: int = 0
    storage: ImageStorage = ImageStorage.RAW
    #: Camera and number of frames that are not there.
    dropped: set[tuple[str, int]] = field(default_factory=set)
    picture: Callable[[float, int, int], np.ndarray] = stamped_image
    distortion: tuple[float, ...] = (0.0,) * 5
    distortion_model: str = "plumb_bob"
    with_infos: bool = True
    with_fingers: bool = True
    with_velocity: bool = True
    joints_silent_s: tuple[float, float] = (np.inf, np.inf)
    #: Messages besides: topic, time [s], message.
    extra: list = field(default_factory=list)

    def intrinsics(self) -> Intrinsics:
        return Intrinsics(self.width, self.height, 60.0, 61.0, self.width / 2 + 1, 23.0)

    def frame_times_s(self, camera: str) -> np.ndarray:
        """When the frames are that were recorded [s]."""
        times = np.arange(0, self.length_s, 1 / self.camera_hz)
        times = times + CAMERAS.index(camera) * self.phase_s
        return np.array([t for i, t in enumerate(times) if (camera, i) not in self.dropped])

    def messages(self) -> list[tuple[str, float, object]]:
        """Topic, time and message, in order of time."""
        said: list[tuple[str, float, object]] = list(self.extra)
        for camera in self.cameras:
            topic = f"/{camera}/color"
            for t in self.frame_times_s(camera):
                image = self.picture(t, self.width, self.height)
                message = image_message(image, t, self.encoding, self.padding)
                said.append((f"{topic}/image_raw", t, message))
                if self.with_infos:
                    info = info_message(
                        self.intrinsics(), t, self.distortion, self.distortion_model
                    )
                    said.append((f"{topic}/camera_info", t, info))
        for t in np.arange(0, self.length_s + 0.1, 1 / self.joints_hz):
            if not self.joints_silent_s[0] < t < self.joints_silent_s[1]:
                finger_m = self.finger_m(t) if self.with_fingers else None
                said.append(("/joint_states", t, joints_message(t, finger_m, self.with_velocity)))
        return sorted(said, key=lambda entry: entry[1])

    @staticmethod
    def finger_m(time_s: float) -> float:
        """Open for the first second, then holding something."""
        return 0.04 if time_s < 1.0 else 0.02


def rig_of(script: Script) -> CameraRig:
    rig = load_rig(CAMERAS_YAML)
    for camera in script.cameras:
        rig = rig.with_intrinsics(camera, script.intrinsics())
    return CameraRig({camera: rig.cameras[camera] for camera in script.cameras})


def record(path: Path, *scripts: Script, **info) -> Path:
    """Write a data set as the recorder does; one episode for each script."""
    folder = RecordingFolder(path, resume=path.exists())
    first = scripts[0]
    facts = CameraFacts(first.width, first.height, first.encoding)
    dataset = DatasetInfo(
        cameras={camera: facts for camera in first.cameras},
        rates_hz={},
        joints=(*JOINT_NAMES, *FINGERS),
        image_storage=first.storage,
    )
    folder.require_same(dataset, rig_of(first))
    for script in scripts:
        fields = {"task": "push_button", "instruction": "push the button", "success": True} | info
        _record_episode(folder, script, EpisodeInfo(index=folder.next_index, **fields))
    folder.release()
    return path


def _record_episode(folder: RecordingFolder, script: Script, info: EpisodeInfo) -> None:
    messages = script.messages()
    raw = script.storage is ImageStorage.RAW
    encoder = None if raw else ImageEncoder(script.storage, 95, 1)
    types = {topic: message.__msgtype__ for topic, _, message in messages}
    if encoder is not None:
        types = {_stored(t, kind)[0]: _stored(t, kind)[1] for t, kind in types.items()}
    take_folder = folder.new_take(info)
    file = McapFile(take_folder / MCAP_FILE, "genima test")
    channels = {t: file.add_channel(t, kind, _definition(kind), {}) for t, kind in types.items()}
    chunk = []
    for i, (topic, time_s, message) in enumerate(messages):
        data = serialized(message)
        if encoder is not None and message.__msgtype__ == "sensor_msgs/msg/Image":
            topic, data = _stored(topic, message.__msgtype__)[0], encoder.encode(data)
        arrived_ns = ns(time_s) + 3_000_000
        chunk.append(Message(channels[topic], i, arrived_ns, ns(time_s), data))
        if len(chunk) == 100:
            file.write_chunk(chunk)
            chunk = []
    if chunk:
        file.write_chunk(chunk)
    file.finish()
    if encoder is not None:
        encoder.close()
    folder.keep(take_folder, info)


def _stored(topic: str, kind: str) -> tuple[str, str]:
    if kind != "sensor_msgs/msg/Image":
        return topic, kind
    return f"{topic}/compressed", "sensor_msgs/msg/CompressedImage"


def _definition(kind: str) -> str:
    return _STORE.generate_msgdef(kind)[0]


def undistorted_lookalike(script: Script, sharp: np.ndarray) -> np.ndarray:
    """What a camera with the script's distortion sees where an ideal one sees `sharp`."""
    K = script.intrinsics().K_ros
    v, u = np.mgrid[: script.height, : script.width]
    pixels = np.stack([u, v], -1).reshape(-1, 1, 2).astype(np.float64)
    ideal = cv2.undistortPoints(pixels, K, np.array(script.distortion), P=K)
    maps = ideal.reshape(script.height, script.width, 2).astype(np.float32)
    return cv2.remap(sharp, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR)
