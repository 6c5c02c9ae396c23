# SPDX-License-Identifier: Apache-2.0
"""Malformed and hostile messages on every subscription of every node, over real DDS.

Few messages each; `benchmarks/fuzz.py` sends 10,000.
"""

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("franky_sim", reason="franky-sim is not installed")

import genima_msgs.msg
from rclpy.node import Node
from rclpy.serialization import serialize_message
from tests.fuzz_cases import NODES, PROGRAMS, executables
from tests.fuzz_world import FuzzWorld
from tests.hostile_messages import HostileMessages
from tests.node_fuzzer import Case, fuzzed

from genima.evaluation.domain import claim_domain
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.limits import RobotModel
from genima.policy import Policy
from genima_recorder import camera_node
from genima_ros.conversions import trajectory

#: Each node is fuzzed in a process of its own, which also shows whether it ends in peace.
_FUZZ = Path(__file__).parent.parent / "benchmarks" / "fuzz.py"
_LIMIT_S = 200.0
_MESSAGES = 25
#: What an allocator makes of a few messages of a megabyte [KiB].
_GROWN_KIB = 100 * 1024
_INFOS = {f"/{name}/color/camera_info" for name in Policy().cameras}
_IMAGES = {f"/{name}/color/image_raw" for name in Policy().cameras}
#: What each node listens to. A topic that is not here is fuzzed all the same.
SUBSCRIPTIONS = {
    "board_tracker_node": {"/front/color/camera_info", "/front/color/image_raw", "/joint_states"},
    "camera_node": set(),
    "controller_node": _INFOS | {"/joint_states", "/target_tile", "/estop", "/driver_status"},
    "diffusion_node": _INFOS | _IMAGES | {"/joint_states", "/instruction", "/target_request"},
    "panda_driver_node": {"/joint_trajectory", "/gripper_command", "/estop"},
    "recorder_node": _INFOS
    | _IMAGES
    | {"/joint_states", "/leader/joint_states"}
    | {"/joint_trajectory", "/gripper_command", "/instruction"},
    "sim_bridge_node": {"/joint_trajectory", "/gripper_command", "/target_request"},
    "teleop_node": {"/leader/joint_states", "/leader/gripper", "/estop"},
}
SUBSCRIPTIONS |= {
    "approve": {"/status", "/targets/planned", "/joint_states"},
    "execute": {"/status"},
    "record": {"/recorder/status"},
}
#: Those that publish commands, or the state of an arm that obeys them.
_MOVERS = {"controller_node", "panda_driver_node", "sim_bridge_node", "teleop_node"}


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with claim_domain() as number:
        yield number


def test_every_node_of_the_suite_is_fuzzed() -> None:
    assert sorted(NODES) == sorted(executables())
    assert {*NODES, *PROGRAMS} == set(SUBSCRIPTIONS)


def test_a_node_that_is_not_started_for_it_listens_to_nothing() -> None:
    source = inspect.getsource(camera_node)
    assert "subscri" not in source and "serve(" not in source


@pytest.mark.parametrize("name", [n for n in (*NODES, *PROGRAMS) if SUBSCRIPTIONS[n]])
def test_hostile_messages_neither_break_a_node_nor_what_it_commands(name: str) -> None:
    words = [sys.executable, str(_FUZZ), "--one", "--nodes", name, "--messages", str(_MESSAGES)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        pytest.skip(f"{name} needs a package that has no wheel")
    assert {line["topic"] for line in lines} == SUBSCRIPTIONS[name]
    for line in lines:
        assert not line["exceptions"] and not line["defects"] and not line["faults"], line
        assert line["grown_kib"] < _GROWN_KIB and line["taken"], line
    assert (lines[-1]["commands"] > 0) == (name in _MOVERS)


class Naive(Node):
    """Believes whatever it is told."""

    def __init__(self) -> None:
        super().__init__("naive")
        self.hoard: list[bytes] = []
        self.create_subscription(JointState, "joint_states", self._on_state, 10)

    def _on_state(self, message: JointState) -> None:
        self.hoard.append(b"x" * 1_000_000)
        assert np.isfinite(message.position[6])


def test_a_node_that_believes_everything_is_found_out(domain: int) -> None:
    with fuzzed(Case(Naive), domain) as fuzzer:
        result = fuzzer.fuzz("/joint_states", 100)
    assert any("IndexError" in error for error in result.errors)
    assert any("AssertionError" in error for error in result.errors)
    assert result.grown_kib > 10_000


@pytest.mark.parametrize(
    ("q", "dq", "fault"),
    [
        (Q_HOME + 3.0 * (np.arange(7) == 6), np.zeros(7), "limits of position"),
        (Q_HOME, np.full(7, 9.0), "limits of velocity"),
        (Q_HOME * np.nan, np.zeros(7), "not finite"),
        (Q_HOME + 0.5, np.zeros(7), "a step of"),
    ],
)
def test_a_command_outside_the_limits_is_noticed(
    q: np.ndarray, dq: np.ndarray, fault: str
) -> None:
    world = FuzzWorld(Policy(), RobotModel.PANDA, lockstep=True, seed=0)
    rows = np.stack([Q_HOME, q]), np.stack([np.zeros(7), dq])
    world.check(trajectory(JOINT_NAMES, 10.0, [10.02, 10.04], *rows))
    assert any(fault in found for found in world.faults)
    world.faults.clear()
    world.check(trajectory([*JOINT_NAMES[:6], "elbow"], 10.0, [10.02], *(r[:1] for r in rows)))
    assert world.faults and "names" in world.faults[0]


def test_a_command_inside_the_limits_is_none() -> None:
    world = FuzzWorld(Policy(), RobotModel.PANDA, lockstep=True, seed=0)
    q = Q_HOME + np.linspace(0.0, 0.1, 10)[:, None]
    world.check(
        trajectory(JOINT_NAMES, 10.0, 10.02 + 0.02 * np.arange(10), q, np.full((10, 7), 0.5))
    )
    assert world.faults == []


def kinds() -> list[type]:
    messages = [kind for _, kind in inspect.getmembers(genima_msgs.msg, inspect.isclass)]
    return [CameraInfo, Image, JointState, JointTrajectory, *messages]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_hostile_messages_of_every_type_can_be_sent_and_are_repeatable(kind: type) -> None:
    first, second = HostileMessages(kind, 7), HostileMessages(kind, 7)
    sent = []
    for _ in range(60):
        one, other = first.next(kind()), second.next(kind())
        assert type(one) is type(other)
        if not isinstance(one, bytes):  # gaps in encoded messages hold whatever there was
            assert repr(one) == repr(other)
            sent.append(serialize_message(one))
    assert len(set(sent)) > 20


def test_every_field_of_a_message_is_spoilt_at_some_time() -> None:
    hostile, changed = HostileMessages(JointState, 3), set()
    for _ in range(300):
        message = hostile.next(
            JointState(name=["a"], position=[0.5], velocity=[0.5], effort=[0.5])
        )
        if not isinstance(message, bytes):
            good = JointState(name=["a"], position=[0.5], velocity=[0.5], effort=[0.5])
            fields = message.get_fields_and_field_types()
            changed |= {name for name in fields if getattr(message, name) != getattr(good, name)}
    assert changed == {"header", "name", "position", "velocity", "effort"}
