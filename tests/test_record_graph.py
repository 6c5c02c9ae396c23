# SPDX-License-Identifier: Apache-2.0
"""`genima record` with the real recorder, on a terminal and by lines."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.terminal_session import ALTERNATE_SCREEN, PATIENCE_S, TerminalSession

from genima.evaluation.domain import claim_domain
from genima.launching.ament import executable
from genima.launching.processes import descendants, die_with
from genima.recording.recording import Recording

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytestmark = pytest.mark.graph

ROOT = Path(__file__).parent.parent
#: A world of two small cameras and an arm that stands still.
WORLD = """
import sys, time
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, JointState
from genima_ros.dds import set_up_dds
from genima_ros.qos import IMAGE_PUBLISHER, JOINT_STATES_PUBLISHER

width, joint = int(sys.argv[1]), sys.argv[2]
set_up_dds()
rclpy.init(args=[])
node = Node("world")
images = {
    name: (
        node.create_publisher(Image, f"{name}/color/image_raw", IMAGE_PUBLISHER),
        node.create_publisher(CameraInfo, f"{name}/color/camera_info", IMAGE_PUBLISHER),
    )
    for name in ("front", "wrist")
}
arm = node.create_publisher(JointState, "joint_states", JOINT_STATES_PUBLISHER)

def publish():
    stamp = node.get_clock().now().to_msg()
    image = Image(height=24, width=width, encoding="rgb8", step=3 * width)
    image.data = bytes(72 * width)
    info = CameraInfo(height=24, width=width)
    state = JointState(name=[f"{joint}{i}" for i in range(1, 8)], position=[0.0] * 7)
    for message in (image, info, state):
        message.header.stamp = stamp
    for image_publisher, info_publisher in images.values():
        image_publisher.publish(image)
        info_publisher.publish(info)
    arm.publish(state)

node.create_timer(0.05, publish)
rclpy.spin(node)
"""


class Studio:
    """A world to be recorded, and ways to record it.

    Args:
        folder: For configuration and data sets.
        domain: ROS domain.
    """

    def __init__(self, folder: Path, domain: int) -> None:
        self.out = folder / "demos"
        self.environment = os.environ | {
            "ROS_DOMAIN_ID": str(domain),
            "ROS_LOG_DIR": str(folder),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        }
        self.config = folder / "config"
        self.config.mkdir()
        cameras = yaml.safe_load((ROOT / "config" / "cameras.yaml").read_text())["cameras"]
        two = {name: cameras[name] for name in ("front", "wrist")}
        self.cameras_file = self.config / "cameras.yaml"
        self.cameras_file.write_text(yaml.safe_dump({"cameras": two}))
        recorder = yaml.safe_load((ROOT / "config" / "recorder.yaml").read_text())
        # A machine that is busy loses frames and stalls, which is not what is tested here.
        recorder["/**"]["ros__parameters"] |= {
            "camera_rate_hz": 20.0,
            "joint_states_rate_hz": 20.0,
            "lost_after_s": 5.0,
            "disk_reserve_mib": 16,
        }
        (self.config / "recorder.yaml").write_text(yaml.safe_dump(recorder))
        self._processes: list[subprocess.Popen[bytes]] = []

    def world(self, width: int = 32, joint: str = "panda_joint") -> "subprocess.Popen[bytes]":
        """Have a world publish."""
        return self._start([sys.executable, "-c", WORLD, str(width), joint])

    def recorder(self) -> "subprocess.Popen[bytes]":
        """Start a recorder that belongs to nobody."""
        words = ["--ros-args", "--params-file", str(self.config / "recorder.yaml")]
        words += ["-p", f"cameras_file:={self.cameras_file}", "-p", f"dataset:={self.out}"]
        return self._start(
            [str(executable("genima_recorder", "recorder_node", os.environ)), *words]
        )

    def close(self) -> None:
        """End what is left."""
        for process in self._processes:
            process.kill()
            process.wait()

    def command(self, *options: str, out: Path | None = None) -> list[str]:
        """The command line, whose task is a button."""
        words = [sys.executable, "-m", "genima.cli", "record", "--out", str(out or self.out)]
        words += ["--task", "push_button", "--instruction", "-push the [red] button"]
        if "--no-launch" not in options:
            words += ["--config-dir", str(self.config)]
        return [*words, "--reset-time", "0", *options]

    def at_terminal(self, *options: str) -> TerminalSession:
        """Record on a terminal."""
        return TerminalSession(self.command(*options), self.environment)

    def by_lines(
        self, lines: str, *options: str, out: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Record by lines that all come at once."""
        return subprocess.run(
            self.command(*options, out=out),
            input=lines,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def labels(self) -> list[tuple[bool | None, str]]:
        """Success and note of each episode."""
        episodes = Recording.open(self.out).episodes()
        return [(episode.info.success, episode.info.note) for episode in episodes]

    def _start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        log = (self.config.parent / f"process_{len(self._processes)}.log").open("wb")
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with(os.getpid()),
        )
        self._processes.append(process)
        return process


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with claim_domain() as domain:
        made = Studio(tmp_path, domain)
        try:
            yield made
        finally:
            made.close()


