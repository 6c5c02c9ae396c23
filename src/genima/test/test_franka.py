# SPDX-License-Identifier: Apache-2.0
"""What is said when an arm cannot be used, and what is refused before one is asked."""

import importlib
import subprocess
import sys
import threading
import types
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from genima.errors import ArmError, InvalidCommand, InvalidParameter, MissingDependency
from genima.franka import (
    ArmMode,
    ArmSettings,
    FrankaArm,
    FrankaGripper,
    HoldingGains,
    ImpedanceGains,
    blocking_hand,
)
from genima.franka import arm as arm_module
from genima.franka.failures import arm_error, mode_fault
from genima.franka.library import franky
from genima.franka.patience import within
from genima.franka.types import HAND_GUIDING
from genima.kinematics import JOINT_NAMES
from genima.teleop.leader_joints import LeaderJoints
from genima.teleop.leaders import SentLeader

ROOT = Path(__file__).parents[1]
MODULES = sorted(f"genima.franka.{path.stem}" for path in (ROOT / "genima/franka").glob("*.py"))


def test_the_package_is_imported_without_franky() -> None:
    code = "import sys; sys.modules['franky'] = None; import importlib\n"
    code += "[importlib.import_module(name.removesuffix('.__init__')) for name in sys.argv[1:]]"
    done = subprocess.run(
        [sys.executable, "-c", code, *MODULES],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(MODULES) > 5
    assert done.returncode == 0, done.stderr


def test_a_missing_franky_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "franky", None)
    with pytest.raises(MissingDependency, match="pip install franky-control"):
        FrankaArm(ArmSettings("follower", "127.0.0.1")).connect()


def test_another_project_of_the_same_name_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "franky", types.ModuleType("franky"))
    with pytest.raises(MissingDependency, match="another project of that name"):
        franky()


#: Class and message, and what a person is told to do. Seen on simulated arms: protocol, kernel,
#: network, reflex, and refusal because of one. The others have not been seen yet.
FAILURES = [
    (
        "IncompatibleVersionException",
        "libfranka: Incompatible library version (server version: 5, library version: 10).",
        "install the wheel for this robot",
    ),
    ("ProtocolException", "libfranka: incorrect object size", "install the wheel for this robot"),
    (
        "RealtimeException",
        "libfranka: Running kernel does not have realtime capabilities.",
        "PREEMPT_RT",
    ),
    (
        "NetworkException",
        "libfranka: Connection to FCI refused. Please install FCI feature or enable FCI mode in "
        "Desk.",
        "activate FCI in Desk",
    ),
    ("NetworkException", "libfranka: UDP receive: Timeout", "check cable"),
    ("RuntimeError", "Net Exception", "check cable"),
    (
        "ControlException",
        'libfranka: Move command aborted: motion aborted by reflex! ["cartesian_reflex"]',
        "stopped by a reflex; see what it touched, then recover",
    ),
    (
        "ControlException",
        'motion aborted by reflex! ["communication_constraints_violation"]',
        "commands came too late",
    ),
    (
        "CommandException",
        'libfranka: Move command rejected: command not possible in the current mode ("Reflex")!',
        "stopped by a reflex",
    ),
    (
        "CommandException",
        'libfranka: command not possible in the current mode ("User stopped")!',
        "release it, then recover",
    ),
    (
        "CommandException",
        'libfranka: command not possible in the current mode ("Other")!',
        "unlock the joints in Desk",
    ),
    (
        "InvalidOperationException",
        "libfranka robot: Cannot perform this operation while another control or read operation "
        "is running.",
        "another motion or reading",
    ),
    ("TorqueSignalTimeoutException", "too late", "lighten the computer's load"),
    ("GripperException", "failed", "home it in Desk"),
    ("SomethingNew", "never seen", "this is not known"),
]


@pytest.mark.parametrize(("kind", "text", "advice"), FAILURES)
def test_a_failure_is_told_with_arm_cause_and_remedy(kind: str, text: str, advice: str) -> None:
    told = str(arm_error(type(kind, (Exception,), {})(text), "leader", "172.16.0.2"))
    assert told.startswith("leader at 172.16.0.2: ")
    assert advice in told
    assert kind in told and text.removeprefix("libfranka: ") in told
    assert "\n" not in told


