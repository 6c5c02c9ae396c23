# SPDX-License-Identifier: Apache-2.0
"""The streams of a recorded episode, but for the pixels."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genima.arrays import Array, Float, Int
from genima.control.joint_order import JointOrder
from genima.data.resample import SentTrajectory
from genima.errors import InvalidCommand, InvalidDataset
from genima.recording import cdr
from genima.recording.recording import RecordedEpisode, RecordedMessage

_JOINTS, _COMMANDS, _GRIPPER = "/joint_states", "/joint_trajectory", "/gripper_command"
_FINGER_PREFIX = "panda_finger_joint"


def image_topic(episode: RecordedEpisode, camera: str) -> str:
    """The topic that a camera's images are on, raw or compressed.

    Raises:
        InvalidDataset: The episode has none.
    """
    raw = f"/{camera}/color/image_raw"
    for topic in (raw, f"{raw}/compressed"):
        if topic in episode.topics:
            return topic
    raise InvalidDataset(
        f"no images of camera {camera!r} were recorded ({raw}); the topics are "
        f"{sorted(episode.topics)}"
    )


@dataclass(frozen=True, eq=False)
class Samples:
    """A stream of numbers, in the order of their stamps, no stamp twice.

    Attributes:
        stamps_ns: When each was measured or said [ns].
        values: One row each.
    """

    stamps_ns: Int[Array, "m"]
    values: Float[Array, "m k"]

    @classmethod
    def of(cls, stamps_ns: list[int], rows: list[Any]) -> "Samples":
        """Sorted, and without doubles."""
        stamps, first = np.unique(np.array(stamps_ns, np.int64), return_index=True)
        return cls(stamps, np.array(rows, float)[first] if rows else np.empty((0, 0)))

    def __len__(self) -> int:
        return len(self.stamps_ns)


@dataclass(frozen=True, eq=False)
class Streams:
    """What an episode holds besides pixels.

    Attributes:
        q: Joint positions [rad].
        dq: Joint velocities [rad/s]; None where a message had none.
        fingers_m: Positions of the two fingers [m]; empty if they were not recorded.
        commands: Trajectories as they were sent, in order.
        gripper_commands: 1 for open.
        frames_ns: Stamps of each camera's images [ns].
        infos: What each camera said of itself.
    """

    q: Samples
    dq: Samples | None
    fingers_m: Samples
    commands: list[SentTrajectory]
    gripper_commands: Samples
    frames_ns: dict[str, Int[Array, "m"]]
    infos: dict[str, cdr.CameraInfo]


@dataclass
class _Collector:
    """Takes an episode's messages one after the other."""

    cameras: dict[str, str]
    stamps: dict[str, list[int]] = field(default_factory=dict)
    rows: dict[str, list[Any]] = field(default_factory=dict)
    commands: list[SentTrajectory] = field(default_factory=list)
    infos: dict[str, cdr.CameraInfo] = field(default_factory=dict)
    order: JointOrder = field(default_factory=lambda: JointOrder(extra_allowed=True))

    def take(self, message: RecordedMessage) -> None:
        """File a message."""
        handler: dict[str, Callable[[RecordedMessage], None]] = {
            _JOINTS: self._joints,
            _COMMANDS: self._command,
            _GRIPPER: self._gripper,
        }
        if message.topic in self.cameras:
            self._add(message.topic, message.publish_time_ns, ())
        elif message.topic in handler:
            handler[message.topic](message)
        else:
            self._info(message)

    def samples(self, name: str) -> Samples:
        """What was filed under a name."""
        return Samples.of(self.stamps.get(name, []), self.rows.get(name, []))

    def _add(self, name: str, stamp_ns: int, row: Any) -> None:
        self.stamps.setdefault(name, []).append(stamp_ns)
        self.rows.setdefault(name, []).append(row)

    def _joints(self, message: RecordedMessage) -> None:
        state = cdr.decode_joint_state(message.data)
        index = self.order.index(state.name)
        stamp_ns = message.publish_time_ns
        self._add("q", stamp_ns, _picked(state.position, index, "positions"))
        if len(state.velocity) == len(state.name):
            self._add("dq", stamp_ns, state.velocity[index])
        fingers = [i for i, n in enumerate(state.name) if n.startswith(_FINGER_PREFIX)]
        if len(fingers) == 2:
            self._add("fingers", stamp_ns, _picked(state.position, np.array(fingers), "fingers"))

    def _command(self, message: RecordedMessage) -> None:
        trajectory = cdr.decode_joint_trajectory(message.data)
        if not trajectory.points:
            return
        index = self.order.index(trajectory.joint_names)
        # A stamp of zero means "from now on".
        start_ns = trajectory.header.stamp_ns or message.log_time_ns
        times_ns = [start_ns + point.time_from_start_ns for point in trajectory.points]
        q = [_picked(point.positions, index, "commands") for point in trajectory.points]
        sent = SentTrajectory(start_ns, np.array(times_ns, np.int64), np.array(q))
        self.commands.append(sent)

    def _gripper(self, message: RecordedMessage) -> None:
        command = cdr.decode_gripper_command(message.data)
        stamp_ns = command.header.stamp_ns or message.log_time_ns
        self._add("gripper", stamp_ns, (command.open,))

    def _info(self, message: RecordedMessage) -> None:
        camera = message.topic.split("/")[1]
        info = cdr.decode_camera_info(message.data)
        known = self.infos.setdefault(camera, info)
        same = (info.width, info.height) == (known.width, known.height)
        if not (same and np.array_equal(info.k, known.k) and np.array_equal(info.d, known.d)):
            raise InvalidDataset(
                f"camera {camera!r} changed its calibration or image size during the episode; "
                "record it again without touching the camera"
            )


def _picked(values: Array, index: Array, what: str) -> Float[Array, "k"]:
    if len(values) <= int(index.max()) or not np.isfinite(values[index]).all():
        raise InvalidCommand(f"{what} of a message are too few or no numbers: {list(values)}")
    return np.asarray(values[index], float)


def read_streams(episode: RecordedEpisode, cameras: Iterable[str]) -> Streams:
    """Read an episode once, without looking at pixels.

    Raises:
        InvalidDataset: A stream is missing, or a message is damaged.
    """
    by_topic = {image_topic(episode, camera): camera for camera in cameras}
    collector = _Collector(by_topic)
    infos = [f"/{camera}/color/camera_info" for camera in by_topic.values()]
    try:
        for message in episode.messages([*by_topic, *infos, _JOINTS, _COMMANDS, _GRIPPER]):
            collector.take(message)
    except InvalidCommand as error:
        raise InvalidDataset(f"the joints cannot be read: {error}") from error
    q, dq = collector.samples("q"), collector.samples("dq")
    streams = Streams(
        q=q,
        dq=dq if len(dq) == len(q) and np.isfinite(dq.values).all() else None,
        fingers_m=collector.samples("fingers"),
        commands=sorted(collector.commands, key=lambda sent: sent.start_ns),
        gripper_commands=collector.samples("gripper"),
        frames_ns={c: collector.samples(topic).stamps_ns for topic, c in by_topic.items()},
        infos=collector.infos,
    )
    counts = {"joint_states": len(q)} | {c: len(s) for c, s in streams.frames_ns.items()}
    if scarce := [name for name, count in counts.items() if count < 2]:
        raise InvalidDataset(
            f"of {scarce} fewer than two messages were recorded; an episode needs all its cameras "
            "and the joint states all the time"
        )
    return streams
