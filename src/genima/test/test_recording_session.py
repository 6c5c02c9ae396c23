# SPDX-License-Identifier: Apache-2.0
"""Takes are begun, watched, ended, kept, discarded and recovered."""

import json
import math
import os
import shutil
import threading
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from genima.cameras import CameraRig
from genima.errors import InvalidDataset, NotReady
from genima.recording import open_take, session
from genima.recording.dataset import CameraFacts, DatasetInfo, ImageStorage, differences
from genima.recording.disk import DiskWatch
from genima.recording.episode_info import StreamInfo
from genima.recording.folder import RecordingFolder
from genima.recording.pictures import rgb_of
from genima.recording.recording import Recording
from genima.recording.recovery import streams_of
from genima.recording.repair import Repaired
from genima.recording.session import RecordingSession
from genima.recording.session_types import RecorderState, SessionSettings
from genima.recording.stream import Pacing, StreamSpec
from genima.recording.take import Take

from . import recording_cases as cases
from .test_recording_take import PATIENCE_S, FullDisk, wait_for

CAMERAS = ("front", "wrist")
HZ = 30.0
_DEFINITIONS = {
    kind: cases._definition(kind)
    for kind in (
        "sensor_msgs/msg/Image",
        "sensor_msgs/msg/CompressedImage",
        "sensor_msgs/msg/CameraInfo",
        "sensor_msgs/msg/JointState",
        "std_msgs/msg/String",
    )
}


def spec(topic: str, kind: str, hz: float = 0.0, **how) -> StreamSpec:
    kind = f"{'std' if kind == 'String' else 'sensor'}_msgs/msg/{kind}"
    compressed = _DEFINITIONS["sensor_msgs/msg/CompressedImage"]
    period_s = 1.0 / hz if hz else 0.0
    return StreamSpec(
        topic, kind, _DEFINITIONS[kind], period_s, compressed_definition=compressed, **how
    )


def specs(hz: float = HZ) -> list[StreamSpec]:
    found = []
    for camera in CAMERAS:
        topic = f"/{camera}/color"
        found.append(spec(f"{topic}/image_raw", "Image", hz, required=True, camera=camera))
        found.append(spec(f"{topic}/camera_info", "CameraInfo", required=True, latched=True))
    found.append(spec("/joint_states", "JointState", hz, required=True))
    found.append(spec("/instruction", "String", latched=True))
    return found


@dataclass
class Bench:
    """A session, and a world that it records. Time is that of the world."""

    path: Path
    settings: SessionSettings = field(default_factory=SessionSettings)
    reserve_bytes: int = 1
    hz: float = HZ
    silent: tuple[str, ...] = ()
    width: int = 64

    def __post_init__(self) -> None:
        self.now_s = 0.0
        self.frame = 0
        self.open()

    def open(self, resume: bool = False, rig: CameraRig | None = None) -> None:
        self.rig = rig or cases.rig_of(cases.Script(cameras=CAMERAS, width=self.width))
        self.folder = RecordingFolder(self.path, resume)
        self.disk = DiskWatch(self.path, self.reserve_bytes)
        try:
            self.session = RecordingSession(
                self.folder, self.rig, specs(self.hz), self.settings, self.disk
            )
        except InvalidDataset:
            self.folder.release()
            raise

    @property
    def now_ns(self) -> int:
        return cases.ns(self.now_s)

    def hear(self, topic: str, message, late_s: float = 0.002) -> None:
        if topic not in self.silent:
            arrived_ns = self.now_ns + round(late_s * 1e9)
            self.session.receive(topic, arrived_ns, self.now_ns, cases.serialized(message))

    def say_infos(self) -> None:
        for camera in CAMERAS:
            script = cases.Script(cameras=CAMERAS, width=self.width)
            info = cases.info_message(script.intrinsics(), self.now_s)
            self.hear(f"/{camera}/color/camera_info", info)

    def run(self, frames: int) -> None:
        for _ in range(frames):
            self.now_s = self.frame / HZ
            self.frame += 1
            for camera in CAMERAS:
                image = cases.stamped_image(self.now_s % 60, self.width, 48)
                message = cases.image_message(image, self.now_s)
                self.hear(f"/{camera}/color/image_raw", message)
            self.hear("/joint_states", cases.joints_message(self.now_s, 0.04))
            self.session.tick(self.now_ns)

    def instruct(self, text: str) -> None:
        self.hear("/instruction", cases._T["std_msgs/msg/String"](data=text))

    def start(self, instruction: str = "") -> Path:
        return self.session.start("push_button", instruction, "otherwise", self.now_ns)

    def keep(self, success: bool | None = True, note: str = "") -> Path:
        return self.session.keep(success, note, self.now_ns)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "set")
    bench.say_infos()
    bench.run(10)
    yield bench
    bench.folder.release()


