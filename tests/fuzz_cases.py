# SPDX-License-Identifier: Apache-2.0
"""Every node of the suite, ready to be fuzzed."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from genima_msgs.action import ExecuteInstruction
from genima_msgs.srv import StartTake
from rclpy.action import ActionClient
from rclpy.node import Node
from std_srvs.srv import Trigger
from tests.fuzz_world import CAMERAS_FILE, INSTRUCTION, ROOT
from tests.node_fuzzer import Case, NodeFuzzer

from genima.control.follower import JointSample
from genima.control.session_types import SessionState
from genima.franka.simulated import SimulatedArm
from genima.limits import RobotModel
from genima.policy import Policy, save_policy

#: Small pictures, so that thousands of them pass.
POLICY = Policy(image_size_px=128)
_ARMS = ("panda_driver_node", "teleop_node")


@contextmanager
def case_of(executable: str, folder: Path, pacing: str = "lockstep") -> Iterator[Case]:
    """The case of a node's executable, and what it needs around it.

    Args:
        executable: Such as `controller_node`.
        folder: For files.
        pacing: Of the controller. In lockstep it is the good joint states that have it tick: a
            busy computer, which would have it halt in real time, does not matter.
    """
    policy_file = folder / "policy.yaml"
    save_policy(POLICY, policy_file)
    common = {"cameras_file": CAMERAS_FILE, "policy_file": policy_file, "pacing": pacing}
    with ExitStack() as stack:
        if executable in _ARMS:
            arm = stack.enter_context(SimulatedArm())
            common = {"robot_ip": arm.host, "robot": "fr3", "realtime": "ignore"}
            common["connect_timeout_s"] = 60.0
            # A simulated arm does not wait for its torques: where they are late, stiff joints
            # swing beyond their limits whatever they are commanded.
            common |= {"stiffness": [200.0] * 4 + [100.0] * 3, "damping": [28.0] * 4 + [20.0] * 3}
        yield (_MAKERS | _PROGRAM_MAKERS)[executable](common, folder)


def _controller(common: Mapping[str, object], _folder: Path) -> Case:
    from genima_controller_node.controller_node import ControllerNode

    return Case(
        ControllerNode,
        {**common, "joint_state_timeout_s": 1.0, "max_target_age_s": 2.5},
        keep_going=_give_goal,
        policy=POLICY,
    )


def _give_goal(fuzzer: NodeFuzzer) -> None:
    """Have the controller follow targets, again when it has halted."""
    if fuzzer.node._status().state in (SessionState.IDLE, SessionState.HALTED):
        if not hasattr(fuzzer, "goals"):
            fuzzer.goals = ActionClient(fuzzer.harness, ExecuteInstruction, "execute")
        if fuzzer.goals.server_is_ready():
            fuzzer.goals.send_goal_async(ExecuteInstruction.Goal(instruction=INSTRUCTION))


def _diffusion(common: Mapping[str, object], _folder: Path) -> Case:
    from genima_diffusion_node.diffusion_node import DiffusionNode

    return Case(DiffusionNode, {**common, "pacing": "realtime", "agent": "blank"}, policy=POLICY)


def _sim_bridge(common: Mapping[str, object], _folder: Path) -> Case:
    from genima_sim_bridge.sim_bridge_node import SimBridgeNode

    parameters = {
        "cameras_file": common["cameras_file"],
        "camera_rate_hz": 1.0,
        "image_quality": "fast",
    }
    return Case(
        SimBridgeNode, {**parameters, "task": "push_button"}, keep_going=_watch_arm, policy=POLICY
    )


def _watch_arm(fuzzer: NodeFuzzer) -> None:
    """Look at what the world's arm is told at each moment."""
    follower = fuzzer.node._follower
    if "sample" in vars(follower):
        return
    sample = follower.sample

    def watched(t_s: float) -> JointSample:
        motion = sample(t_s)
        fuzzer.world.check_motion(motion.q, motion.dq)
        return motion

    follower.sample = watched


def _recorder(common: Mapping[str, object], folder: Path) -> Case:
    from genima_recorder.recorder_node import RecorderNode

    parameters = {
        "cameras_file": common["cameras_file"],
        "dataset": folder / "dataset",
        "leader_rate_hz": 100.0,
        "task": "push_button",
        "instruction": "push",
        "disk_reserve_mib": 64,
    }
    return Case(RecorderNode, parameters, keep_going=_record, policy=POLICY)


