# SPDX-License-Identifier: Apache-2.0
"""The recorder node in process, with real messages from real publishers."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
from genima_msgs.msg import GripperCommand, RecorderStatus
from genima_msgs.srv import KeepTake, StartTake
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from genima.evaluation.domain import claim_domain
from genima.kinematics import JOINT_NAMES
from genima.recording import cdr
from genima.recording.pictures import rgb_of
from genima.recording.recording import RecordedEpisode, Recording
from genima_recorder.message_definitions import definition_of
from genima_recorder.recorder_node import RecorderNode
from genima_ros.conversions import joint_state, rgb_to_image, time_message
from genima_ros.qos import IMAGE_PUBLISHER, LATCHED, RELIABLE_LATEST

CAMERAS_FILE = Path(__file__).parents[3] / "config" / "cameras.yaml"
CAMERAS = ("front", "wrist", "left_shoulder", "right_shoulder")
PATIENCE_S = 20.0
SUCCESS = TransitionCallbackReturn.SUCCESS
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture(scope="module")
def domain() -> Iterator[int]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with claim_domain() as number:
        yield number


class World:
    """Four cameras and an arm, that publish when they are told, and a recorder that hears them."""

    def __init__(
        self, path: Path, image_qos: QoSProfile, namespace: str, *parameters: str
    ) -> None:
        words = [f"dataset:={path}", f"cameras_file:={CAMERAS_FILE}", *parameters]
        arguments = ["--ros-args", "-r", f"__ns:={namespace}"]
        for word in words:
            arguments += ["-p", word]
        rclpy.init(args=arguments, domain_id=int(os.environ["TEST_DOMAIN"]))
        self.path = path
        self.recorder = RecorderNode()
        self.node = rclpy.create_node("world")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.recorder)
        self.statuses: list[RecorderStatus] = []
        self.node.create_subscription(
            RecorderStatus, "recorder/status", self.statuses.append, LATCHED
        )
        create = self.node.create_publisher
        self.images = {n: create(Image, f"{n}/color/image_raw", image_qos) for n in CAMERAS}
        self.infos = {
            n: create(CameraInfo, f"{n}/color/camera_info", RELIABLE_LATEST) for n in CAMERAS
        }
        self.joints = create(JointState, "joint_states", 10)
        self.instruction = create(String, "instruction", LATCHED)
        self.gripper = create(GripperCommand, "gripper_command", LATCHED)
        self.stamp_s = 1000.0
        self.silent: tuple[str, ...] = ()
        self.closed = False

    def start_recorder(self) -> None:
        assert self.recorder.trigger_configure() is SUCCESS
        assert self.recorder.trigger_activate() is SUCCESS

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_s, "it did not come about"
            self.executor.spin_once(timeout_sec=0.02)

    def call(self, kind: type, name: str, **fields) -> object:
        client = self.node.create_client(kind, f"recorder/{name}")
        self.wait_for(client.service_is_ready)
        answer = client.call_async(kind.Request(**fields))
        self.wait_for(answer.done)
        self.node.destroy_client(client)
        return answer.result()

    def frame(self) -> None:
        """Publish one of everything and let the recorder hear it."""
        self.stamp_s += 1 / 30
        image = np.full((48, 64, 3), round(self.stamp_s * 30) % 200, np.uint8)
        before = self.heard()
        for name in CAMERAS:
            if name not in self.silent:
                self.images[name].publish(rgb_to_image(image, name, self.stamp_s))
        q = np.zeros(7)
        self.joints.publish(joint_state(JOINT_NAMES, q, q, self.stamp_s))
        self.wait_for(lambda: self.heard() == before + 5 - len(self.silent))

    def heard(self) -> int:
        session = self.recorder._session
        return sum(s.stats.count for s in session.streams if s.spec.period_s)

    def say_what_is_latched(self) -> None:
        for name in CAMERAS:
            info = CameraInfo(width=64, height=48)
            info.header.stamp = time_message(7.5)
            self.infos[name].publish(info)
        self.instruction.publish(String(data="push the button"))
        command = GripperCommand(open=True)
        command.header.stamp = time_message(8.5)
        self.gripper.publish(command)
        session = self.recorder._session
        waiting = {"/gripper_command", "/instruction"} | {
            f"/{n}/color/camera_info" for n in CAMERAS
        }
        found = [s for s in session.streams if s.spec.topic in waiting]
        self.wait_for(lambda: all(s.last is not None for s in found))

    def connect(self) -> None:
        publishers = [*self.images.values(), *self.infos.values(), self.joints]
        self.wait_for(lambda: all(p.get_subscription_count() for p in publishers))

    def ready(self) -> None:
        self.start_recorder()
        self.connect()
        self.say_what_is_latched()
        self.frame()
        self.frame()

    def episodes(self) -> list[RecordedEpisode]:
        return Recording.open(self.path).episodes()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if not self.recorder.finalized:
            self.recorder.trigger_shutdown()
        self.executor.shutdown(timeout_sec=1.0)
        self.recorder.destroy_node()
        self.node.destroy_node()
        rclpy.try_shutdown()


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(
    domain: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeWorld]:
    monkeypatch.setenv("TEST_DOMAIN", str(domain))
    worlds: list[World] = []

    def make(
        *parameters: str, image_qos: QoSProfile = IMAGE_PUBLISHER, namespace: str = "/"
    ) -> World:
        worlds.append(World(tmp_path / "set", image_qos, namespace, *parameters))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def test_take_holds_every_message_with_its_bytes_and_stamps(make_world: MakeWorld) -> None:
    world = make_world()
    world.ready()
    started = world.call(StartTake, "start_take", task="push_button")
    assert started.success and started.episode == 0, started.message
    assert Path(started.message) == world.path / "take_000000.part"
    first_s = world.stamp_s
    for _ in range(20):
        world.frame()
    assert world.call(Trigger, "stop_take").success
    kept = world.call(KeepTake, "keep_take", task_success=True, note="fine")
    assert kept.success and kept.episode == 0, kept.message
    (episode,) = world.episodes()
    assert str(episode.path) == kept.message
    info = episode.info
    assert (info.task, info.instruction) == ("push_button", "push the button")
    assert (info.success, info.note) == (True, "fine")
    for name in CAMERAS:
        topic = f"/{name}/color/image_raw"
        messages = list(episode.messages([topic]))
        assert len(messages) == info.streams[topic].count == 20
        assert info.streams[topic].lost == 0
        for i, message in enumerate(messages, 1):
            stamp_s = first_s + i / 30
            assert message.publish_time_ns * 1e-9 == pytest.approx(stamp_s, abs=1e-6)
            assert cdr.stamp_ns(message.data) == message.publish_time_ns
            image = rgb_of("sensor_msgs/msg/Image", message.data)
            assert (image == round(stamp_s * 30) % 200).all()
            assert abs(message.log_time_ns * 1e-9 - time.time()) < 60.0
    (command,) = episode.messages(["/gripper_command"])
    assert cdr.decode_gripper_command(command.data).open
    assert command.publish_time_ns == 8_500_000_000
    (told,) = episode.messages(["/instruction"])
    assert cdr.decode_string(told.data).data == "push the button"
    assert len(list(episode.messages(["/front/color/camera_info"]))) == 1


def test_namespace_is_left_out_of_the_recording(make_world: MakeWorld) -> None:
    world = make_world(namespace="/lab")
    assert world.recorder.get_fully_qualified_name() == "/lab/recorder"
    world.ready()
    assert world.call(StartTake, "start_take").success
    world.frame()
    assert world.call(KeepTake, "keep_take").success
    assert "/front/color/image_raw" in world.episodes()[0].topics


def test_start_without_cameras_is_refused_naming_them(make_world: MakeWorld) -> None:
    world = make_world()
    world.silent = ("front", "wrist")
    world.ready()
    refused = world.call(StartTake, "start_take")
    assert not refused.success
    assert refused.message == (
        "nothing comes from /front/color/image_raw, /wrist/color/image_raw; "
        "see whether what publishes them runs"
    )
    assert not list(world.path.glob("take_*"))


def test_leader_that_would_not_be_recorded_is_no_start(make_world: MakeWorld) -> None:
    world = make_world(namespace="/lab")
    leader = world.node.create_publisher(JointState, "/lab/leader/joint_states", 10)
    world.ready()
    world.wait_for(lambda: world.recorder.count_publishers("leader/joint_states") > 0)
    refused = world.call(StartTake, "start_take")
    assert not refused.success
    assert refused.message == (
        "/lab/leader/joint_states is published but would not be recorded: start the recorder with "
        "its rate, such as leader_rate_hz:=100.0, or end who publishes it"
    )
    world.node.destroy_publisher(leader)
    world.wait_for(lambda: world.recorder.count_publishers("leader/joint_states") == 0)
    world.frame()
    assert world.call(StartTake, "start_take").success


def test_best_effort_cameras_are_heard_too(make_world: MakeWorld) -> None:
    world = make_world(image_qos=BEST_EFFORT)
    world.ready()
    assert world.call(StartTake, "start_take").success
    for _ in range(5):
        world.frame()
    assert world.call(KeepTake, "keep_take").success
    assert world.episodes()[0].info.streams["/front/color/image_raw"].count == 5


def test_status_tells_of_streams_takes_and_disk(make_world: MakeWorld) -> None:
    world = make_world()
    world.ready()
    world.wait_for(lambda: bool(world.statuses) and world.statuses[-1].state == 0)
    assert world.call(StartTake, "start_take", task="a").success
    world.wait_for(lambda: world.statuses[-1].state == RecorderStatus.RECORDING)
    for _ in range(5):
        world.frame()
    assert world.call(Trigger, "stop_take").success
    world.wait_for(lambda: world.statuses[-1].state == RecorderStatus.REVIEW)
    status = world.statuses[-1]
    assert status.reason == "the operator ended it"
    assert (status.task, status.instruction, status.episode) == ("a", "push the button", 0)
    assert Path(status.dataset) == world.path
    assert status.written_bytes > 5 * 4 * 64 * 48 * 3 and status.duration_s > 0
    assert status.disk_free_bytes > 0
    streams = {stream.topic: stream for stream in status.streams}
    front = streams["/front/color/image_raw"]
    assert (front.received, front.lost, front.required) == (5, 0, True)
    assert front.rate_hz == pytest.approx(30.0, rel=1e-3)
    assert streams["/joint_trajectory"].age_s == -1.0
    assert world.call(Trigger, "discard_take").success
    world.wait_for(lambda: world.statuses[-1].state == RecorderStatus.IDLE)
    assert (world.statuses[-1].kept, world.statuses[-1].discarded) == (0, 1)


def test_silent_camera_ends_the_take_with_the_reason(make_world: MakeWorld) -> None:
    world = make_world("lost_after_s:=0.3")
    world.ready()
    assert world.call(StartTake, "start_take").success
    world.frame()
    world.wait_for(lambda: world.statuses and world.statuses[-1].state == RecorderStatus.REVIEW)
    assert "nothing comes from /front/color/image_raw" in world.statuses[-1].reason
    assert world.call(KeepTake, "keep_take", task_success=False).success


def test_shutdown_in_mid_take_keeps_it_without_a_label(make_world: MakeWorld) -> None:
    world = make_world()
    world.ready()
    assert world.call(StartTake, "start_take").success
    for _ in range(3):
        world.frame()
    world.recorder.trigger_shutdown()
    (episode,) = world.episodes()
    assert episode.info.success is None
    assert episode.info.streams["/wrist/color/image_raw"].count == 3


def test_folder_that_is_deleted_ends_the_take_and_not_the_node(make_world: MakeWorld) -> None:
    world = make_world()
    world.ready()
    assert world.call(StartTake, "start_take").success
    world.frame()
    shutil.rmtree(world.path)
    world.wait_for(lambda: world.statuses and world.statuses[-1].state == RecorderStatus.REVIEW)
    assert "has gone (No such file or directory)" in world.statuses[-1].reason
    assert not world.call(KeepTake, "keep_take").success
    assert world.recorder.trigger_shutdown() is TransitionCallbackReturn.FAILURE
    assert world.recorder._connections == []  # it can be configured anew


def test_data_set_that_exists_needs_resume(make_world: MakeWorld) -> None:
    world = make_world()
    world.ready()
    assert world.call(StartTake, "start_take").success
    world.frame()
    assert world.call(KeepTake, "keep_take").success
    world.close()
    again = make_world()
    assert again.recorder.trigger_configure() is TransitionCallbackReturn.FAILURE
    again.close()
    resumed = make_world("resume:=true")
    resumed.ready()
    assert resumed.call(StartTake, "start_take").episode == 1


def test_lockstep_take_begins_with_what_the_world_said_last(make_world: MakeWorld) -> None:
    world = make_world("pacing:=lockstep")
    world.ready()
    said_s = world.stamp_s
    assert world.call(StartTake, "start_take").success
    world.frame()
    assert world.call(KeepTake, "keep_take").success
    messages = world.episodes()[0].messages(["/front/color/image_raw"])
    stamps_s = [m.publish_time_ns * 1e-9 for m in messages]
    assert stamps_s == pytest.approx([said_s, said_s + 1 / 30], abs=1e-6)


@pytest.mark.parametrize("storage", ["png", "jpeg"])
def test_images_are_compressed_as_the_parameter_says(make_world: MakeWorld, storage: str) -> None:
    world = make_world(f"image_storage:={storage}")
    world.ready()
    assert world.call(StartTake, "start_take").success
    world.frame()
    assert world.call(KeepTake, "keep_take").success
    episode = world.episodes()[0]
    topic = "/front/color/image_raw/compressed"
    (message,) = episode.messages([topic])
    image = rgb_of(episode.topics[topic], message.data)
    assert abs(image.astype(int) - round(world.stamp_s * 30) % 200).max() <= 2


def test_definition_names_all_types_that_a_type_is_made_of() -> None:
    text = definition_of("trajectory_msgs/msg/JointTrajectory")
    assert text.count("=" * 80 + "\nMSG: ") == 4
    for part in (
        "std_msgs/Header",
        "builtin_interfaces/Time",
        "builtin_interfaces/Duration",
        "trajectory_msgs/JointTrajectoryPoint",
    ):
        assert f"MSG: {part}\n" in text
    assert "bool open" in definition_of("genima_msgs/msg/GripperCommand")
