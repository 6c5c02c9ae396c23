# SPDX-License-Identifier: Apache-2.0
"""Teleoperation of simulated arms that speak libfranka's protocol, through franky."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from genima_msgs.msg import GripperCommand, TeleopStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from genima.errors import ArmError, NotReady
from genima.evaluation.domain import claim_domain
from genima.franka import ArmSettings, FrankaArm, FrankaGripper, HoldingGains, RealtimeKernel
from genima.franka import arm as arm_module
from genima.franka.arm_and_hand import ArmAndHand
from genima.franka.joint_tracker import JointTracker
from genima.franka.simulated import SimulatedArm
from genima.kinematics import JOINT_NAMES
from genima.launching.ament import executable
from genima.launching.processes import die_with
from genima.limits import RobotModel
from genima.teleop.leaders import ArmLeader
from genima.teleop.session import TeleopSession
from genima.teleop.types import TeleopParameters, TeleopState
from genima.timing import DeadlineLoop
from genima_ros.conversions import FINGER_JOINTS
from genima_ros.qos import JOINT_STATES_PUBLISHER, LATCHED

franky = pytest.importorskip("franky", reason="franky-control is not installed")
pytest.importorskip("franky_sim", reason="franky-sim is not installed")

ROOT = Path(__file__).parents[3]
PERIOD_S = 0.02
#: Longest wait for anything [s]; a test that needs it has failed. Machines may be busy.
PATIENCE_S = 60.0
#: A simulated arm does not wait for its torques. On a busy machine these are late: stiff joints
#: then begin to swing.
SOFT = HoldingGains((200.0,) * 4 + (100.0,) * 3, (28.0,) * 4 + (20.0,) * 3)
#: There they are also late and far from their command.
BUSY = {"leader_timeout_s": 0.5, "follower_timeout_s": 0.5, "far_rad": 1.0}


@pytest.fixture(scope="module")
def arms() -> Iterator[tuple[SimulatedArm, SimulatedArm]]:
    with SimulatedArm() as leader, SimulatedArm() as follower:
        yield leader, follower


def settings(name: str, host: str, **changes: object) -> ArmSettings:
    patient = {"connect_timeout_s": PATIENCE_S} | changes
    return ArmSettings(name, host, RobotModel.FR3, RealtimeKernel.IGNORE, **patient)


class PulledLeader(ArmLeader):
    """A leader that is pulled by its own tracker instead of a hand."""

    def __init__(self, side: ArmAndHand) -> None:
        super().__init__(side, PERIOD_S)
        self.arm = side.arm

    def engage(self) -> None:
        self.q = self.arm.engage(SOFT, PERIOD_S)

    def pull(self) -> None:
        self.arm.command(self.q)


class Pair:
    """A leader that is pulled, and a follower."""

    def __init__(self, arms: tuple[SimulatedArm, SimulatedArm]) -> None:
        leader, follower = (
            ArmAndHand(settings(name, arm.host), has_hand=True)
            for name, arm in zip(("leader", "follower"), arms, strict=True)
        )
        self.leader = PulledLeader(leader)
        self.follower = follower
        self.leader_hand = leader.hand
        parameters = TeleopParameters(period_s=PERIOD_S, **BUSY)
        self.session = TeleopSession(self.leader, follower, parameters, SOFT, pytest.fail)
        self.session.connect()
        self.session.begin()

    @property
    def state(self) -> TeleopState:
        return self.session.status.state

    def tick_until(self, condition: Callable[[], object], what: str) -> None:
        end_s = time.monotonic() + PATIENCE_S

        def tick() -> None:
            self.leader.pull()
            self.session.tick()

        DeadlineLoop(PERIOD_S).run(tick, lambda: condition() or time.monotonic() > end_s)
        assert condition(), f"never came: {what}; {self.session.status}"

    def pull_away(self, way_rad: float) -> None:
        """Move joint 1 of the leader that far from the follower's and wait until it is there."""
        goal = self.leader.q.copy()
        goal[0] = self.follower.arm.reading.q[0] + way_rad

        def there() -> bool:
            way = goal - self.leader.q
            self.leader.q = self.leader.q + np.clip(way, -0.4 * PERIOD_S, 0.4 * PERIOD_S)
            reading = self.leader.reading
            return abs(reading.q[0] - goal[0]) < 0.04 and abs(reading.dq[0]) < 0.1

        self.tick_until(there, "the leader's arrival")

    def start(self) -> None:
        self.tick_until(lambda: self.session.status.leader_age_s < 0.1, "fresh states")
        self.session.start()

    def close(self) -> None:
        self.session.stop("the end of the test")
        self.tick_until(lambda: self.session.at_rest, "rest")
        self.session.end()
        self.session.close()