def recorder_of(terminal: TerminalSession) -> int:
    """Process id of the recorder that a program has started."""
    for pid in descendants(terminal.process.pid):
        if b"recorder_node" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("no recorder below the program")


def test_operator_records_keeps_discards_and_quits_at_a_terminal(studio: Studio) -> None:
    studio.world()
    with studio.at_terminal("--episodes", "3") as terminal:
        terminal.until("READY for episode 0")
        assert terminal.modes != terminal.modes_before
        terminal.press(" ")
        terminal.until("RECORDING episode 0")
        terminal.until(r"front/color/image_raw +\d+\.\d Hz")
        terminal.press("n")
        terminal.until("take the note")
        terminal.press("kept slowly\r")
        terminal.until("note: kept slowly")
        terminal.press("\r")
        terminal.until("TAKE ENDED: keep episode 0")
        terminal.press("k")
        terminal.until("1 of 3 kept")
        terminal.press(" ")
        terminal.until("RECORDING episode 1")
        terminal.press("\x1b[D")  # the arrow to the left, which ends in a D
        terminal.press("d")
        terminal.until("cannot be brought back")
        terminal.press("d")
        terminal.until("discarded 1")
        terminal.press(" ")
        terminal.until("RECORDING episode 1")
        terminal.press("q")
        terminal.until("a take is open")
        terminal.press("f")
        assert terminal.until_end() == 0
        assert terminal.modes == terminal.modes_before
        assert all(control in terminal.output for control in ALTERNATE_SCREEN)
        assert f"2 episodes in {studio.out}" in terminal.output
    assert studio.labels() == [(True, "kept slowly"), (False, "")]
    first = Recording.open(studio.out).episodes()[0]
    assert first.info.instruction == "-push the [red] button"
    assert {message.topic for message in first.messages()} >= {
        "/front/color/image_raw",
        "/wrist/color/camera_info",
        "/joint_states",
    }


def test_signal_ends_it_in_good_order_and_the_take_is_not_lost(studio: Studio) -> None:
    studio.world()
    with studio.at_terminal() as terminal:
        terminal.until("READY for episode")
        terminal.press(" ")
        terminal.until("RECORDING")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.until_end() == 1
        assert terminal.modes == terminal.modes_before
        assert terminal.output.count(ALTERNATE_SCREEN[1]) == 1
        assert "discarded; it has become an episode without a success label" in terminal.output
        assert f"1 episodes in {studio.out}" in terminal.output
    assert studio.labels() == [(None, "")]


def test_window_that_is_closed_loses_no_take(studio: Studio) -> None:
    studio.world()
    with studio.at_terminal() as terminal:
        terminal.until("READY for episode")
        terminal.press(" ")
        terminal.until("RECORDING")
        terminal.hang_up()
        terminal.until_end()
    assert studio.labels() == [(None, "")]


def test_recorder_that_is_killed_is_told_of_and_its_take_comes_back(studio: Studio) -> None:
    studio.world()
    with studio.at_terminal() as terminal:
        terminal.until("READY for episode")
        terminal.press(" ")
        terminal.until(r"take 00:0[1-9]")
        os.kill(recorder_of(terminal), signal.SIGKILL)
        terminal.until("THE RECORDER DOES NOT ANSWER")
        terminal.until("the recorder has ended by itself")
        terminal.press("q")
        assert terminal.until_end() == 1
        assert terminal.modes == terminal.modes_before
        assert "discarded; what was open is recovered with --resume" in terminal.output
        assert "it has become an episode" not in terminal.output
    done = studio.by_lines("quit\n", "--resume")
    assert "warning 1 unfinished take(s) of an earlier session were recovered" in done.stdout
    assert studio.labels() == [(None, "")]


def test_recorder_that_dies_idle_is_said_to_have_had_no_take(studio: Studio) -> None:
    studio.world()
    with studio.at_terminal() as terminal:
        terminal.until("READY for episode")
        os.kill(recorder_of(terminal), signal.SIGKILL)
        terminal.until("the recorder has ended by itself")
        terminal.press("q")
        assert terminal.until_end() == 1
        assert "the recorder has ended by itself; no take was open" in terminal.output
        assert "neither kept nor discarded" not in terminal.output


