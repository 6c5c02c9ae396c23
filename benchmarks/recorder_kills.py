# SPDX-License-Identifier: Apache-2.0
"""Kills a recorder at random moments and looks at what is left.

A child process records takes of four cameras and an arm through the library, as the node does,
and keeps each after two to three seconds. It is killed (SIGKILL) at a random moment. Then another
child begins to recover what is left and is killed too, and a third is left in peace. Afterwards
all earlier episodes must be as they were, every episode must be whole for the reader of `mcap`,
and the open take must have come back up to less than one second before the kill.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mcap.reader import make_reader

from genima.cameras import Camera, CameraRig
from genima.intrinsics import Intrinsics
from genima.recording.disk import DiskWatch
from genima.recording.folder import RecordingFolder
from genima.recording.recording import RecordedEpisode, Recording, episode_folders
from genima.recording.session import RecordingSession
from genima.recording.session_types import SessionSettings
from genima.recording.stream import StreamSpec
from genima.timing import DeadlineLoop

HZ = 30.0
CAMERAS = ("front", "wrist", "left_shoulder", "right_shoulder")
IMAGE, JOINTS = "sensor_msgs/msg/Image", "sensor_msgs/msg/JointState"
LIMIT_MS = 1000.0
READY_LIMIT_S = 60.0
#: The last episodes stay on the disk, older ones make room.
KEPT_EPISODES = 4


def header(now_ns: int) -> bytes:
    """A header with an empty frame, in CDR."""
    sec, nanosec = divmod(now_ns, 10**9)
    return b"\x00\x01\x00\x00" + struct.pack("<iIIB3x", sec, nanosec, 1, 0)


def image(now_ns: int, width: int, height: int, pixels: bytes) -> bytes:
    layout = struct.pack("<III5sBxx", height, width, 5, b"rgb8", 0)
    return header(now_ns) + layout + struct.pack("<II", 3 * width, len(pixels)) + pixels


def joints(now_ns: int) -> bytes:
    return header(now_ns) + struct.pack("<IIII", 0, 0, 0, 0)


def rig(width: int, height: int) -> CameraRig:
    intrinsics = Intrinsics(width, height, width, width, width / 2, height / 2)
    return CameraRig({n: Camera(n, intrinsics, "panda_link0", np.eye(4)) for n in CAMERAS})


def specs() -> list[StreamSpec]:
    cameras = [
        StreamSpec(f"/{n}/color/image_raw", IMAGE, "", 1 / HZ, required=True, camera=n)
        for n in CAMERAS
    ]
    return [*cameras, StreamSpec("/joint_states", JOINTS, "", 1 / HZ, required=True)]


class Recorder:
    """The child: records take after take until it is killed."""

    def __init__(self, path: Path, width: int) -> None:
        self._size = width, width * 3 // 4
        self._pixels = os.urandom(width * self._size[1] * 3)
        folder = RecordingFolder(path, resume=True)
        disk = DiskWatch(path, 1 << 28)
        self._session = RecordingSession(
            folder, rig(*self._size), specs(), SessionSettings(), disk
        )
        self._begun = False
        self._left = 0

    def run(self) -> None:
        """Record for ever."""
        DeadlineLoop(1.0 / HZ).run(self._frame, lambda: False)

    def _frame(self) -> None:
        for camera in CAMERAS:
            now_ns = time.time_ns()
            data = image(now_ns, *self._size, self._pixels)
            self._session.receive(f"/{camera}/color/image_raw", now_ns, now_ns, data)
        now_ns = time.time_ns()
        self._session.receive("/joint_states", now_ns, now_ns, joints(now_ns))
        self._session.tick(now_ns)
        if self._left == 0:
            if self._begun:
                self._session.keep(True, "", now_ns)
            self._session.start("task", "instruction", "", now_ns)
            self._begun = True
            self._left = random.randint(60, 90)
            print("take", flush=True)
        self._left -= 1


@dataclass(frozen=True)
class Outcome:
    """What a kill left.

    Attributes:
        lost_ms: Newest recovered message of the stream that lost most, before the kill [ms].
        open_take: Whether a take was open at all when the kill came.
        complaint: What is not as it must be; empty if all is.
    """

    lost_ms: float
    open_take: bool
    complaint: str


def digest(folder: Path) -> str:
    found = hashlib.sha1()
    for file in sorted(folder.iterdir()):
        found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()


def complaint_of(episode: RecordedEpisode) -> str:
    """Read an episode to its end, with checksums; what is wrong with it."""
    counts: dict[str, int] = {}
    try:
        with episode.mcap_file.open("rb") as stream:
            for _, channel, _ in make_reader(stream, validate_crcs=True).iter_messages():
                counts[channel.topic] = counts.get(channel.topic, 0) + 1
    except Exception as error:
        return f"{episode.path.name} cannot be read: {error}"
    told = {topic: stream.count for topic, stream in episode.info.streams.items()}
    return "" if counts == told else f"{episode.path.name} tells of {told} and holds {counts}"


def child(path: Path, width: int, what: str) -> subprocess.Popen[str]:
    words = [sys.executable, __file__, "--child", what, "--width", str(width), "--out", str(path)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def kill_once(path: Path, width: int, up_to_s: float, known: dict[str, str]) -> Outcome:
    recorder = child(path, width, "record")
    assert recorder.stdout is not None
    while (line := recorder.stdout.readline()) and line != "take\n":
        pass
    time.sleep(random.uniform(0.0, up_to_s))
    killed_ns = time.time_ns()
    recorder.send_signal(signal.SIGKILL)
    recorder.wait()
    takes = list(path.glob("take_*.part"))
    begun_ns = takes[0].stat().st_ctime_ns if takes else None
    before = len(episode_folders(path))
    half = child(path, width, "recover")
    assert half.stdout is not None
    half.stdout.readline()  # it is about to begin
    time.sleep(random.uniform(0.0, 0.02))
    half.send_signal(signal.SIGKILL)
    half.wait()
    subprocess.run(
        [sys.executable, __file__, "--child", "recover", "--out", str(path)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return judge(path, before, killed_ns, begun_ns, known)


def judge(
    path: Path, before: int, killed_ns: int, begun_ns: int | None, known: dict[str, str]
) -> Outcome:
    complaints = []
    episodes = Recording.open(path).episodes()
    for episode in episodes:
        name = episode.path.name
        now = digest(episode.path)
        if known.setdefault(name, now) != now:
            complaints.append(f"{name} has changed")
    complaints += [text for episode in episodes if (text := complaint_of(episode))]
    if any(path.glob("take_*")):
        complaints.append("a take was left open")
    lost_ms = 0.0
    if begun_ns is not None:
        back = bool(episodes) and episodes[-1].info.recovered and len(episodes) > before
        # One that was killed before anything of it was on the disk leaves nothing.
        oldest_ms = (killed_ns - begun_ns) * 1e-6
        lost_ms = max(newest_ms(episodes[-1], killed_ns)) if back else oldest_ms
        if lost_ms >= LIMIT_MS:
            complaints.append(f"{lost_ms:.0f} ms are missing")
    for episode in episodes[:-KEPT_EPISODES]:
        shutil.rmtree(episode.path)
        known.pop(episode.path.name)
    return Outcome(lost_ms, begun_ns is not None, "; ".join(complaints))


def newest_ms(episode: RecordedEpisode, killed_ns: int) -> list[float]:
    newest: dict[str, int] = {}
    for message in episode.messages():
        newest[message.topic] = max(newest.get(message.topic, 0), message.publish_time_ns)
    streams = len(CAMERAS) + 1
    if len(newest) < streams:
        return [(killed_ns * 1e-9 - episode.info.started_s) * 1e3]
    return [(killed_ns - stamp_ns) * 1e-6 for stamp_ns in newest.values()]


def run(kills: int, width: int, up_to_s: float, path: Path) -> int:
    """Kill so many times; print a table; how often something was not as it must be."""
    known: dict[str, str] = {}
    outcomes = []
    print("kill  open take  recovered up to [ms before the kill]")
    for i in range(kills):
        outcome = kill_once(path, width, up_to_s, known)
        outcomes.append(outcome)
        took = "yes" if outcome.open_take else "no "
        print(f"{i + 1:4d}  {took}        {outcome.lost_ms:6.0f}  {outcome.complaint}", flush=True)
    good = sum(not outcome.complaint for outcome in outcomes)
    lost_ms = [outcome.lost_ms for outcome in outcomes if outcome.open_take]
    print(f"{good} of {kills} as they must be; {len(lost_ms)} takes were open")
    if lost_ms:
        print(f"missing before the kill: mean {sum(lost_ms) / len(lost_ms):.0f} ms, ", end="")
        print(f"most {max(lost_ms):.0f} ms")
    return kills - good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--width", type=int, default=640, help="of the images [px]")
    parser.add_argument("--up-to", type=float, default=5.0, help="latest moment of a kill [s]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="data set; by default a temporary folder")
    parser.add_argument("--child", choices=("record", "recover"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child == "record":
        Recorder(given.out, given.width).run()
    elif given.child == "recover":
        print("recover", flush=True)
        RecordingFolder(given.out, resume=True).release()
    else:
        random.seed(given.seed)
        with tempfile.TemporaryDirectory(prefix="genima_kills_") as scratch:
            path = given.out or Path(scratch) / "set"
            sys.exit(1 if run(given.kills, given.width, given.up_to, path) else 0)


if __name__ == "__main__":
    main()
