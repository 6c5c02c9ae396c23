# SPDX-License-Identifier: Apache-2.0
"""`genima calib` beside a live graph: samples from a moving arm, a check of the simulated one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, JointState
from tests.node_graph import PATIENCE_S, NodeGraph

from genima.cameras import load_rig
from genima.evaluation.domain import claim_domain
from genima.handeye.board import Board, save_board
from genima.handeye.check import draw_robot
from genima.handeye.samples import load_samples
from genima.intrinsics import Intrinsics
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.launching.ament import executable
from genima.launching.processes import die_with
from genima_ros.conversions import camera_info, joint_state, rgb_to_image
from genima_ros.qos import IMAGE_PUBLISHER, JOINT_STATES_PUBLISHER

pytestmark = pytest.mark.graph

ROOT = Path(__file__).parent.parent
INTRINSICS = Intrinsics(640, 480, 600.0, 600.0, 320.0, 240.0)
MOVED = Q_HOME + np.array([0.0, 0.2, 0.0, 0.1, 0.0, -0.2, 0.3])
JOINTS_S, IMAGE_EVERY = 0.02, 5


@pytest.fixture
def domain() -> Iterator[int]:
    with claim_domain() as claimed:
        yield claimed


def environment(domain: int, folder: Path) -> dict[str, str]:
    return os.environ | {
        "ROS_DOMAIN_ID": str(domain),
        "ROS_LOG_DIR": str(folder),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "COLUMNS": "120",
    }


def calib(domain: int, folder: Path, *words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "genima.cli", "calib", *map(str, words)]
    return subprocess.Popen(
        command,
        env=environment(domain, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with(os.getpid()),
    )


class Robot:
    """An arm and a camera that looks straight at a board, by the clock of this machine."""

    def __init__(self, domain: int) -> None:
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node: Node = rclpy.create_node("robot", context=self._context)
        node = self._node
        color = "front/color"
        self._images = node.create_publisher(Image, f"{color}/image_raw", IMAGE_PUBLISHER)
        self._infos = node.create_publisher(CameraInfo, f"{color}/camera_info", IMAGE_PUBLISHER)
        self._arm = node.create_publisher(JointState, "joint_states", JOINT_STATES_PUBLISHER)
        grey = np.full((480, 640), 255, np.uint8)
        picture = Board().image(60)
        grey[80 : 80 + picture.shape[0], 100 : 100 + picture.shape[1]] = picture
        self.image = np.repeat(grey[..., None], 3, axis=2)
        self.q = Q_HOME
        self._ticks = 0
        node.create_timer(JOINTS_S, self._publish)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)

    def close(self) -> None:
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def run_until(self, done: Callable[[], bool]) -> None:
        """Publish until something is so."""
        end_s = time.monotonic() + PATIENCE_S
        while not done():
            self._executor.spin_once(timeout_sec=0.05)
            assert time.monotonic() < end_s

    def _publish(self) -> None:
        stamp_s = self._node.get_clock().now().nanoseconds * 1e-9
        self._arm.publish(joint_state(JOINT_NAMES, self.q, np.zeros(7), stamp_s))
        self._ticks += 1
        if self._ticks % IMAGE_EVERY == 0:
            frame = "front_color_optical_frame"
            self._infos.publish(camera_info(INTRINSICS, frame, stamp_s))
            self._images.publish(rgb_to_image(self.image, frame, stamp_s))


@pytest.fixture
def robot(domain: int) -> Iterator[Robot]:
    robot = Robot(domain)
    yield robot
    robot.close()


def count(folder: Path) -> int:
    try:
        return len(load_samples(folder).samples)
    except Exception:  # not written yet
        return 0


def test_capture_takes_a_sample_wherever_the_arm_rests_and_ends_with_the_last(
    robot: Robot, domain: int, tmp_path: Path
) -> None:
    save_board(Board(), tmp_path / "board.yaml")
    out = tmp_path / "samples"
    words = ["--camera", "front", "--out", out, "--board", tmp_path / "board.yaml", "--count", 2]
    process = calib(domain, tmp_path, "capture", *words)
    robot.run_until(lambda: count(out) == 1)
    robot.q = MOVED
    robot.run_until(lambda: process.poll() is not None)
    said, complaint = process.communicate()
    assert process.returncode == 0, complaint
    assert "2 of 2 samples; turned about three axes by" in said
    folder = load_samples(out)
    np.testing.assert_allclose(folder.q, [Q_HOME, MOVED], atol=1e-6)
    assert folder.setup.intrinsics == INTRINSICS
    assert folder.setup.board_frame == "panda_hand"
    np.testing.assert_array_equal(folder.image(0), robot.image)


def test_capture_names_the_topic_that_is_silent(domain: int, tmp_path: Path) -> None:
    save_board(Board(), tmp_path / "board.yaml")
    words = ["--camera", "front", "--out", tmp_path / "s", "--board", tmp_path / "board.yaml"]
    process = calib(domain, tmp_path, "capture", *words, "--namespace", "lab")
    _, complaint = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "nothing has come on /lab/front/color/camera_info for 10 s" in complaint


def test_check_draws_the_present_joints_on_the_live_image(domain: int, tmp_path: Path) -> None:
    graph = NodeGraph(tmp_path, domain, "realtime")
    try:
        graph.start("sim_bridge", task="push_button")
        graph.until(lambda: graph.joint_stamp_s > 0, "joint states")
        out = tmp_path / "check"
        config = ROOT / "config" / "cameras.yaml"
        words = ["--camera", "front", "--cameras-file", config, "--out", out]
        process = calib(domain, tmp_path, "check", *words)
        said, complaint = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, complaint
        assert "no points to compare" in said
        picture = cv2.imread(str(out / "check_000.png"))
        assert picture.shape == (512, 512, 3)
        live = load_samples(out / "live")
        camera = load_rig(config).cameras["front"]
        drawn = draw_robot(live.image(0), camera, live.samples[0].q)
        shown = cv2.resize(drawn[..., ::-1], (512, 512), interpolation=cv2.INTER_CUBIC)
        differing = np.abs(shown[40:].astype(int) - picture[40:]).max(axis=2) > 8
        assert differing.mean() < 0.01
    finally:
        graph.close()


@pytest.mark.skipif(
    bool(__import__("importlib.util").util.find_spec("tf2_msgs")),
    reason="tf2_msgs is installed",
)
def test_board_tracker_says_what_it_lacks(domain: int, tmp_path: Path) -> None:
    program = str(executable("genima_recorder", "board_tracker_node", os.environ))
    config = f"cameras_file:={ROOT / 'config' / 'cameras.yaml'}"
    done = subprocess.run(
        [program, "--ros-args", "-p", config],
        env=environment(domain, tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "sudo apt install ros-jazzy-tf2-msgs" in done.stdout + done.stderr