def test_camera_that_falls_silent_ends_the_take_and_says_so(studio: Studio) -> None:
    world = studio.world()
    with studio.at_terminal("lost_after_s:=1.0") as terminal:
        terminal.until("READY for episode")
        terminal.press(" ")
        terminal.until("RECORDING")
        world.kill()
        terminal.until("the take has ended: (nothing comes from )?/front/color/image_raw")
        terminal.press("k")
        terminal.until("NOT READY")
        terminal.until("nothing comes from /front/color/image_raw")
        terminal.press("q")
        assert terminal.until_end() == 0
    assert studio.labels() == [(True, "")]


def test_script_records_by_lines_and_resumes(studio: Studio) -> None:
    studio.world()
    refused = studio.by_lines("start\nquit\n", "camera_rate_hz:=fast")
    assert refused.returncode == 2
    assert "parameter 'camera_rate_hz' is 'fast'" in refused.stderr
    with subprocess.Popen(
        studio.command(),
        env=studio.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if "reason=" not in line and line.startswith("idle episode=0"):
                process.stdin.write("start\nnote one\nkeep\nstart\ndiscard\nstart\nquit\nfail\n")
                process.stdin.flush()
    assert process.returncode == 0, told
    assert studio.labels() == [(True, "one"), (False, "")]
    done = studio.by_lines("quit\n", "--resume")
    assert done.returncode == 0
    assert f"2 episodes in {studio.out}" in done.stderr
    again = studio.by_lines("quit\n")
    assert again.returncode == 2
    assert "is a data set already; add --resume" in again.stderr


def test_data_set_that_was_recorded_otherwise_is_refused_with_a_diff(studio: Studio) -> None:
    world = studio.world()
    with studio.at_terminal() as terminal:
        terminal.until("READY for episode")
        terminal.press(" ")
        terminal.until("RECORDING")
        terminal.press("qk")
        assert terminal.until_end() == 0
    before = (studio.out / "dataset.json").read_bytes()
    world.kill()
    studio.world(width=48, joint="fr3_joint")
    with studio.at_terminal("--resume") as terminal:  # what only the messages tell
        terminal.until("READY for episode 1")
        terminal.press(" ")
        terminal.until(
            r"(?s)start: .*was recorded otherwise.*camera front: 32x24 rgb8 before, 48x24 rgb8 now"
            r".*joints: \['panda_joint1', .*now"
        )
        terminal.press("q")
        assert terminal.until_end() == 0
    rig = yaml.safe_load(studio.cameras_file.read_text())
    rig["cameras"]["wrist"]["pose"]["xyz"][2] += 0.01
    studio.cameras_file.write_text(yaml.safe_dump(rig))
    refused = studio.by_lines("start\n", "--resume", "camera_rate_hz:=30.0", "image_storage:=png")
    assert refused.returncode == 2
    head, *diff, advice = refused.stderr.splitlines()
    assert head == f"{studio.out} was recorded otherwise, so nothing is added to it:"
    assert diff[0] == "  rate [Hz] of /front/color/image_raw: 20.0 before, 30.0 now"
    assert "  images: raw before, png now" in diff
    assert re.fullmatch("  pose of camera wrist: .* before, .* now", diff[-1])
    assert len(diff) == 4
    assert advice == "set it as before, or give another --out"
    assert (studio.out / "dataset.json").read_bytes() == before
    assert len(studio.labels()) == 1


def test_running_recorder_is_used_and_left_alone(studio: Studio) -> None:
    studio.world()
    recorder = studio.recorder()
    with studio.at_terminal("--no-launch") as terminal:
        terminal.until("READY for episode")
        terminal.press(" ")
        terminal.until("RECORDING")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.until_end() == 1
        assert "the recorder still holds it" in terminal.output
    second = studio.by_lines("quit\n", out=studio.out.parent / "other")
    assert second.returncode == 2
    # Whichever is noticed first, that it runs or what it records.
    running = "a recorder is running already; add --no-launch" in second.stderr
    assert running or f"records into {studio.out}, not into" in second.stderr
    other = studio.by_lines("quit\n", "--no-launch", out=studio.out.parent / "other")
    assert other.returncode == 2
    assert f"records into {studio.out}, not into" in other.stderr
    useless = studio.by_lines("quit\n", "--no-launch", "--resume")
    assert useless.returncode == 2
    assert "are for a recorder that is started here" in useless.stderr
    settled = studio.by_lines("note late\nkeep\nquit\n", "--no-launch")
    assert settled.returncode == 0
    assert recorder.poll() is None
    assert studio.labels() == [(True, "late")]
    assert json.loads((studio.out / "dataset.json").read_text())["joints"][0] == "panda_joint1"
