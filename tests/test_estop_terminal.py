# SPDX-License-Identifier: Apache-2.0
"""`genima estop` as a program, before something that listens as controller and driver do."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import rclpy
from genima_msgs.msg import EmergencyStop
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from tests.terminal_session import PATIENCE_S, TerminalSession

from genima.evaluation.domain import claim_domain
from genima.safety import EmergencyStop as EmergencyStopMemory
from genima_ros.qos import EMERGENCY_STOP

pytestmark = pytest.mark.graph
COMMAND = [sys.executable, "-m", "genima.cli", "estop", "--namespace", "lab"]


class Listener:
    """Hears stops as whoever moves the arm does; in a thread of its own."""

    def __init__(self, domain: int) -> None:
        self.memory = EmergencyStopMemory()
        self.names: list[str] = []
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node = rclpy.create_node("controller", context=self._context, namespace="lab")
        self._node.create_subscription(EmergencyStop, "estop", self._hear, EMERGENCY_STOP)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def reason(self) -> str:
        return self.memory.reason(time.monotonic()) or ""

    def until(self, condition: Callable[[], bool], what: str) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end_s, what
            self._done.wait(0.05)

    def _spin(self) -> None:
        while not self._done.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def _hear(self, message: EmergencyStop) -> None:
        self.names.append(message.source)
        self.memory.hear(message.pressed, message.source, time.monotonic())


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with claim_domain() as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        listener = Listener(domain)
        yield listener
        listener.close()


def test_key_presses_and_only_r_releases(listener: Listener) -> None:
    with TerminalSession([*COMMAND, "--name", "door"], dict(os.environ)) as terminal:
        terminal.until("heard by controller; not by panda_driver, teleop")
        listener.until(lambda: len(listener.names) > 3, "heartbeats")
        assert "'door' is pressed" in listener.reason()
        terminal.press("r")
        terminal.until("ANY KEY STOPS THE ARM")
        listener.until(lambda: listener.reason() == "", "the first release")
        terminal.press("\x1b[A")  # an arrow
        terminal.until("PRESSED: THE ARM STOPS")
        listener.until(lambda: "'door' is pressed" in listener.reason(), "the press")
        terminal.until("r  release")
        terminal.press("r")
        terminal.until("ANY KEY STOPS THE ARM")
        listener.until(lambda: listener.reason() == "", "the release")
        terminal.press("\x03")
        terminal.until("q  quit, pressed")
        terminal.press("q")
        assert terminal.until_end() == 0
        assert terminal.modes == terminal.modes_before
        terminal.until("start it again with --name 'door'")
    assert "'door' is pressed" in listener.reason()
    heard = len(listener.names)
    with TerminalSession([*COMMAND, "--name", "door"], dict(os.environ)) as terminal:
        terminal.until("PRESSED: THE ARM STOPS")
        listener.until(lambda: len(listener.names) > heard + 3, "heartbeats")
        assert "'door' is pressed" in listener.reason()
    assert set(listener.names) == {"door"}


@pytest.mark.parametrize("end", ["lines are over", "killed", "told to end"])
def test_stop_that_ends_stops_the_arm(listener: Listener, end: str) -> None:
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        listener.until(lambda: len(listener.names) > 3, "heartbeats")
        assert "is pressed" in listener.reason()
        process.stdin.write(b"release\n")
        process.stdin.flush()
        listener.until(lambda: listener.reason() == "", "the release")
        if end == "lines are over":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGKILL if end == "killed" else signal.SIGTERM)
        words = "has been silent for more than" if end == "killed" else "is pressed"
        listener.until(lambda: words in listener.reason(), words)
        assert process.wait(PATIENCE_S) == (-signal.SIGKILL if end == "killed" else 0)
    finally:
        process.kill()
        process.wait()


def test_name_that_nobody_would_know_is_refused_in_a_sentence(listener: Listener) -> None:
    words = [*COMMAND, "--name", "x" * 41]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2 and "1 to 40 printable characters" in done.stderr
    assert "Traceback" not in done.stderr