def test_the_classes_of_failures_are_those_of_franky() -> None:
    module = pytest.importorskip("franky", reason="franky-control is not installed")
    ours = {kind for kind, _, _ in FAILURES} - {"RuntimeError", "SomethingNew"}
    assert {kind for kind in ours if not hasattr(module, kind)} == set()


def test_every_mode_of_the_robot_is_known() -> None:
    module = pytest.importorskip("franky", reason="franky-control is not installed")
    theirs = {name for name in dir(module.RobotMode) if name[0].isupper()}
    assert {mode.value for mode in ArmMode} == theirs


def test_an_arm_that_can_move_has_no_fault() -> None:
    able = {mode for mode in ArmMode if not mode_fault(mode, "leader")}
    assert able == {ArmMode.IDLE, ArmMode.MOVE}
    assert "user stop" in mode_fault(ArmMode.USER_STOPPED, "leader")


def test_a_call_that_takes_too_long_is_given_up() -> None:
    never = threading.Event()
    with pytest.raises(ArmError, match="too late"):
        within(0.01, never.wait, "too late")
    never.set()


def test_a_call_in_time_returns_or_raises_what_it_does() -> None:
    assert within(60.0, lambda: 3, "too late") == 3
    with pytest.raises(ZeroDivisionError):
        within(60.0, lambda: 1 // 0, "too late")


def test_a_result_that_comes_after_the_call_was_given_up_is_undone() -> None:
    go, undone = threading.Event(), threading.Event()
    results: list[bool] = []

    def undo(result: bool) -> None:
        results.append(result)
        undone.set()

    with pytest.raises(ArmError, match="too late"):
        within(0.01, go.wait, "too late", undo)
    assert not results
    go.set()
    assert undone.wait(60.0)
    assert results == [True]


def test_a_result_in_time_is_not_undone() -> None:
    results: list[int] = []
    assert within(60.0, lambda: 3, "too late", results.append) == 3
    assert not results


def test_a_hand_that_does_not_know_its_range_has_no_opening() -> None:
    assert np.isnan(FrankaGripper("gripper", "127.0.0.1").opening)


class Device:
    """A hand whose movements end when the test lets them."""

    def __init__(self) -> None:
        self.state = types.SimpleNamespace(width=0.03, max_width=0.08)
        self.ends = threading.Event()
        self.calls: list[str] = []

    def grasp(self, *_: float) -> None:
        assert self.ends.wait(30.0)
        self.calls.append("grasped")

    def stop(self) -> None:
        self.calls.append("stop")


@pytest.mark.parametrize("done", [True, False])
def test_a_halt_lets_go_of_nothing_that_was_just_grasped(
    monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    device = Device()
    hand = FrankaGripper("gripper", "127.0.0.1")
    monkeypatch.setattr(hand, "_device", device)
    hand.command(False)
    hand._turn()
    movement = hand._movement
    if done:  # since the last turn: the hand does not know yet
        device.ends.set()
        assert movement.ends_within(30.0)
    hand.halt()
    hand._turn()
    assert device.calls == (["grasped"] if done else ["stop"])
    assert hand.fault == "" and not hand.moving
    device.ends.set()
    assert movement.ends_within(30.0)


class Silent:
    """A robot, or a hand, that answers for a while and then no more."""

    def __init__(self) -> None:
        self.hangs, self.hung = threading.Event(), threading.Event()
        self.answers = threading.Event()
        zeros = [0.0] * 7
        self._state = types.SimpleNamespace(
            q=zeros,
            dq=zeros,
            time=types.SimpleNamespace(to_sec=lambda: 1.0),
            robot_mode=types.SimpleNamespace(name="Idle"),
            width=0.04,
            max_width=0.08,
        )

    def set_collision_behavior(self, *_: object) -> None:
        pass

    @property
    def state(self) -> types.SimpleNamespace:
        if self.hangs.is_set():
            self.hung.set()
            assert self.answers.wait(60.0)
        return self._state


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Silent:
    """What franky connects to, with short patience."""
    silent = Silent()
    module = types.ModuleType("franky")
    module.JointImpedanceTracker = object
    module.RealtimeConfig = types.SimpleNamespace(Enforce=1, Ignore=0)
    module.Robot = lambda *_, **__: silent
    module.Gripper = lambda *_: silent
    monkeypatch.setitem(sys.modules, "franky", module)
    monkeypatch.setattr(arm_module, "_STOP_PATIENCE_S", 0.05)
    monkeypatch.setattr(blocking_hand, "_PATIENCE_S", 0.05)
    return silent


@pytest.mark.parametrize("kind", ["arm", "hand"])
def test_a_call_that_never_comes_back_does_not_keep_the_driver(silent: Silent, kind: str) -> None:
    arm, hand = FrankaArm(ArmSettings("arm", "127.0.0.1")), FrankaGripper("hand", "127.0.0.1")
    thing = arm if kind == "arm" else hand
    thing.connect()
    silent.hangs.set()
    assert silent.hung.wait(60.0)
    thing.close()
    silent.hangs.clear()
    with pytest.raises(ArmError, match="restart the driver"):
        thing.connect()
    silent.answers.set()
    thing.close()


def test_a_hand_that_answers_again_is_connected_anew(silent: Silent) -> None:
    hand = FrankaGripper("hand", "127.0.0.1")
    hand.connect()
    silent.hangs.set()
    assert silent.hung.wait(60.0)
    hand.close()
    assert "does not come back" in hand.fault
    silent.hangs.clear()
    silent.answers.set()
    hand._thread.join(60.0)
    hand.connect()
    assert (hand.fault, hand.opening) == ("", 0.5)
    hand.close()


def test_an_arm_without_an_address_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="the leader has no address"):
        ArmSettings("leader", "")


@pytest.mark.parametrize(
    "values", [(600.0,) * 6, (600.0,) * 6 + (-1.0,), (600.0,) * 6 + (float("nan"),)]
)
def test_gains_that_are_not_seven_numbers_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(InvalidParameter, match="stiffness"):
        ImpedanceGains(values)


def changed(values: Sequence[float], joint: int, value: float) -> tuple[float, ...]:
    return tuple(value if i == joint else old for i, old in enumerate(values, start=1))


@pytest.mark.parametrize(
    ("joint", "stiffness", "words"),
    [
        (1, 0.0, "joint 1 is 0 Nm/rad; it must be above 0 and at most 1000"),
        (4, 1000.1, "joint 4 is 1000.1 Nm/rad; .* at most 1000"),
        (5, 600.0, "joint 5 is 600 Nm/rad; .* at most 500"),
        (7, 1e6, "joint 7 .* at most 500"),
    ],
)
def test_a_stiffness_that_no_arm_may_be_held_with_is_refused(
    joint: int, stiffness: float, words: str
) -> None:
    with pytest.raises(InvalidParameter, match=f"stiffness of {words}"):
        HoldingGains(changed(HoldingGains().stiffness, joint, stiffness))


@pytest.mark.parametrize(
    ("joint", "damping", "words"),
    [
        (1, 0.0, "joint 1 is 0 Nm s/rad; with a stiffness of 600 it must be 12.2 to 63.2"),
        (6, 7.0, "joint 6 is 7 Nm s/rad; with a stiffness of 240 it must be 7.7 to 44.7"),
        (6, 45.0, "joint 6 is 45 Nm s/rad; .* 44.7"),
        (2, 64.0, "joint 2 is 64 Nm s/rad; .* 63.2"),
    ],
)
def test_a_damping_by_which_an_arm_swings_or_hums_is_refused(
    joint: int, damping: float, words: str
) -> None:
    with pytest.raises(InvalidParameter, match=f"damping of {words}"):
        HoldingGains(damping=changed(HoldingGains().damping, joint, damping))


@pytest.mark.parametrize(
    ("stiffness", "damping"),
    [
        (HoldingGains().stiffness, HoldingGains().damping),
        ((600.0, 600.0, 600.0, 600.0, 250.0, 150.0, 50.0), (30.0,) * 4 + (10.0, 10.0, 5.0)),
        ((1000.0,) * 4 + (500.0,) * 3, ()),
        ((0.1,) * 7, ()),
    ],
)
def test_gains_that_hold_an_arm_are_taken(
    stiffness: tuple[float, ...], damping: tuple[float, ...]
) -> None:
    assert HoldingGains(stiffness, damping).stiffness == stiffness


def test_a_halted_arm_hardly_swings_about_its_second_joint() -> None:
    inertia = 3.0  # about what hangs on it where episodes begin [kg m2]
    gains = HoldingGains()
    assert gains.damping[1] / (2.0 * np.sqrt(gains.stiffness[1] * inertia)) > 0.4


def test_an_arm_that_is_moved_by_hand_need_not_be_held() -> None:
    with pytest.raises(InvalidParameter):
        HoldingGains(HAND_GUIDING.stiffness, HAND_GUIDING.damping)
    assert not any(HAND_GUIDING.stiffness)


def test_a_tracker_refuses_what_is_not_a_position() -> None:
    pytest.importorskip("franky", reason="franky-control is not installed")
    tracker_module = importlib.import_module("genima.franka.joint_tracker")
    tracker = object.__new__(tracker_module.JointTracker)
    for q in (np.zeros(6), np.full(7, np.nan)):
        with pytest.raises(InvalidCommand, match="seven finite numbers"):
            tracker.command(q)


Q = [0.1 * i for i in range(7)]


@pytest.mark.parametrize("prefix", ["panda_", "fr3_", "fer_", "left_fr3_", ""])
def test_joints_of_a_leader_are_found_by_name_whatever_the_prefix(prefix: str) -> None:
    names = [f"{prefix}joint{i}" for i in range(7, 0, -1)]
    q, opening = LeaderJoints().positions(names, Q[::-1])
    assert q.tolist() == Q
    assert np.isnan(opening)


@pytest.mark.parametrize(("name", "value"), [("panda_finger_joint1", 0.03), ("gripper", 0.75)])
def test_the_gripper_of_a_leader_is_read_from_its_joint_state(name: str, value: float) -> None:
    q, opening = LeaderJoints().positions([name, *JOINT_NAMES], [value, *Q])
    assert q.tolist() == Q
    assert opening == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("names", "values", "words"),
    [
        (JOINT_NAMES[:6], Q[:6], "are missing"),
        ((*JOINT_NAMES[:6], "panda_joint1"), Q, "are missing"),
        ((*JOINT_NAMES, "fr3_joint1"), [*Q, 0.0], "more than once"),
        (JOINT_NAMES, [*Q[:6], float("nan")], "finite"),
        (JOINT_NAMES, Q[:6], "7 names and 6 positions"),
    ],
)
def test_a_malformed_leader_is_refused_and_the_state_before_stays(
    names: list[str], values: list[float], words: str
) -> None:
    leader = SentLeader()
    leader.hear(JOINT_NAMES, Q, 1.0)
    with pytest.raises(InvalidCommand, match=words):
        leader.hear(names, values, 2.0)
    assert leader.reading is not None
    assert leader.reading.stamp_s == 1.0


def test_velocity_of_a_leader_that_sends_none_is_that_of_its_positions() -> None:
    leader = SentLeader()
    leader.hear(JOINT_NAMES, Q, 1.0)
    leader.hear(JOINT_NAMES, np.array(Q) + 0.02, 1.1)
    assert leader.reading is not None
    assert leader.reading.dq == pytest.approx(np.full(7, 0.2))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, -120.0])
def test_a_leader_whose_positions_are_no_angles_is_refused(value: float) -> None:
    with pytest.raises(InvalidCommand, match="in radians"):
        LeaderJoints().positions(JOINT_NAMES, [*Q[:6], value])