@pytest.fixture
def pair(arms: tuple[SimulatedArm, SimulatedArm]) -> Iterator[Pair]:
    pair = Pair(arms)
    yield pair
    pair.close()
    # franky-sim never answers a movement of the fingers that was halted, which keeps its line.
    arms[1].kill()
    arms[1].start()


def test_follower_mirrors_arm_and_gripper(pair: Pair) -> None:
    pair.start()
    pair.tick_until(lambda: pair.state is TeleopState.MIRRORING, "mirroring")
    before = pair.follower.arm.reading.q[0]
    pair.pull_away(0.3)
    pair.tick_until(lambda: pair.session.status.error_rad < 0.04, "the follower's arrival")
    assert pair.follower.arm.reading.q[0] - before > 0.25
    assert pair.state is TeleopState.MIRRORING, pair.session.status
    pair.leader_hand.command(False)
    pair.tick_until(lambda: pair.follower.opening < 0.05, "a closed gripper")
    pair.leader_hand.command(True)
    pair.tick_until(lambda: pair.follower.opening > 0.9, "an open gripper")


def test_arms_far_apart_are_refused_and_near_ones_brought_together(pair: Pair) -> None:
    pair.pull_away(0.7)
    with pytest.raises(NotReady, match="joint 1 of leader and follower are 0"):
        pair.session.start()
    assert not pair.follower.arm.engaged
    pair.pull_away(0.25)
    pair.start()
    pair.tick_until(lambda: pair.state is not TeleopState.IDLE, "the start")
    assert pair.state is TeleopState.ALIGNING
    pair.tick_until(lambda: pair.session.status.error_rad < 0.04, "the arms together")
    assert pair.state is TeleopState.MIRRORING, pair.session.status


def test_after_a_stop_the_follower_is_left_alone(pair: Pair) -> None:
    pair.start()
    pair.tick_until(lambda: pair.state is TeleopState.MIRRORING, "mirroring")
    assert pair.follower.arm.engaged
    pair.session.stop("enough")
    pair.tick_until(lambda: not pair.follower.arm.engaged, "the end of control")
    assert pair.session.fault == ""


def test_a_leader_that_dies_halts_and_is_recovered(
    pair: Pair, arms: tuple[SimulatedArm, SimulatedArm]
) -> None:
    pair.start()
    pair.tick_until(lambda: pair.state is TeleopState.MIRRORING, "mirroring")
    arms[0].kill()
    pair.tick_until(lambda: pair.state is TeleopState.HALTED, "a halt")
    assert pair.session.status.reason.startswith("the leader's state is 0.")
    pair.tick_until(lambda: pair.session.fault, "a fault")
    with pytest.raises(NotReady, match=r"leader.* check cable"):
        pair.session.start()
    with pytest.raises(ArmError, match="nothing answers there"):
        pair.session.recover()
    arms[0].start()
    pair.session.recover()
    pair.session.tick()
    assert pair.state is TeleopState.IDLE
    assert pair.session.fault == ""


def test_an_abandoned_follower_is_left_alone_until_it_is_begun_anew(pair: Pair) -> None:
    pair.pull_away(0.0)
    pair.start()
    pair.tick_until(lambda: pair.state is TeleopState.MIRRORING, "mirroring")
    assert pair.follower.arm.engaged
    pair.session.abandon("the control thread has died")
    assert (pair.state, pair.session.status.reason) == (
        *(TeleopState.HALTED, "the control thread has died"),
    )
    assert not pair.follower.arm.engaged and not pair.leader.arm.engaged
    assert "the control thread has died" in pair.session.fault
    with pytest.raises(NotReady, match="the control thread has died"):
        pair.session.start()
    with pytest.raises(NotReady, match="the control thread has died"):
        pair.session.recover()
    pair.session.begin()
    assert pair.session.fault == ""
    pair.start()
    pair.tick_until(lambda: pair.state is TeleopState.MIRRORING, "mirroring")


