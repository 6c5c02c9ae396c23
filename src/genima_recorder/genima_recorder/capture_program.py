# SPDX-License-Identifier: Apache-2.0
"""`genima calib capture` and `check` on ROS's side: images and joints of the live graph.

One thread, one loop: messages in, samples into the folder, a line for the operator.
"""

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, JointState

from genima.cameras import Camera, load_rig
from genima.errors import GenimaError, NotReady
from genima.handeye.board import load_board
from genima.handeye.capture import camera_of, open_folder, progress_words, said_of, setup_of
from genima.handeye.collector import Collector
from genima.handeye.samples import SampleFolder
from genima.kinematics import JOINT_NAMES
from genima_ros.conversions import image_to_rgb, joint_positions, seconds
from genima_ros.program import start_terminal_program
from genima_ros.qos import IMAGES, JOINT_STATES, RELIABLE_LATEST

EXIT_NONE, EXIT_REFUSED = 1, 2
_MESSAGES_S = 0.05
#: How long each of the three topics may take to begin, or may fall silent later [s].
_PATIENCE_S = 10.0
_BELL = "\a"


class CaptureProgram:
    """Samples from one camera and the arm.

    Args:
        arguments: As `parse` makes them.
        stop: Set by signals: it is time to end.
    """

    def __init__(self, arguments: argparse.Namespace, stop: threading.Event) -> None:
        self._arguments = arguments
        self._stop = stop
        self._camera: Camera = camera_of(load_rig(arguments.cameras_file), arguments.camera)
        self._board = load_board(arguments.board)
        self._folder: SampleFolder | None = None
        self._collector: Collector | None = None
        self._said = ""
        self._error: GenimaError | None = None
        self._node = Node("calibration_capture", namespace=arguments.namespace)
        self._heard_s: dict[str, float] = {}
        color = f"{arguments.camera}/color"
        self._listen(CameraInfo, f"{color}/camera_info", self._on_info, RELIABLE_LATEST)
        self._listen(Image, f"{color}/image_raw", self._on_image, IMAGES)
        self._listen(JointState, "joint_states", self._on_joints, JOINT_STATES)

    def run(self) -> int:
        """Capture until there are enough samples or the operator ends it; the exit code.

        Raises:
            GenimaError: A topic is silent, a message cannot be used, or the folder is another's.
        """
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        while not self._stop.is_set() and not self._enough:
            executor.spin_once(timeout_sec=_MESSAGES_S)
            self._require_messages(time.monotonic())
            if self._error is not None:
                raise self._error
            self._judge()
        executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        count = len(self._folder.samples) if self._folder else 0
        self._say(f"{count} samples in {self._arguments.out}", end="\n")
        return 0 if count else EXIT_NONE

    @property
    def _enough(self) -> bool:
        return self._folder is not None and len(self._folder.samples) >= self._arguments.count

    def _listen(self, kind: type, topic: str, take: object, qos: object) -> None:
        self._heard_s[topic] = time.monotonic()

        def heard(message: object) -> None:
            self._heard_s[topic] = time.monotonic()
            try:
                take(message)
            except GenimaError as error:
                self._error = error

        self._node.create_subscription(kind, topic, heard, qos)

    def _require_messages(self, now_s: float) -> None:
        for topic, heard_s in self._heard_s.items():
            if now_s - heard_s > _PATIENCE_S:
                name = self._node.resolve_topic_name(topic)
                raise NotReady(
                    f"nothing has come on {name} for {_PATIENCE_S:.0f} s; start driver and "
                    "cameras (genima launch calibrate.launch.xml), and see whether the namespace "
                    "is right"
                )

    def _on_info(self, message: CameraInfo) -> None:
        if self._folder is not None:
            return
        setup = setup_of(self._camera, message, self._board, self._arguments.board_frame)
        self._folder = open_folder(self._arguments.out, setup)
        self._collector = Collector(setup, any_pose=self._arguments.now)
        for sample in self._folder.samples:
            self._collector.know(sample.q)

    def _on_image(self, message: Image) -> None:
        if self._collector is not None:
            stamp_s = seconds(message.header.stamp)
            self._collector.add_image(lambda: image_to_rgb(message), stamp_s)

    def _on_joints(self, message: JointState) -> None:
        if self._collector is not None:
            q = joint_positions(message, JOINT_NAMES)
            self._collector.add_joints(q, seconds(message.header.stamp))

    def _judge(self) -> None:
        judged = self._collector.judge() if self._collector is not None else None
        if judged is None or self._folder is None:
            return
        if judged.image is not None and judged.q is not None:
            self._folder = self._folder.add(judged.image, judged.q)
            said = progress_words(self._folder, self._arguments.count)
            self._say((_BELL if sys.stdout.isatty() else "") + said, end="\n")
        elif not self._arguments.now:
            self._say(said_of(judged.verdict, judged.corners), end="\r")

    def _say(self, text: str, end: str) -> None:
        """A line that stays, or one that the next one overwrites; the same only once."""
        if text == self._said or (end == "\r" and not sys.stdout.isatty()):
            return
        self._said = text
        clear = "\x1b[K" if sys.stdout.isatty() else ""
        print(text + clear, end=end, flush=True)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Take the command line apart, as `genima calib` makes it."""
    parser = argparse.ArgumentParser(prog="calibration_capture", description=__doc__)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--cameras-file", type=Path, required=True)
    parser.add_argument("--board", type=Path, required=True)
    parser.add_argument("--board-frame", default="")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--namespace", default="")
    parser.add_argument("--now", action="store_true", help="take the next image as it is")
    return parser.parse_args(words)


def main() -> None:
    """Run the program; Ctrl-C ends it with the samples that there are."""
    arguments = parse(sys.argv[1:])
    stop = start_terminal_program()
    try:
        code = CaptureProgram(arguments, stop).run()
    except GenimaError as error:
        print(f"\n{error}" if sys.stdout.isatty() else str(error), file=sys.stderr)
        code = EXIT_REFUSED
    finally:
        rclpy.try_shutdown()
    sys.exit(code)


if __name__ == "__main__":
    main()