def _record(fuzzer: NodeFuzzer) -> None:
    """Have the recorder record, again when a take has ended."""
    if not hasattr(fuzzer, "start_take"):
        fuzzer.start_take = fuzzer.harness.create_client(StartTake, "recorder/start_take")
        fuzzer.discard = fuzzer.harness.create_client(Trigger, "recorder/discard_take")
    state = fuzzer.node._session.state.name
    if state == "REVIEW":
        fuzzer.discard.call_async(Trigger.Request())
    elif state == "IDLE":
        fuzzer.start_take.call_async(StartTake.Request())


def _camera(_common: Mapping[str, object], _folder: Path) -> Case:
    from genima_recorder.camera_node import CameraNode

    return Case(CameraNode, listens=False)


def _board_tracker(common: Mapping[str, object], _folder: Path) -> Case:
    from genima_recorder.board_tracker_node import BoardTrackerNode

    parameters = {"cameras_file": common["cameras_file"]}
    return Case(BoardTrackerNode, parameters, policy=POLICY, needs="tf2_msgs")


def _teleop(common: Mapping[str, object], _folder: Path) -> Case:
    from genima_recorder.teleop_node import TeleopNode

    return Case(
        TeleopNode, {**common, "gripper": "topic"}, keep_going=_mirror, robot=RobotModel.FR3
    )


def _mirror(fuzzer: NodeFuzzer) -> None:
    if not hasattr(fuzzer, "mirror"):
        fuzzer.mirror = fuzzer.harness.create_client(Trigger, "teleop/start")
    if fuzzer.node._session.status.state.name in ("IDLE", "HALTED"):
        fuzzer.mirror.call_async(Trigger.Request())


def _driver(common: Mapping[str, object], _folder: Path) -> Case:
    from genima_controller_node.panda_driver_node import PandaDriverNode

    return Case(PandaDriverNode, dict(common), keep_going=_recover, robot=RobotModel.FR3)


def _recover(fuzzer: NodeFuzzer) -> None:
    if not hasattr(fuzzer, "recover"):
        fuzzer.recover = fuzzer.harness.create_client(Trigger, "panda_driver/recover")
    if fuzzer.node._session.status.state.name == "HALTED":
        answer = fuzzer.recover.call_async(Trigger.Request())
        until_s = time.monotonic() + 2.0
        while not answer.done() and time.monotonic() < until_s:
            fuzzer.spin(0.01)  # a trajectory meanwhile would have the recovery refused


def _approve(_common: Mapping[str, object], _folder: Path) -> Case:
    from genima.approval.dialogue import ApprovalDialogue
    from genima_controller_node.approve_client import ApproveClient

    return Case(lambda: ApproveClient(ApprovalDialogue(), ""))


def _execute(_common: Mapping[str, object], _folder: Path) -> Case:
    from genima_controller_node.execute_client import ExecuteClient

    return Case(ExecuteClient)


def _record_client(_common: Mapping[str, object], _folder: Path) -> Case:
    from genima.recording_ui.dialogue import Dialogue, Wanted
    from genima_recorder.record_client import RecordClient

    def make() -> Node:
        node, dialogue = Node("record"), Dialogue(Wanted("push_button", "push", 0, 0.0))
        node.client = RecordClient(node, "push_button", "push", lambda s: dialogue.hear(s, 0.0))
        return node

    return Case(make)


_MAKERS = {
    "controller_node": _controller,
    "diffusion_node": _diffusion,
    "sim_bridge_node": _sim_bridge,
    "recorder_node": _recorder,
    "teleop_node": _teleop,
    "panda_driver_node": _driver,
    "camera_node": _camera,
    "board_tracker_node": _board_tracker,
}
#: The nodes that are fuzzed, by their executables.
NODES = tuple(_MAKERS)
_PROGRAM_MAKERS = {"approve": _approve, "execute": _execute, "record": _record_client}
#: Programs of the command line that listen to nodes.
PROGRAMS = tuple(_PROGRAM_MAKERS)


def executables() -> list[str]:
    """Every executable of the packages whose name says that it is a node."""
    found = []
    for setup in sorted(ROOT.glob("src/*/setup.py")):
        words = setup.read_text().split('"')
        found += [word.partition(" = ")[0] for word in words if "_node = " in word]
    return found