def test_a_start_under_way_does_not_outlive_its_control_thread(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.pull_away(0.0)
    pair.tick_until(lambda: pair.session.status.leader_age_s < 0.1, "fresh states")
    engage = pair.follower.arm.engage
    abandoned = threading.Thread(target=pair.session.abandon, args=("it has died",), daemon=True)

    def engage_late(*arguments: object) -> np.ndarray:
        q = engage(*arguments)
        abandoned.start()
        end_s = time.monotonic() + PATIENCE_S
        while pair.state is not TeleopState.HALTED and time.monotonic() < end_s:
            time.sleep(0.001)
        return q

    monkeypatch.setattr(pair.follower.arm, "engage", engage_late)
    with pytest.raises(NotReady, match="it has died"):
        pair.session.start()
    abandoned.join(PATIENCE_S)
    assert not pair.follower.arm.engaged
    assert pair.state is TeleopState.HALTED and pair.session.at_rest


class ForgetfulHand:
    """The simulated hand, which can forget its range as a real one does without power."""

    homed = True

    def __init__(self, host: str, make: Callable[[str], object]) -> None:
        self._hand = make(host)

    def __getattr__(self, name: str) -> object:
        return getattr(self._hand, name)

    @property
    def state(self) -> SimpleNamespace:
        state = self._hand.state
        return SimpleNamespace(width=state.width, max_width=state.max_width if self.homed else 0.0)


def test_a_hand_that_could_not_be_connected_keeps_the_reason_as_its_fault(
    arms: tuple[SimulatedArm, SimulatedArm], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = franky.Gripper
    monkeypatch.setattr(franky, "Gripper", lambda host: ForgetfulHand(host, make))
    monkeypatch.setattr(ForgetfulHand, "homed", False)
    hand = FrankaGripper("gripper", arms[1].host)
    with pytest.raises(ArmError, match=r"its range is 0\.0 m"):
        hand.connect()
    hand.close()
    assert "its range is 0.0 m" in hand.fault


def test_a_hand_that_forgot_its_range_is_recovered_once_it_is_homed(
    arms: tuple[SimulatedArm, SimulatedArm], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = franky.Gripper
    monkeypatch.setattr(franky, "Gripper", lambda host: ForgetfulHand(host, make))
    pair = Pair(arms)
    try:
        monkeypatch.setattr(ForgetfulHand, "homed", False)
        pair.tick_until(lambda: pair.follower.fault, "a fault")
        assert np.isnan(pair.session.gripper_opening)
        with pytest.raises(ArmError, match="home it in Desk, then recover"):
            pair.session.recover()
        pair.session.tick()
        assert "home it in Desk" in pair.session.fault
        monkeypatch.setattr(ForgetfulHand, "homed", True)
        pair.session.recover()
        assert pair.session.fault == ""
        assert 0.0 <= pair.session.gripper_opening <= 1.0
    finally:
        pair.close()


def test_a_control_that_is_taken_too_late_is_given_up_again(
    arms: tuple[SimulatedArm, SimulatedArm], monkeypatch: pytest.MonkeyPatch
) -> None:
    go, stopped, in_control = threading.Event(), threading.Event(), []

    class LateTracker(JointTracker):
        def __init__(self, *arguments: object) -> None:
            go.wait()
            super().__init__(*arguments)
            in_control.append(self.running)

        def stop(self) -> None:
            super().stop()
            in_control.append(self.running)
            stopped.set()

    arm = FrankaArm(settings("follower", arms[1].host))
    arm.connect()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(arm_module, "JointTracker", LateTracker)
            patch.setattr(arm_module, "_PATIENCE_S", 0.05)
            with pytest.raises(ArmError, match="does not take control"):
                arm.engage(SOFT, PERIOD_S)
        assert "does not take control" in arm.fault
        go.set()
        assert stopped.wait(PATIENCE_S)
        assert in_control == [True, False]
        assert not arm.engaged
        arm.recover()
        arm.engage(SOFT, PERIOD_S)
        assert arm.engaged
    finally:
        arm.close()


def test_a_second_program_is_told_that_the_arm_is_taken(pair: Pair) -> None:
    host = pair.follower.arm.settings.host
    with pytest.raises(ArmError, match="another program is connected"):
        FrankaArm(settings("second", host, connect_timeout_s=0.5)).connect()


def test_an_ordinary_kernel_is_refused_unless_it_is_allowed(
    arms: tuple[SimulatedArm, SimulatedArm],
) -> None:
    if Path("/sys/kernel/realtime").exists():
        pytest.skip("this kernel is a real-time one")
    with pytest.raises(ArmError, match="PREEMPT_RT"):
        FrankaArm(ArmSettings("follower", arms[1].host, RobotModel.FR3)).connect()


class Client:
    """The teleoperation node as a process, and what it publishes."""

    def __init__(
        self,
        folder: Path,
        domain: int,
        program: Sequence[str],
        leader_topic: str = "leader/joint_states",
        **parameters: object,
    ) -> None:
        command = [*program, "--ros-args", "-r", f"leader/joint_states:={leader_topic}"]
        command += ["--params-file", str(ROOT / "config" / "teleop.yaml")]
        for key, value in parameters.items():
            command += ["-p", f"{key}:={value}"]
        self.log_file = folder / "teleop.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=os.environ | {"ROS_DOMAIN_ID": str(domain), "ROS_LOG_DIR": str(folder)},
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with(os.getpid()),
            )
        rclpy.init(domain_id=domain)
        self.node = rclpy.create_node("client")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.status = TeleopStatus(leader_age_s=-1.0)
        self.trajectories: list[JointTrajectory] = []
        self.follower, self.gripper = JointState(), GripperCommand()
        self.leader_q = np.zeros(7)
        node, qos = self.node, JOINT_STATES_PUBLISHER
        self.health = DiagnosticStatus()
        self.leader = node.create_publisher(JointState, leader_topic, qos)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        node.create_subscription(TeleopStatus, "teleop/status", self._on_status, LATCHED)
        node.create_subscription(JointTrajectory, "joint_trajectory", self._on_trajectory, qos)
        node.create_subscription(JointState, "joint_states", self._on_joints, qos)
        node.create_subscription(GripperCommand, "gripper_command", self._on_gripper, LATCHED)

    def _on_status(self, message: TeleopStatus) -> None:
        self.status = message

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.health = message.status[0]

    def _on_trajectory(self, message: JointTrajectory) -> None:
        self.trajectories.append(message)

    def _on_joints(self, message: JointState) -> None:
        self.follower = message

    def _on_gripper(self, message: GripperCommand) -> None:
        self.gripper = message

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def until(self, condition: Callable[[], object], what: str) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            self.executor.spin_once(timeout_sec=0.1)
            if time.monotonic() > end_s:
                raise AssertionError(f"never came: {what}\n{self.status}\n{self.log()[-3000:]}")

    def call(self, name: str) -> Trigger.Response:
        client = self.node.create_client(Trigger, f"teleop/{name}")
        self.until(client.service_is_ready, f"teleop/{name}")
        future = client.call_async(Trigger.Request())
        self.until(future.done, f"an answer of teleop/{name}")
        return future.result()

    def lead(self, gripper: float) -> None:
        """Send a leader's joint states 50 times a second, as a GELLO does."""

        def send() -> None:
            names = [f"fr3_joint{i}" for i in range(1, 8)]
            self.leader.publish(
                JointState(name=[*names, "gripper"], position=[*self.leader_q.tolist(), gripper])
            )

        self.timer = self.node.create_timer(PERIOD_S, send)

    def second_leader(self) -> Publisher:
        """Somebody else who is ready to lead."""
        return self.node.create_publisher(
            JointState, self.leader.topic_name, JOINT_STATES_PUBLISHER
        )

    def q(self) -> np.ndarray:
        return np.array(self.follower.position[:7])

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def client(
    arms: tuple[SimulatedArm, SimulatedArm], tmp_path: Path
) -> Iterator[Callable[..., Client]]:
    if not os.environ.get("AMENT_PREFIX_PATH"):
        pytest.skip("the workspace is not built and sourced")
    clients: list[Client] = []
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with claim_domain() as domain:

        def start(**parameters: object) -> Client:
            values = {"robot": "fr3", "realtime": "ignore", "robot_ip": arms[1].host}
            values |= {"stiffness": list(SOFT.stiffness), "damping": list(SOFT.damping)}
            node = str(executable("genima_recorder", "teleop_node", os.environ))
            values |= {"program": [node], **BUSY, **parameters}
            clients.append(Client(tmp_path, domain, **values))
            return clients[-1]

        yield start
        for one in clients:
            one.close()


@pytest.mark.graph
def test_a_leader_that_sends_joint_states_is_mirrored_and_a_signal_ends_it(
    client: Callable[..., Client],
) -> None:
    graph = client(align_within_rad=1.5)
    refused = graph.call("start")
    assert not refused.success and "no state of the leader has come" in refused.message
    graph.until(lambda: graph.follower.name, "joint_states")
    assert tuple(graph.follower.name) == (*JOINT_NAMES, *FINGER_JOINTS)
    graph.leader_q = graph.q() + 0.2
    graph.lead(gripper=0.0)
    graph.until(lambda: 0.0 <= graph.status.leader_age_s < 0.5, "a leader")
    answer = graph.call("start")
    assert answer.success, answer.message
    graph.until(lambda: graph.status.state == TeleopStatus.MIRRORING, "mirroring")
    graph.until(lambda: np.abs(graph.q() - graph.leader_q).max() < 0.04, "the follower")
    graph.until(lambda: graph.follower.position[7] < 0.005, "a closed gripper")
    assert not graph.gripper.open
    graph.until(
        lambda: np.abs(graph.trajectories[-1].points[0].positions - graph.leader_q).max() < 1e-6,
        "a command to where the leader is",
    )
    assert tuple(graph.trajectories[-1].joint_names) == JOINT_NAMES
    graph.leader_q = graph.leader_q + 0.1  # it moves while it is told to end
    graph.process.send_signal(signal.SIGTERM)
    graph.until(lambda: graph.process.poll() is not None, "the end of the node")
    assert graph.process.returncode == 0, graph.log()
    assert "deactivated" in graph.log()


@pytest.mark.graph
def test_a_leader_that_falls_silent_halts_until_it_is_started_again(
    client: Callable[..., Client],
) -> None:
    graph = client(gripper="none")
    graph.until(lambda: graph.follower.name, "joint_states")
    assert tuple(graph.follower.name) == JOINT_NAMES
    graph.leader_q = graph.q()
    graph.lead(gripper=1.0)
    graph.until(lambda: 0.0 <= graph.status.leader_age_s < 0.5, "a leader")
    assert graph.call("start").success
    graph.until(lambda: graph.status.state == TeleopStatus.MIRRORING, "mirroring")
    graph.timer.cancel()
    graph.until(lambda: graph.status.state == TeleopStatus.HALTED, "a halt")
    assert "the leader's state is 0." in graph.status.reason
    graph.timer.reset()
    assert graph.call("recover").success
    graph.until(lambda: graph.status.state == TeleopStatus.IDLE, "idle")
    graph.until(lambda: graph.call("start").success, "a second start")
    graph.until(lambda: graph.status.state == TeleopStatus.MIRRORING, "mirroring")
    assert graph.call("stop").success
    graph.until(lambda: graph.status.state == TeleopStatus.IDLE, "idle")
    assert "teleop/stop" in graph.status.reason


@pytest.mark.graph
def test_two_that_lead_are_refused_and_a_second_one_halts(client: Callable[..., Client]) -> None:
    graph = client(gripper="none", leader_topic="gello/joint_states")
    graph.until(lambda: graph.follower.name, "joint_states")
    graph.leader_q = graph.q()
    graph.lead(gripper=1.0)
    graph.until(lambda: 0.0 <= graph.status.leader_age_s < 0.5, "a leader")
    second = graph.second_leader()
    graph.until(lambda: "2 nodes publish" in graph.call("start").message, "a refusal")
    graph.node.destroy_publisher(second)
    graph.until(lambda: graph.call("start").success, "a start")
    graph.until(lambda: graph.status.state == TeleopStatus.MIRRORING, "mirroring")
    graph.second_leader()
    graph.until(lambda: graph.status.state == TeleopStatus.HALTED, "a halt")
    assert "2 nodes publish leader/joint_states" in graph.status.reason


@pytest.mark.graph
def test_a_node_whose_control_thread_dies_halts_and_says_so(client: Callable[..., Client]) -> None:
    dying = [sys.executable, str(Path(__file__).with_name("dying_teleop_node.py"))]
    graph = client(gripper="none", program=dying)
    graph.until(lambda: graph.follower.name, "joint_states")
    graph.leader_q = graph.q()
    graph.lead(gripper=1.0)
    graph.until(lambda: 0.0 <= graph.status.leader_age_s < 0.5, "a leader")
    assert graph.call("start").success
    graph.until(lambda: graph.status.state == TeleopStatus.HALTED, "a halt")
    assert "died of a defect (RuntimeError: broken on purpose)" in graph.status.reason
    graph.until(lambda: graph.health.level == DiagnosticStatus.ERROR, "an error")
    assert "broken on purpose" in graph.health.message
    assert graph.call("stop").success
    refused = graph.call("start")
    assert not refused.success and "restart teleoperation" in refused.message
    assert "restart teleoperation" in graph.call("recover").message
    graph.process.send_signal(signal.SIGTERM)
    graph.until(lambda: graph.process.poll() is not None, "the end of the node")
    assert graph.process.returncode == 0, graph.log()


@pytest.mark.graph
def test_a_node_without_its_arm_ends_with_a_sentence(client: Callable[..., Client]) -> None:
    graph = client(robot_ip="127.255.255.254")
    graph.until(lambda: graph.process.poll() is not None, "the end of the node")
    assert graph.process.returncode == 1
    assert "follower at 127.255.255.254: nothing answers there" in graph.log()
    assert "Traceback" not in graph.log()
