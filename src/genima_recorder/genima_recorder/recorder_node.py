# SPDX-License-Identifier: Apache-2.0
"""Records episodes: every message as it was received, with its true stamps."""

import math
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import rclpy
from genima_msgs.msg import GripperCommand, RecorderStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from genima import __version__
from genima.errors import GenimaError, InvalidParameter, NotReady
from genima.recording.dataset import ImageStorage
from genima.recording.disk import DiskWatch
from genima.recording.folder import RecordingFolder
from genima.recording.session import RecordingSession
from genima.recording.session_types import RecorderState, SessionSettings
from genima.recording.stream import Pacing, StreamSpec
from genima_recorder.raw_subscriptions import Arrival, RawSubscriptions
from genima_recorder.recorder_parameters import RecorderParameters
from genima_recorder.recorder_services import RecorderServices
from genima_recorder.recorder_status import status_message
from genima_recorder.recorder_streams import stream_specs
from genima_ros.diagnostics import Health, Level
from genima_ros.lifecycle import GenimaNode, run_node
from genima_ros.policies import make_rig
from genima_ros.qos import LATCHED

_TICK_S = 0.1
_STATUS_S = 0.5
_MIB = 1 << 20
_KINDS = {
    "sensor_msgs/msg/Image": Image,
    "sensor_msgs/msg/CameraInfo": CameraInfo,
    "sensor_msgs/msg/JointState": JointState,
    "trajectory_msgs/msg/JointTrajectory": JointTrajectory,
    "genima_msgs/msg/GripperCommand": GripperCommand,
    "std_msgs/msg/String": String,
}
#: Messages that may wait for the node; a second of everything.
_IMAGE_DEPTH, _DEPTH = 60, 2000


class RecorderNode(GenimaNode):
    """Subscribes to everything that makes an episode, and records it when a service says so."""

    def __init__(self) -> None:
        super().__init__("recorder", RecorderParameters)
        self._session: RecordingSession | None = None
        self._active = False

    def configure(self) -> None:
        """Take the data set, recover what a killed recorder left there, and connect."""
        p = self.parameters
        if not p.dataset:
            raise InvalidParameter(
                "parameter 'dataset' is empty; name the folder that takes are recorded into"
            )
        rig = make_rig(p.cameras_file)
        specs = stream_specs(p, rig.cameras)
        self._folder = RecordingFolder(Path(p.dataset).absolute(), p.resume)
        for episode in self._folder.recovered:
            self.get_logger().warning(f"recovered {episode}, which a killed recorder left open")
        self._disk = DiskWatch(self._folder.path, p.disk_reserve_mib * _MIB)
        try:
            self._session = RecordingSession(
                self._folder, rig, specs, self._settings(), self._disk
            )
        except GenimaError:
            self._folder.release()
            raise
        self._connect(specs)

    def _settings(self) -> SessionSettings:
        p = self.parameters
        return SessionSettings(
            pacing=Pacing(p.pacing),
            lost_after_s=p.lost_after_s,
            queue_bytes=p.queue_mib * _MIB,
            waiting_limit_s=p.waiting_limit_s or math.inf,
            image_storage=ImageStorage(p.image_storage),
            jpeg_quality=p.jpeg_quality,
            encoder_threads=p.encoder_threads,
            versions={
                "genima": __version__,
                "ros": os.environ.get("ROS_DISTRO", "jazzy"),
                "rmw": rclpy.get_rmw_implementation_identifier(),
                "python": platform.python_version(),
            },
        )

    def _connect(self, specs: list[StreamSpec]) -> None:
        self._status = self.advertise(RecorderStatus, "~/status", LATCHED)
        self._raw = RawSubscriptions(self, self._on_arrival)
        for spec in specs:
            # Relative: a namespace may be put in front, which the recording leaves out.
            topic = spec.topic.removeprefix("/")
            self._raw.add(_KINDS[spec.type], topic, _qos(spec))
        RecorderServices(self, self.parameters, self._active_session, self._publish_status)
        self.report_health(self._health)

    def activate(self) -> None:
        """Offer to record."""
        self._active = True
        self._told = RecorderState.IDLE
        self._timers = [
            self.create_timer(_TICK_S, self._tick),
            self.create_timer(_STATUS_S, self._publish_status),
        ]
        self.get_logger().info(f"active: records into {self._folder.path} when start_take says so")

    def deactivate(self) -> None:
        """End a take; it can be kept when the node is active again."""
        self._active = False
        for timer in self._timers:
            self.destroy_timer(timer)
        if self._session is not None and self._session.state is RecorderState.RECORDING:
            self._session.stop(time.time_ns())

    def cleanup(self) -> None:
        """Let go of the data set; a take that nobody has kept is kept without a label."""
        session, self._session = self._session, None
        try:
            if session is not None:
                self._raw.destroy()
                kept = session.close(time.time_ns())
                if kept is not None:
                    self.get_logger().warning(f"kept {kept} without a label: nobody had judged it")
        finally:
            self.disconnect()

    def _active_session(self) -> RecordingSession:
        if self._session is None or not self._active:
            raise NotReady("the recorder is not active; activate it first")
        return self._session

    def _on_arrival(self, arrival: Arrival) -> None:
        if self._session is not None:
            topic = f"/{arrival.topic}"
            if arrival.missed:
                self._session.report_lost(topic, arrival.missed)
            self._session.receive(topic, arrival.received_ns, arrival.sent_ns, arrival.data)

    def _tick(self) -> None:
        session = self._active_session()
        session.tick(time.time_ns())
        if session.state is not self._told:
            self._publish_status()

    def _publish_status(self) -> None:
        if self._session is None or not self._active:
            return
        now_ns, state = time.time_ns(), self._session.state
        if state is RecorderState.REVIEW and self._told is RecorderState.RECORDING:
            self.get_logger().info(f"the take has ended: {self._session.reason(now_ns)}")
        self._told = state
        message = status_message(self._session, self._folder, self._disk, now_ns)
        self._status.publish(message)

    def _health(self) -> Health:
        session = self._session
        if session is None:
            return Health(Level.OK, "not configured")
        reason = session.reason(time.time_ns())
        values = dict(self._figures(session))
        if session.state is RecorderState.FAULT:
            return Health(Level.ERROR, reason, values)
        if reason and session.state in (RecorderState.IDLE, RecorderState.RECORDING):
            return Health(Level.WARN, reason, values)
        return Health(Level.OK, session.state.name.lower(), values)

    def _figures(self, session: RecordingSession) -> Iterator[tuple[str, object]]:
        yield "episodes", self._folder.episodes
        if session.take is not None:
            yield "waiting for the disk [MB]", round(session.take.queued_bytes / 1e6, 1)
        for stream in session.streams:
            recorded = session.recorded(stream)
            yield stream.spec.topic, f"{recorded.count} recorded, {recorded.lost} lost"


def _qos(spec: StreamSpec) -> QoSProfile:
    """The best there is: reliable, what came before too, and room for a second of being busy."""
    before = spec.latched and not spec.required
    return QoSProfile(
        depth=_IMAGE_DEPTH if spec.camera else _DEPTH,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if before else DurabilityPolicy.VOLATILE,
    )


def main() -> None:
    """Run the node."""
    run_node(RecorderNode)


if __name__ == "__main__":
    main()
