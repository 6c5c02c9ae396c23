# SPDX-License-Identifier: Apache-2.0
"""Records four cameras of 640x480 at 30 Hz for as long as asked, and looks for every single frame.

The publisher and the recorder node are processes of their own. Takes of a minute each are kept,
read again (each image has its number in its first bytes and in its stamp) and deleted, so that the
disk holds it. What the reading takes falls between takes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rclpy
from genima_msgs.msg import RecorderStatus
from genima_msgs.srv import KeepTake, StartTake
from rclpy.node import Node
from recorder_publisher import CAMERAS

from genima.evaluation.domain import claim_domain
from genima.recording.cdr import decode_image
from genima.recording.recording import RecordedEpisode, Recording
from genima_ros.dds import set_up_dds
from genima_ros.qos import LATCHED

ROOT = Path(__file__).parent.parent
CAMERAS_FILE = ROOT / "config" / "cameras.yaml"
TAKE_S = 60.0
PATIENCE_S = 60.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class TakeReport:
    """What became of a take.

    Attributes:
        sent: Images that the publisher sent between the first and the last recorded one.
        recorded: Images in the file.
        told: Images that the recorder itself says are lost.
        wrong: Images whose content or stamp is not that of their number.
        wall_s: How long it took [s].
        cpu: Share of one core that the recorder took.
        rss_mb: Memory of the recorder at the beginning, at most, and at the end [MB].
        queue_mb: Most that waited for the disk [MB].
        gaps: Where images are missing: camera, and stamps around the hole [s].
    """

    sent: int
    recorded: int
    told: int
    wrong: int
    wall_s: float
    cpu: float
    rss_mb: tuple[float, float, float]
    queue_mb: float
    gaps: list[str]


class Watch:
    """Looks at the recorder from outside, by /proc, and at its status."""

    def __init__(self, node: Node, pid: int) -> None:
        self._node = node
        self._pid = pid
        self.status: RecorderStatus | None = None
        self.queue_mb = 0.0
        node.create_subscription(RecorderStatus, "recorder/status", self._take, LATCHED)

    def _take(self, status: RecorderStatus) -> None:
        self.status = status
        self.queue_mb = max(self.queue_mb, status.queue_bytes / 1e6)

    def cpu_s(self) -> float:
        """What the recorder has computed so far [s]."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def rss_mb(self) -> float:
        """Memory that the recorder has at the moment [MB]."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def call(self, kind: type, name: str, **fields: object) -> object:
        """Ask the recorder for something; ends the benchmark where it refuses."""
        client = self._node.create_client(kind, f"recorder/{name}")
        if not client.wait_for_service(PATIENCE_S):
            raise SystemExit(f"nobody offers recorder/{name}")
        future = client.call_async(kind.Request(**fields))
        rclpy.spin_until_future_complete(self._node, future, timeout_sec=PATIENCE_S)
        answer = future.result()
        self._node.destroy_client(client)
        if answer is None or not answer.success:
            raise SystemExit(f"recorder/{name}: {answer.message if answer else 'no answer'}")
        return answer

    def until_it_flows(self) -> None:
        """Wait until a take can begin."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.status is None or self.status.reason:
            rclpy.spin_once(self._node, timeout_sec=0.1)
            if time.monotonic() > deadline_s:
                raise SystemExit(self.status.reason if self.status else "no recorder")


def record_take(watch: Watch, node: Node, seconds: float, folder: Path) -> TakeReport:
    """Record one take, read it again and delete it."""
    watch.queue_mb = 0.0
    rss_mb = [watch.rss_mb()]
    began_s, cpu_s = time.monotonic(), watch.cpu_s()
    watch.call(StartTake, "start_take", task="benchmark")
    while time.monotonic() - began_s < seconds:
        rclpy.spin_once(node, timeout_sec=0.2)
        rss_mb.append(watch.rss_mb())
        if watch.status is not None and watch.status.state == RecorderStatus.REVIEW:
            print(f"the take has ended: {watch.status.reason}")
            break
    watch.call(KeepTake, "keep_take", task_success=True)
    wall_s = time.monotonic() - began_s
    cpu = (watch.cpu_s() - cpu_s) / wall_s
    episode = Recording.open(folder).episodes()[-1]
    sent, recorded, wrong = read_again(episode)
    begun_s = episode.info.started_s
    topics = [f"/{name}/color/image_raw" for name in CAMERAS]
    streams = {topic: episode.info.streams[topic] for topic in topics}
    report = TakeReport(
        sent=sent,
        recorded=recorded,
        told=sum(stream.lost for stream in streams.values()),
        wrong=wrong,
        wall_s=wall_s,
        cpu=cpu,
        rss_mb=(rss_mb[0], max(rss_mb), rss_mb[-1]),
        queue_mb=watch.queue_mb,
        gaps=[
            f"{topic}: {begin_s - begun_s:.3f} to {end_s - begun_s:.3f} s after the start"
            for topic, stream in streams.items()
            for begin_s, end_s in stream.gaps
        ],
    )
    shutil.rmtree(episode.path)
    return report


