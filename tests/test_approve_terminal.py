# SPDX-License-Identifier: Apache-2.0
"""`genima approve` on a terminal, before something that speaks as the controller does."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import rclpy
from genima_msgs.msg import ControllerStatus
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from tests.terminal_session import ALTERNATE_SCREEN, TerminalSession
from visualization_msgs.msg import Marker, MarkerArray

from genima.approval.dialogue import ApprovalDialogue
from genima.control.session_types import SessionState
from genima.evaluation.domain import claim_domain
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.spheres import sphere_poses
from genima_controller_node.approve_client import ApproveClient
from genima_ros.conversions import joint_state
from genima_ros.markers import no_markers, shown_target, target_markers
from genima_ros.qos import JOINT_STATES_PUBLISHER, LATCHED

pytestmark = pytest.mark.graph
Q_TARGET = Q_HOME + np.array([0.0, 0.0, 0.0, 0.4, 0.0, 0.0, 0.0])
COMMAND = [sys.executable, "-m", "genima.cli", "approve", "--namespace", "lab"]


class Asking(Node):
    """Asks for consent to one target after the other; in a thread of its own."""

    def __init__(self, context: Context) -> None:
        super().__init__("controller", context=context, namespace="lab")
        self.answers: list[str] = []
        self._asked = 0
        self._statuses = self.create_publisher(ControllerStatus, "status", LATCHED)
        self._markers = self.create_publisher(MarkerArray, "targets/planned", LATCHED)
        self._joints = self.create_publisher(JointState, "joint_states", JOINT_STATES_PUBLISHER)
        for name in ("approve", "reject"):
            self.create_service(Trigger, name, lambda _, r, name=name: self._take(name, r))
        self.create_timer(0.1, self._tell)
        self._ask()

    def _ask(self) -> None:
        self._asked += 1
        poses = sphere_poses(Q_TARGET)
        self._markers.publish(target_markers(poses, False, float(self._asked), 0.0, alpha=0.5))

    def _tell(self) -> None:
        self._joints.publish(joint_state(JOINT_NAMES, Q_HOME, np.zeros(7), 1.0))
        state = SessionState.AWAITING_APPROVAL.value
        status = ControllerStatus(state=state, instruction="lift the lid", fit=0.9)
        status.chunks = len(self.answers)
        self._statuses.publish(status)

    def _take(self, name: str, response: Trigger.Response) -> Trigger.Response:
        self.answers.append(name)
        response.success, response.message = True, f"heard {name}"
        self._ask()
        return response


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with claim_domain() as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        context = Context()
        rclpy.init(context=context, domain_id=domain)
        node = Asking(context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        done = threading.Event()

        def spin() -> None:
            while not done.is_set():
                executor.spin_once(timeout_sec=0.05)

        thread = threading.Thread(target=spin)
        thread.start()
        yield node
        done.set()
        thread.join()
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def test_keys_let_targets_pass_or_not_and_the_terminal_is_given_back(asking: Asking) -> None:
    with TerminalSession(COMMAND, dict(os.environ)) as terminal:
        terminal.until("MAY THE ARM DO THIS")
        terminal.until("22.9 degrees, joint 4")
        terminal.until("let it move")
        press_until(terminal, "n", "reject: heard reject")
        press_until(terminal, "y", "approve: heard approve")
        terminal.press("q")
        assert terminal.until_end() == 0
        assert terminal.modes == terminal.modes_before
    assert asking.answers[0] == "reject" and "approve" in asking.answers
    for switch in ALTERNATE_SCREEN:
        assert switch in terminal.output


def press_until(terminal: TerminalSession, key: str, words: str) -> None:
    """Press a key again where it came too soon after a new target."""
    for _ in range(20):
        terminal.press(key)
        terminal.until(f"{words}|look at it, then answer again|does not ask")
        if words in terminal.output.replace("\x1b", "")[-6000:]:
            return
    raise AssertionError(words)


def test_without_a_terminal_nothing_is_approved_by_itself(asking: Asking) -> None:
    done = subprocess.run(
        COMMAND, input="", env=dict(os.environ), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and not done.stderr
    assert asking.answers == []


def test_markers_of_the_controller_tell_its_target() -> None:
    for gripper_open in (True, False):
        message = target_markers(sphere_poses(Q_TARGET), gripper_open, 12.5, 0.0, alpha=0.5)
        target = shown_target(message)
        assert target is not None
        np.testing.assert_allclose(target.q, Q_TARGET, atol=1e-6)
        assert (target.gripper_open, target.stamp_s) == (gripper_open, 12.5)
    assert shown_target(no_markers()) is None


def test_markers_without_an_orientation_are_refused() -> None:
    message = target_markers(sphere_poses(Q_TARGET), True, 12.5, 0.0, alpha=0.5)
    message.markers[1].pose = Marker().pose
    message.markers[1].pose.orientation.w = float("nan")
    with pytest.raises(ValueError, match="'elbow' has no orientation"):
        shown_target(message)


def test_target_that_cannot_be_read_hides_the_one_before(asking: Asking) -> None:
    dialogue = ApprovalDialogue()
    rclpy.init(domain_id=int(os.environ["ROS_DOMAIN_ID"]))
    client = ApproveClient(dialogue, "elsewhere")
    try:
        message = target_markers(sphere_poses(Q_TARGET), True, 12.5, 0.0, alpha=0.5)
        client._on_markers(message)
        assert dialogue.view(0.0).target is not None
        message.markers[1].pose.orientation.w = float("nan")
        client._on_markers(message)
        assert dialogue.view(0.0).target is None
    finally:
        client.destroy_node()
        rclpy.try_shutdown()