class HeldDisk:
    """Takes everything until it is held up."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()

    def __call__(self, fd: int, pieces: list) -> int:
        assert self.go.wait(PATIENCE_S)
        return os.writev(fd, pieces)


@pytest.fixture
def held_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldDisk]:
    disk = HeldDisk()
    monkeypatch.setattr(open_take, "Take", partial(Take, writev=disk))
    yield disk
    disk.go.set()


def test_kept_take_is_an_episode_with_every_message_and_its_true_stamps(bench: Bench) -> None:
    bench.instruct("push the button")
    began_ns = bench.now_ns
    bench.start()
    bench.run(60)
    bench.session.stop(bench.now_ns)
    assert bench.session.state is RecorderState.REVIEW
    folder = bench.keep(note="went well")
    recording = Recording.open(bench.path)
    (episode,) = recording.episodes()
    assert episode.path == folder == bench.path / "episode_000000"
    info = episode.info
    assert (info.task, info.instruction) == ("push_button", "push the button")
    assert (info.success, info.note, info.recovered) == (True, "went well", False)
    assert info.ended_because == "the operator ended it"
    assert info.ended_s - info.started_s == pytest.approx(2.0, abs=1e-6)
    for camera in CAMERAS:
        topic = f"/{camera}/color/image_raw"
        messages = list(episode.messages([topic]))
        assert [m.publish_time_ns for m in messages] == [cases.ns(f / HZ) for f in range(10, 70)]
        assert all(m.log_time_ns == m.publish_time_ns + 2_000_000 for m in messages)
        image = rgb_of(episode.topics[topic], messages[0].data)
        assert cases.time_of(image) == pytest.approx(10 / HZ, abs=1e-3)
        stream = info.streams[topic]
        assert (stream.count, stream.lost, stream.gaps) == (60, 0, ())
        assert stream.rate_hz == pytest.approx(HZ)
        # What was said before the take still holds, with the stamp that it had then.
        (calibration,) = episode.messages([f"/{camera}/color/camera_info"])
        assert calibration.publish_time_ns == cases.ns(0.0)
        assert calibration.log_time_ns == began_ns
    assert recording.info.cameras["front"] == CameraFacts(64, 48, "rgb8")
    assert recording.info.joints == tuple(sorted((*cases.JOINT_NAMES, *cases.FINGERS)))
    assert recording.rig.cameras.keys() == set(CAMERAS)


def test_everything_of_an_episode_is_on_the_disk_when_it_is_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[str] = []
    really = os.fsync

    def fsync(fd: int) -> None:
        stored.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        really(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    bench.start()
    began = stored.copy()
    bench.run(3)
    stored.clear()
    bench.keep()
    # A file before it takes its name, then the folder that knows the name.
    take, files = "take_000000.part", [".cameras.yaml.part", ".dataset.json.part"]
    assert began[:4] == [files[0], "set", files[1], "set"]
    assert began[4:] == [".episode.json.part", take, "set", take]
    assert stored[0] == "episode.mcap"
    assert stored[-5:] == [".metadata.yaml.part", take, ".episode.json.part", take, "set"]


def test_folder_of_an_episode_is_a_bag_that_others_read(bench: Bench) -> None:
    bench.start()
    bench.run(20)
    folder = bench.keep()
    with AnyReader([folder]) as reader:
        connections = [c for c in reader.connections if c.topic == "/front/color/image_raw"]
        images = [
            reader.deserialize(raw, connection.msgtype)
            for connection, _, raw in reader.messages(connections=connections)
        ]
        assert reader.message_count == 20 * 3 + 2
    assert len(images) == 20
    assert images[0].encoding == "rgb8" and images[0].data.size == 64 * 48 * 3


def test_instruction_of_the_start_comes_first_then_the_topic_then_the_parameter(
    bench: Bench,
) -> None:
    for said, given, recorded in (
        ("", "", "otherwise"),
        (" told ", "", "told"),
        ("told", "given", "given"),
    ):
        if said:
            bench.instruct(said)
        bench.start(given)
        bench.run(2)
        folder = bench.keep()
        assert json.loads((folder / "episode.json").read_text())["instruction"] == recorded


def test_take_does_not_begin_without_what_it_needs(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "set", silent=("/wrist/color/image_raw", "/joint_states"))
    bench.run(5)
    with pytest.raises(NotReady) as refusal:
        bench.start()
    assert str(refusal.value) == (
        "nothing comes from /front/color/camera_info, /wrist/color/image_raw, "
        "/wrist/color/camera_info, /joint_states; see whether what publishes them runs"
    )
    bench.silent = ()
    bench.say_infos()
    bench.run(5)
    bench.start()
    bench.now_s += 2.0
    bench.folder.release()


def test_stream_that_has_stopped_does_not_count_as_flowing(bench: Bench) -> None:
    bench.now_s += 1.5
    with pytest.raises(NotReady, match="nothing comes from /front/color/image_raw"):
        bench.start()


def test_camera_that_is_lost_ends_the_take_and_what_was_recorded_is_kept(bench: Bench) -> None:
    bench.start()
    bench.run(30)
    bench.silent = ("/wrist/color/image_raw",)
    bench.run(29)
    assert bench.session.state is RecorderState.RECORDING
    bench.run(4)
    assert bench.session.state is RecorderState.REVIEW
    assert bench.session.reason(bench.now_ns).startswith(
        "nothing comes from /wrist/color/image_raw;"
    )
    info = Recording.open(bench.keep(success=False).parent).episodes()[0].info
    assert info.streams["/wrist/color/image_raw"].count == 30
    assert info.success is False
    assert info.ended_because.startswith("nothing comes from /wrist")


def test_shorter_gap_is_marked_and_counted_and_the_take_goes_on(bench: Bench) -> None:
    bench.start()
    bench.run(30)
    bench.silent = ("/wrist/color/image_raw",)
    bench.run(12)
    bench.silent = ()
    bench.run(10)
    assert bench.session.state is RecorderState.RECORDING
    bench.keep()
    stream = Recording.open(bench.path).episodes()[0].info.streams["/wrist/color/image_raw"]
    assert (stream.count, stream.lost, stream.gap_count) == (40, 12, 1)
    assert stream.gaps[0] == pytest.approx((cases.ns(39 / HZ) * 1e-9, cases.ns(52 / HZ) * 1e-9))


def test_hole_in_stamps_ends_the_take_though_messages_flow_again(bench: Bench) -> None:
    bench.start()
    bench.run(10)
    bench.frame += 45  # nobody looked meanwhile
    bench.run(1)
    assert bench.session.state is RecorderState.REVIEW
    assert bench.session.info.ended_because == "/front/color/image_raw was silent for 1.5 s"


def test_camera_that_repeats_its_last_image_ends_the_take(bench: Bench) -> None:
    bench.start()
    bench.run(10)
    topic = "/wrist/color/image_raw"
    image = cases.image_message(cases.stamped_image(bench.now_s, 64, 48), bench.now_s)
    bench.silent = (topic,)
    wrist = next(s for s in bench.session.streams if s.spec.topic == topic)
    for _ in range(40):
        bench.run(1)
        arrived_ns = bench.now_ns + 2_000_000
        bench.session.receive(topic, arrived_ns, bench.now_ns, cases.serialized(image))
        if bench.session.state is RecorderState.REVIEW:
            break
    assert 0.9 < wrist.age_s(bench.now_ns) < 1.2
    assert bench.session.info.ended_because == (
        f"{topic}: the same stamp comes again and again; start what publishes it anew"
    )
    with pytest.raises(NotReady, match="still under review"):
        bench.start()
    bench.session.discard(bench.now_ns)
    with pytest.raises(NotReady, match="the same stamp comes again and again"):
        bench.start()


def test_images_that_were_repeated_for_a_while_are_a_hole(bench: Bench) -> None:
    bench.start()
    bench.run(10)
    topic = "/wrist/color/image_raw"
    image = cases.image_message(cases.stamped_image(bench.now_s, 64, 48), bench.now_s)
    bench.silent = (topic,)
    for _ in range(12):
        bench.run(1)
        bench.session.receive(topic, bench.now_ns, bench.now_ns, cases.serialized(image))
    bench.silent = ()
    bench.run(10)
    bench.keep()
    stream = Recording.open(bench.path).episodes()[0].info.streams[topic]
    assert (stream.count, stream.lost, stream.gap_count) == (32, 12, 1)


def test_watchdog_that_overslept_does_not_take_waiting_messages_for_lost(bench: Bench) -> None:
    bench.start()
    bench.run(10)
    bench.now_s += 1.4
    bench.session.tick(bench.now_ns)
    assert bench.session.state is RecorderState.RECORDING


def test_world_that_waits_is_judged_by_its_stamps(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "set", SessionSettings(pacing=Pacing.LOCKSTEP))
    bench.say_infos()
    bench.run(3)
    stood_ns = bench.now_ns + 3600 * 10**9
    bench.session.start("t", "i", "", stood_ns)
    for _ in range(50):  # five seconds at rest
        stood_ns += 10**8
        bench.session.tick(stood_ns)
    assert bench.session.state is RecorderState.RECORDING
    bench.run(3)
    bench.session.stop(bench.now_ns)
    bench.keep()
    episode = Recording.open(bench.path).episodes()[0]
    # It says nothing twice: what it said last before the take is its beginning.
    stamps = [m.publish_time_ns for m in episode.messages(["/front/color/image_raw"])]
    assert sorted(stamps) == [cases.ns(f / HZ) for f in (2, 3, 4, 5)]
    bench.folder.release()


def test_camera_that_falls_behind_in_a_world_that_waits_ends_the_take(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "set", SessionSettings(pacing=Pacing.LOCKSTEP))
    bench.say_infos()
    bench.run(3)
    bench.start()
    bench.silent = ("/front/color/image_raw",)
    bench.run(40)
    assert bench.session.state is RecorderState.REVIEW
    assert "nothing comes from /front/color/image_raw" in bench.session.info.ended_because
    bench.folder.release()


def test_discarded_take_leaves_nothing_and_its_number_is_used_again(bench: Bench) -> None:
    bench.start()
    bench.run(3)
    bench.session.discard(bench.now_ns)
    assert bench.session.discarded == 1
    bench.start()
    assert bench.session.info.index == 0
    bench.run(3)
    bench.keep()
    bench.start()
    bench.run(3)
    assert bench.keep().name == "episode_000001"
    names = {p.name for p in bench.path.iterdir()}
    assert names == {".lock", "cameras.yaml", "dataset.json", "episode_000000", "episode_000001"}


def test_orders_at_the_wrong_time_are_refused_with_a_sentence(bench: Bench) -> None:
    with pytest.raises(NotReady, match="no take is being recorded; start one first"):
        bench.session.stop(bench.now_ns)
    for order in (bench.keep, lambda: bench.session.discard(bench.now_ns)):
        with pytest.raises(NotReady, match="there is no take to"):
            order()
    bench.start()
    with pytest.raises(NotReady, match="take 0 is still being recorded; keep or discard it first"):
        bench.start()
    bench.session.stop(bench.now_ns)
    with pytest.raises(NotReady, match="take 0 is still under review"):
        bench.start()


def test_end_of_the_recorder_keeps_an_open_take_without_a_label(bench: Bench) -> None:
    bench.start()
    bench.run(20)
    assert bench.session.close(bench.now_ns) == bench.path / "episode_000000"
    info = Recording.open(bench.path).episodes()[0].info
    assert (info.success, info.recovered) == (None, False)
    assert info.ended_because == "the recorder was told to stop"
    assert info.streams["/front/color/image_raw"].count == 20


def test_folder_is_not_given_away_before_the_disk_has_all_of_the_take(
    bench: Bench, held_disk: HeldDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_CLOSE_TIMEOUT_S", 0.0)
    monkeypatch.setattr(session, "_LAST_TIMEOUT_S", 0.0)
    bench.start()
    held_disk.go.clear()
    bench.run(20)
    with pytest.raises(NotReady, match="of the take still wait for the disk"):
        bench.session.close(bench.now_ns)
    with pytest.raises(NotReady, match="another recorder is writing to"):
        RecordingFolder(bench.path, resume=True)
    held_disk.go.set()

    def taken_over() -> bool:
        try:
            bench.folder = RecordingFolder(bench.path, resume=True)
        except NotReady:
            return False
        return True

    wait_for(taken_over)
    assert bench.folder.recovered == [bench.path / "episode_000000"]
    (episode,) = Recording.open(bench.path).episodes()
    assert episode.info.streams["/front/color/image_raw"].count == 20


def test_disk_without_room_refuses_a_take_and_ends_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "set", reserve_bytes=1 << 62)
    bench.say_infos()
    bench.run(3)
    with pytest.raises(NotReady, match=r"is full: .* GB are free and .* must stay so"):
        bench.start()
    bench.disk._reserve_bytes = 1
    bench.start()
    bench.run(3)
    bench.disk._reserve_bytes = 1 << 62
    bench.run(1)
    assert bench.session.state is RecorderState.REVIEW
    assert "make room or use another disk" in bench.session.info.ended_because
    bench.disk._reserve_bytes = 1
    assert bench.keep().name == "episode_000000"
    bench.folder.release()


def test_folder_that_goes_ends_the_take_with_a_sentence(bench: Bench) -> None:
    bench.start()
    bench.run(5)
    bench.path.rename(bench.path.with_name("gone"))
    bench.run(1)
    assert bench.session.state is RecorderState.REVIEW
    assert bench.session.info.ended_because == (
        f"{bench.path} has gone (No such file or directory); see whether it was deleted, and "
        "whether its disk is still there"
    )
    assert bench.disk.free_bytes == 0
    with pytest.raises(NotReady, match="the take cannot be kept yet"):
        bench.keep()
    bench.path.with_name("gone").rename(bench.path)
    assert bench.keep().name == "episode_000000"


def test_take_of_a_folder_that_was_deleted_can_be_discarded(bench: Bench) -> None:
    bench.start()
    bench.run(5)
    shutil.rmtree(bench.path)
    bench.run(1)
    bench.session.discard(bench.now_ns)
    with pytest.raises(NotReady, match="has gone"):
        bench.start()


def test_forecast_counts_what_compression_leaves(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "set", SessionSettings(image_storage=ImageStorage.PNG))
    bench.say_infos()
    bench.run(30)
    assert math.isnan(bench.disk.left_s)  # nothing was compressed yet
    bench.start()
    bench.run(90)
    take = bench.session.take
    assert take is not None
    wait_for(lambda: take.queued_bytes == 0)
    bench.run(1)
    raw_per_s = len(CAMERAS) * HZ * 64 * 48 * 3
    written_per_s = take.written_bytes / (90 / HZ)
    assert written_per_s < raw_per_s / 3
    assert bench.disk.left_s == pytest.approx(bench.disk.free_bytes / written_per_s, rel=0.15)
    left_s = bench.disk.left_s
    bench.keep()
    bench.run(30)
    assert bench.disk.left_s == pytest.approx(left_s, rel=0.15)
    bench.folder.release()


def on_a_disk_of(room: int, monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    disk = FullDisk(room)
    monkeypatch.setattr(open_take, "Take", partial(Take, writev=disk))
    return disk


def test_disk_that_runs_full_ends_the_take_and_keeps_what_it_has(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_disk_of(400_000, monkeypatch)
    bench.start()
    take = bench.session.take
    assert take is not None
    while not take.trouble(bench.now_ns):
        bench.run(1)
    bench.run(1)
    assert bench.session.state is RecorderState.REVIEW
    assert bench.session.reason(bench.now_ns) == (
        "the disk is full; what was recorded up to then is kept"
    )
    monkeypatch.undo()
    bench.keep()
    (episode,) = Recording.open(bench.path).episodes()
    kept = {t: len(list(episode.messages([t]))) for t in episode.topics}
    assert kept == {topic: stream.count for topic, stream in episode.info.streams.items()}
    front = episode.info.streams["/front/color/image_raw"]
    assert 15 <= front.count <= 22 and front.lost > 0
    assert episode.info.ended_because.startswith("the disk is full")


def test_disk_without_room_for_one_message_is_a_fault_that_can_be_mended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_disk_of(100, monkeypatch)
    with pytest.raises(NotReady, match=r"cannot record to .*No space left on device"):
        bench.start()
    disk = on_a_disk_of(1_000_000, monkeypatch)
    bench.start()
    disk.room = 0  # right behind the definitions of all types
    take = bench.session.take
    assert take is not None
    while not take.trouble(bench.now_ns):
        bench.run(1)
    bench.run(1)
    assert bench.session.state is RecorderState.FAULT
    assert bench.session.reason(bench.now_ns).startswith("the disk is full")
    monkeypatch.undo()
    bench.start()
    bench.run(3)
    assert bench.keep().name == "episode_000000"
    bench.folder.release()
    bench.open(resume=True)
    assert not list(bench.path.glob("take_*"))
    assert bench.folder.episodes == 1


def test_queue_that_stays_full_ends_the_take_and_counts_the_lost(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "set", SessionSettings(queue_bytes=8000))  # less than an image
    bench.say_infos()
    bench.run(3)
    bench.start()
    bench.run(40)
    assert bench.session.state is RecorderState.REVIEW
    assert "the disk is too slow" in bench.session.info.ended_because
    stream = bench.session.info.streams["/front/color/image_raw"]
    assert stream.count == 0 and stream.lost >= 30
    bench.folder.release()


def test_what_waits_for_the_disk_too_long_is_told_of(bench: Bench, held_disk: HeldDisk) -> None:
    bench.start()
    held_disk.go.clear()
    bench.run(12)
    assert bench.session.reason(bench.now_ns) == ""
    bench.run(6)
    assert bench.session.state is RecorderState.RECORDING
    assert bench.session.reason(bench.now_ns) == (
        "the disk is behind: more than 0.5 s are in memory only and lost if the recorder is "
        "killed; use a faster disk, or fewer or smaller images"
    )
    held_disk.go.set()
    take = bench.session.take
    assert take is not None
    wait_for(lambda: take.queued_bytes == 0)
    assert bench.session.reason(bench.now_ns) == ""


def test_disk_that_is_behind_ends_the_take_where_that_is_wanted(
    tmp_path: Path, held_disk: HeldDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_CLOSE_TIMEOUT_S", 0.0)
    bench = Bench(tmp_path / "set", SessionSettings(waiting_limit_s=1.0))
    bench.say_infos()
    bench.run(3)
    bench.start()
    held_disk.go.clear()
    bench.run(27)
    assert bench.session.state is RecorderState.RECORDING
    bench.run(10)
    assert bench.session.state is RecorderState.REVIEW
    assert "more than 1 s are in memory only" in bench.session.reason(bench.now_ns)
    held_disk.go.set()
    wait_for(lambda: bench.session.take.queued_bytes == 0)
    monkeypatch.undo()
    count = Recording.open(bench.keep().parent).episodes()[0].info.streams["/joint_states"].count
    assert 27 < count < 37
    bench.folder.release()


def test_losses_that_the_middleware_reports_are_counted(bench: Bench) -> None:
    bench.start()
    bench.instruct("a")
    bench.session.report_lost("/instruction", 2)
    bench.instruct("b")
    bench.run(2)
    bench.keep()
    stream = Recording.open(bench.path).episodes()[0].info.streams["/instruction"]
    assert (stream.count, stream.lost) == (2, 2)


def test_losses_that_stamps_do_not_tell_survive_a_disk_that_fails() -> None:
    stamps_ns = array("q", range(0, 10**9, 10**8))
    told = StreamInfo("sensor_msgs/msg/Image", count=12, lost=4, period_s=0.1)
    found = streams_of({"/a": told}, Repaired({"/a": stamps_ns}, 0))["/a"]
    assert (found.count, found.lost) == (10, 4 + 2)  # two had come and were not written


def test_losses_of_a_camera_before_its_first_image_of_the_take_are_counted(bench: Bench) -> None:
    bench.start()
    bench.session.report_lost("/front/color/image_raw", 4)
    bench.run(10)
    bench.keep()
    stream = Recording.open(bench.path).episodes()[0].info.streams["/front/color/image_raw"]
    assert (stream.count, stream.lost) == (10, 4)


@pytest.mark.parametrize("storage", [ImageStorage.PNG, ImageStorage.JPEG])
def test_compressed_images_go_to_their_own_topic(tmp_path: Path, storage: ImageStorage) -> None:
    bench = Bench(tmp_path / "set", SessionSettings(image_storage=storage))
    bench.say_infos()
    bench.run(2)
    bench.start()
    bench.run(10)
    bench.keep()
    episode = Recording.open(bench.path).episodes()[0]
    topic = "/front/color/image_raw/compressed"
    images = [rgb_of(episode.topics[topic], m.data) for m in episode.messages([topic])]
    assert len(images) == 10
    assert np.allclose(images[0], cases.stamped_image(2 / HZ, 64, 48), atol=4)
    assert episode.info.streams[topic].count == 10
    bench.folder.release()


def test_data_set_that_exists_is_not_gone_on_with_unasked(bench: Bench) -> None:
    bench.start()
    bench.keep()
    bench.folder.release()
    with pytest.raises(NotReady, match="holds a data set of 1 episodes already"):
        bench.open(resume=False)
    bench.open(resume=True)
    bench.say_infos()
    bench.run(3)
    bench.start()
    assert bench.keep().name == "episode_000001"


def test_two_recorders_do_not_write_to_one_folder(bench: Bench) -> None:
    with pytest.raises(NotReady, match="another recorder is writing to"):
        RecordingFolder(bench.path, resume=True)


def test_resume_with_other_images_is_refused_with_the_differences(bench: Bench) -> None:
    bench.start()
    bench.keep()
    bench.folder.release()
    bench.width, bench.hz = 32, 15.0
    bench.open(resume=True, rig=bench.rig)
    bench.say_infos()
    bench.run(3)
    with pytest.raises(InvalidDataset) as refusal:
        bench.start()
    text = str(refusal.value)
    assert "camera front: 64x48 rgb8 before, 32x48 rgb8 now" in text
    assert "rate [Hz] of /joint_states: 30.0 before, 15.0 now" in text
    assert not list(bench.path.glob("take_*"))


def test_resume_with_cameras_elsewhere_is_refused_at_once(bench: Bench) -> None:
    bench.start()
    bench.keep()
    bench.folder.release()
    moved = bench.rig.cameras["wrist"].parent_T_cam.copy()
    moved[0, 3] += 0.01
    wrist = replace(bench.rig.cameras["wrist"], parent_T_cam=moved)
    with pytest.raises(InvalidDataset, match=r"pose of camera wrist: .* before, .* now"):
        bench.open(resume=True, rig=CameraRig({**bench.rig.cameras, "wrist": wrist}))
    fewer = CameraRig({"front": bench.rig.cameras["front"]})
    with pytest.raises(InvalidDataset, match=r"cameras: \['front', 'wrist'\] before"):
        bench.open(resume=True, rig=fewer)
    bench.open(resume=True)


def test_each_fact_that_differs_has_a_line_and_the_order_of_joints_does_not_matter() -> None:
    stored = DatasetInfo(
        cameras={"front": CameraFacts(640, 480, "rgb8"), "wrist": CameraFacts(640, 480, "rgb8")},
        rates_hz={"/joint_states": 100.0},
        joints=("a", "b"),
        versions={"genima": "0.1"},
    )
    same = replace(stored, joints=("b", "a"), versions={"genima": "0.2"})
    assert differences(stored, same) == []
    wanted = DatasetInfo(
        cameras={"front": CameraFacts(640, 480, "bgr8"), "side": CameraFacts(640, 480, "rgb8")},
        rates_hz={"/joint_states": 50.0},
        joints=("a", "c"),
        image_storage=ImageStorage.JPEG,
    )
    assert differences(stored, wanted) == [
        "camera front: 640x480 rgb8 before, 640x480 bgr8 now",
        "camera side: none before, 640x480 rgb8 now",
        "camera wrist: 640x480 rgb8 before, none now",
        "rate [Hz] of /joint_states: 100.0 before, 50.0 now",
        "joints: ['a', 'b'] before, ['a', 'c'] now",
        "images: raw before, jpeg of quality 95 now",
    ]


def left_by_a_kill(bench: Bench) -> Path:
    """The data set as a killed recorder leaves it: a copy, taken in mid-take."""
    bench.start()
    bench.run(30)
    bench.keep()
    bench.start("open the drawer")
    bench.run(30)
    take = bench.session.take
    assert take is not None
    while take.queued_bytes:  # the thread that writes has its own pace
        bench.session.tick(bench.now_ns)
    copy = bench.path.with_name("killed")
    shutil.copytree(bench.path, copy)
    bench.session.stop(bench.now_ns)
    return copy


def test_take_of_a_killed_recorder_is_recovered(bench: Bench) -> None:
    killed = left_by_a_kill(bench)
    before = (killed / "episode_000000" / "episode.mcap").read_bytes()
    folder = RecordingFolder(killed, resume=True)
    assert folder.recovered == [killed / "episode_000001"]
    folder.release()
    first, second = Recording.open(killed).episodes()
    assert (killed / "episode_000000" / "episode.mcap").read_bytes() == before
    assert not first.info.recovered
    assert second.info.recovered and second.info.success is None
    assert second.info.instruction == "open the drawer"
    assert second.info.ended_because == "the recorder was killed"
    stream = second.info.streams["/front/color/image_raw"]
    assert (stream.count, stream.lost) == (30, 0)
    assert stream.rate_hz == pytest.approx(HZ)
    assert second.info.ended_s == pytest.approx(cases.ns(69 / HZ) * 1e-9, abs=0.01)
    assert len(list(second.messages(["/front/color/image_raw"]))) == 30
    with AnyReader([second.path]) as reader:
        assert reader.message_count == 30 * 3 + 2
    again = RecordingFolder(killed, resume=True)
    assert again.recovered == []
    again.release()


def test_recovery_without_a_description_tells_what_the_file_tells(bench: Bench) -> None:
    killed = left_by_a_kill(bench)
    (killed / "take_000001.part" / "episode.json").write_text("{")
    RecordingFolder(killed, resume=True).release()
    info = Recording.open(killed).episodes()[1].info
    assert info.streams["/front/color/image_raw"].count == 30
    assert info.streams["/front/color/image_raw"].type == "sensor_msgs/msg/Image"


def test_take_killed_before_its_first_message_vanishes(bench: Bench) -> None:
    killed = left_by_a_kill(bench)
    (killed / "take_000001.part" / "episode.mcap").write_bytes(b"\x89MCAP")
    (killed / "take_000002.part").mkdir()
    folder = RecordingFolder(killed, resume=True)
    assert folder.recovered == [] and folder.episodes == 1
    assert not list(killed.glob("take_*"))
    folder.release()


def test_take_killed_under_review_keeps_why_it_had_ended(bench: Bench) -> None:
    bench.start()
    bench.run(10)
    bench.session.stop(bench.now_ns)
    killed = bench.path.with_name("killed")
    shutil.copytree(bench.path, killed)
    RecordingFolder(killed, resume=True).release()
    info = Recording.open(killed).episodes()[0].info
    assert (info.ended_because, info.recovered) == ("the operator ended it", True)


def test_take_killed_while_it_was_thrown_away_does_not_come_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start()
    bench.run(3)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # killed before it could delete
        bench.session.discard(bench.now_ns)
    assert (bench.path / ".discarded_take_000000" / "episode.mcap").exists()
    bench.folder.release()
    bench.open(resume=True)
    assert bench.folder.recovered == [] and bench.folder.episodes == 0
    assert not list(bench.path.glob(".discarded*")) and not list(bench.path.glob("take_*"))


def test_damaged_description_of_an_episode_is_named(bench: Bench) -> None:
    bench.start()
    bench.run(2)
    folder = bench.keep()
    (folder / "episode.json").write_text('{"index": 0}')
    with pytest.raises(InvalidDataset, match=r"move episode_000000 out of the data set"):
        Recording.open(bench.path).episodes()
    folder.rename(bench.path.parent / folder.name)
    assert Recording.open(bench.path).episodes() == []


def test_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="holds no recorded data set"):
        Recording.open(tmp_path)
    (tmp_path / "dataset.json").write_text('{"format": "other", "version": 1}')
    with pytest.raises(InvalidDataset, match="not in format 'genima-recording', version 1"):
        Recording.open(tmp_path)