def read_again(episode: RecordedEpisode) -> tuple[int, int, int]:
    """Images sent, recorded and wrong, from the numbers that they carry."""
    sent = recorded = wrong = 0
    for i, name in enumerate(CAMERAS):
        numbers = []
        stamps_ns = []
        for message in episode.messages([f"/{name}/color/image_raw"]):
            data = decode_image(message.data).data
            number, camera = divmod(int.from_bytes(bytes(data[:8]), "little"), len(CAMERAS))
            wrong += camera != i
            numbers.append(number)
            stamps_ns.append(message.publish_time_ns)
        if not numbers:
            continue
        period_ns = (stamps_ns[-1] - stamps_ns[0]) / max(1, numbers[-1] - numbers[0])
        wrong += sum(
            abs(stamp_ns - stamps_ns[0] - (number - numbers[0]) * period_ns) > 1000
            for number, stamp_ns in zip(numbers, stamps_ns, strict=True)
        )
        sent += numbers[-1] - numbers[0] + 1
        recorded += len(set(numbers))
    return sent, recorded, wrong


@contextmanager
def processes(folder: Path, seconds: float, rate: float) -> Iterator[int]:
    """The publisher and the recorder; gives the recorder's process."""
    script = str(Path(__file__).with_name("recorder_publisher.py"))
    words = [script, "--seconds", str(seconds), "--rate", str(rate)]
    publisher = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    parameters = {
        "dataset": folder,
        "cameras_file": CAMERAS_FILE,
        "camera_rate_hz": rate,
        "joint_states_rate_hz": rate,
    }
    words = ["-m", "genima_recorder.recorder_node", "--ros-args", "-r", "__node:=recorder"]
    words += [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
    recorder = subprocess.Popen([sys.executable, *words, "--log-level", "WARN"])
    try:
        yield recorder.pid
    finally:
        for process in (recorder, publisher):
            process.terminate()
            process.wait(PATIENCE_S)


def show(report: TakeReport, number: int) -> None:
    begin, most, end = report.rss_mb
    print(
        f"take {number:2d}: {report.recorded} of {report.sent} images in {report.wall_s:.1f} s, "
        f"{report.told} told as lost, {report.wrong} wrong; {report.cpu:.2f} of a core; "
        f"memory {begin:.0f} / {most:.0f} / {end:.0f} MB; queue at most {report.queue_mb:.0f} MB",
        flush=True,
    )
    for gap in report.gaps[:20]:
        print(f"    missing: {gap}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="recorded in all")
    parser.add_argument("--rate", type=float, default=30.0, help="of each camera [Hz]")
    parser.add_argument("--out", type=Path, help="where takes lie for a while")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    scratch = tempfile.TemporaryDirectory(prefix="genima_recorder_", dir=given.out)
    with scratch as folder, claim_domain() as domain:
        os.environ["ROS_DOMAIN_ID"] = str(domain)
        reports = run(Path(folder) / "set", given.seconds, given.rate)
    total = sum(r.sent for r in reports)
    recorded = sum(r.recorded for r in reports)
    wall_s = sum(r.wall_s for r in reports)
    cpu = sum(r.cpu * r.wall_s for r in reports) / wall_s
    print(
        f"{total - recorded} of {total} images lost; {recorded / wall_s / 4:.2f} Hz a camera; ",
        end="",
    )
    print(f"recorder {cpu:.2f} of a core, at most {max(r.rss_mb[1] for r in reports):.0f} MB")
    if given.json:
        given.json.write_text(json.dumps([r.__dict__ for r in reports], indent=2) + "\n")
    sys.exit(0 if recorded == total and not any(r.wrong for r in reports) else 1)


def run(folder: Path, seconds: float, rate: float) -> list[TakeReport]:
    """Record takes until enough is recorded."""
    reports: list[TakeReport] = []
    set_up_dds()
    rclpy.init(args=[])
    node = rclpy.create_node("benchmark")
    with processes(folder, 10 * seconds + 600.0, rate) as pid:
        watch = Watch(node, pid)
        watch.until_it_flows()
        left_s = seconds
        while left_s > 0:
            reports.append(record_take(watch, node, min(TAKE_S, left_s), folder))
            show(reports[-1], len(reports))
            left_s -= reports[-1].wall_s
    rclpy.try_shutdown()
    return reports


if __name__ == "__main__":
    main()
