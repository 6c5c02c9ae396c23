# SPDX-License-Identifier: Apache-2.0
import gc
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import String

from genima.errors import CalibrationError
from genima_ros.lifecycle import GenimaNode, spare_what_is_loaded
from genima_ros.parameters import parameter
from genima_ros.qos import LATCHED

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
#: Longest wait for a process or a message [s]; a test that needs it has failed.
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Schema:
    autostart: bool = parameter(True, "Start at once.")
    file: str = parameter("missing.calib", "A file.")


class Node(GenimaNode):
    """Needs a file, and says what it does."""

    def __init__(self) -> None:
        super().__init__("subject", Schema)
        self.did: list[str] = []
        self.said: list[str] = []
        self.broken_by: Exception | None = None
        logger = self.get_logger()
        logger.error = self.said.append  # type: ignore[method-assign]
        logger.fatal = self.said.append  # type: ignore[method-assign]
        self.get_logger = lambda: logger  # type: ignore[method-assign]

    def configure(self) -> None:
        self.did.append("configure")
        self.publisher = self.advertise(String, "words", LATCHED)
        self.subscribe(String, "orders", lambda message: None, LATCHED)
        if self.broken_by is not None:
            raise self.broken_by
        if not Path(self.parameters.file).exists():
            raise CalibrationError(f"{self.parameters.file} does not exist; name a calibration")

    def activate(self) -> None:
        self.did.append("activate")
        self.publisher.publish(String(data="active"))

    def deactivate(self) -> None:
        self.did.append("deactivate")
        self.publisher.publish(String(data="at rest"))

    def cleanup(self) -> None:
        self.did.append("cleanup")
        super().cleanup()


@pytest.fixture
def node(ros: None) -> Iterator[Node]:
    subject = Node()
    yield subject
    subject.destroy_node()


def set_file(node: Node, path: Path) -> None:
    node.set_parameters([rclpy.parameter.Parameter("file", value=str(path))])


def test_configure_that_fails_is_a_sentence_and_leaves_nothing_behind(node: Node) -> None:
    assert node.trigger_configure() is FAILURE
    assert node.said == [
        "cannot configure: missing.calib does not exist; name a calibration",
    ]
    assert node.did == ["configure", "cleanup"]
    assert node.count_publishers("words") == 0
    assert node.count_subscribers("orders") == 0


def test_cause_can_be_mended_and_configure_tried_again(node: Node, tmp_path: Path) -> None:
    assert node.trigger_configure() is FAILURE
    set_file(node, tmp_path)
    assert node.trigger_configure() is SUCCESS
    assert node.trigger_activate() is SUCCESS
    assert node.did == ["configure", "cleanup", "configure", "activate"]


def test_wrong_parameter_fails_configuration_with_a_sentence(
    start_ros: Callable[..., None],
) -> None:
    start_ros("-p", "fille:=x")
    node = Node()
    assert node.trigger_configure() is FAILURE
    assert node.said == [
        "cannot configure: unknown parameter 'fille'; subject takes ['autostart', 'file']"
    ]
    assert "configure" not in node.did
    node.destroy_node()


def test_defect_is_told_with_its_traceback_and_the_node_lives(node: Node, tmp_path: Path) -> None:
    node.broken_by = ZeroDivisionError("nobody thought of it")
    assert node.trigger_configure() is FAILURE
    assert "Traceback" in node.said[0] and "nobody thought of it" in node.said[0]
    node.broken_by = None
    set_file(node, tmp_path)
    assert node.trigger_configure() is SUCCESS


def test_node_can_be_taken_through_its_life_twice(node: Node, tmp_path: Path) -> None:
    set_file(node, tmp_path)
    for _ in range(2):
        for step in ("configure", "activate", "deactivate", "cleanup"):
            assert getattr(node, f"trigger_{step}")() is SUCCESS
    assert node.did == ["configure", "activate", "deactivate", "cleanup"] * 2
    assert node.count_publishers("words") == 0


def test_last_word_is_published_while_publishers_still_work(node: Node, tmp_path: Path) -> None:
    set_file(node, tmp_path)
    heard: list[str] = []
    listener = rclpy.create_node("listener")
    listener.create_subscription(String, "words", lambda m: heard.append(m.data), LATCHED)
    node.trigger_configure()
    node.trigger_activate()
    node.trigger_deactivate()
    node.publisher.publish(String(data="not to be heard"))
    for _ in range(600):
        rclpy.spin_once(listener, timeout_sec=0.1)
        if heard[-1:] == ["at rest"]:
            break
    rclpy.spin_once(listener, timeout_sec=0.2)
    listener.destroy_node()
    assert heard[-1] == "at rest"


def test_shutdown_brings_an_active_node_to_rest_first(node: Node, tmp_path: Path) -> None:
    set_file(node, tmp_path)
    node.trigger_configure()
    node.trigger_activate()
    assert node.trigger_shutdown() is SUCCESS
    assert node.did[-2:] == ["deactivate", "cleanup"]
    assert node.finalized


def test_one_complaint_does_not_hide_another(node: Node) -> None:
    for _ in range(3):
        node.complain("camera 'front'", CalibrationError("too small"))
        node.complain("camera 'wrist'", CalibrationError("too dark"))
    assert node.said == ["camera 'front': too small", "camera 'wrist': too dark"]


PROGRAM = """
import sys
from dataclasses import dataclass
from std_msgs.msg import String
from genima.errors import CalibrationError
from genima_ros.lifecycle import GenimaNode, run_node
from genima_ros.parameters import parameter
from genima_ros.qos import LATCHED

@dataclass(frozen=True)
class Schema:
    autostart: bool = parameter(True, "Start at once.")
    way: str = parameter("well", "How it goes.")

class Subject(GenimaNode):
    def __init__(self):
        super().__init__("subject", Schema)
    def configure(self):
        if self.parameters.way == "refuse":
            raise CalibrationError("no such camera; name another")
    def activate(self):
        print("active", flush=True)
        if self.parameters.way == "break later":
            self.create_timer(0.05, lambda: 1 / 0)
        if self.parameters.way == "end itself":
            self.create_timer(0.05, self.trigger_shutdown)
    def deactivate(self):
        print("at rest", flush=True)

run_node(Subject)
"""


def run(domain: int, tmp_path: Path, *words: str) -> "subprocess.Popen[str]":
    program = tmp_path / "subject.py"
    program.write_text(textwrap.dedent(PROGRAM))
    return subprocess.Popen(
        [sys.executable, str(program), "--ros-args", *words],
        env=os.environ
        | {
            "ROS_DOMAIN_ID": str(domain),
            "ROS_LOG_DIR": str(tmp_path),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.graph
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_node_in_order(domain: int, tmp_path: Path, number: signal.Signals) -> None:
    process = run(domain, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "active\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (out, process.returncode) == ("at rest\n", 0), err
    assert "Traceback" not in err


@pytest.mark.graph
def test_autostart_that_fails_exits_with_one_and_a_sentence(domain: int, tmp_path: Path) -> None:
    process = run(domain, tmp_path, "-p", "way:=refuse")
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (out, process.returncode) == ("", 1)
    assert "cannot configure: no such camera; name another" in err
    assert "Traceback" not in err


@pytest.mark.graph
def test_defect_in_a_callback_still_ends_in_an_orderly_halt(domain: int, tmp_path: Path) -> None:
    process = run(domain, tmp_path, "-p", "way:=break later")
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (out, process.returncode) == ("active\nat rest\n", 1)
    assert "ZeroDivisionError" in err


@pytest.mark.graph
def test_node_that_was_shut_down_ends_its_process(domain: int, tmp_path: Path) -> None:
    process = run(domain, tmp_path, "-p", "way:=end itself")
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (out, process.returncode) == ("active\nat rest\n", 0), err


@pytest.mark.graph
def test_parameter_file_that_cannot_be_read_is_a_sentence(domain: int, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("subject:\n  ros__parameters: [1\n")
    process = run(domain, tmp_path, "--params-file", str(tmp_path / "broken.yaml"))
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "cannot start: " in err and "broken.yaml" in err
    assert "Traceback" not in err


def test_circles_do_not_wait_longer_where_much_was_loaded() -> None:
    loaded: list[object] = [[] for _ in range(1_000_000)]
    spare_what_is_loaded()
    try:
        before = gc.get_stats()[2]["collections"]
        made: list[object] = [[] for _ in range(180_000)]
        assert gc.get_stats()[2]["collections"] > before
        assert len(made) < len(loaded)
    finally:
        gc.unfreeze()
