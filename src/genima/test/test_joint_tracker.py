# SPDX-License-Identifier: Apache-2.0
"""What a real arm is sent, and when: by callers that keep time, are late, or hurry."""

import types
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from genima.driver.motion import ArmMotion
from genima.driver.types import DriverParameters, Trajectory
from genima.franka import HoldingGains, joint_tracker
from genima.franka.joint_tracker import JointTracker
from genima.franka.types import SentCommand
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.limits import JointLimits, RobotModel, limits_of
from genima.safety import JointReading
from genima.teleop.leaders import SentLeader
from genima.teleop.session import TeleopSession
from genima.teleop.types import TeleopParameters, TeleopState

from .ideal_arm import IdealArm, IdealRobot

PERIOD_S = 0.01
FR3 = limits_of(RobotModel.FR3)
PANDA = limits_of(RobotModel.PANDA)
#: Ticks of a machine that stalls, and then makes up for it.
LATE_S = [*[0.01] * 30, 0.05, 0.002, *[0.01] * 20, *[0.018, 0.002] * 10, *[0.01] * 30]


class Wire:
    """Time, and all that goes to the arm, with the time at which it goes.

    Attributes:
        busy_s: How long it takes until a command is on its way [s].
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s, self.busy_s = 100.0, 0.0
        self.times_s: list[float] = []
        self.q: list[np.ndarray] = []
        tracker = types.SimpleNamespace(set_target=self._set_target)
        library = types.SimpleNamespace(JointImpedanceTracker=lambda *_, **__: tracker)
        monkeypatch.setattr(joint_tracker, "franky", lambda: library)

    def _set_target(self, q: np.ndarray, dq: np.ndarray) -> None:
        self.now_s += self.busy_s
        self.times_s.append(self.now_s)
        self.q.append(np.array(q))
        assert np.isfinite(dq).all()

    def tracker(self, limits: JointLimits, q: np.ndarray = Q_HOME) -> JointTracker:
        self.times_s, self.q = [self.now_s], [np.array(q)]
        self.now_s += PERIOD_S
        robot: Any = types.SimpleNamespace(current_joint_positions=q)
        return JointTracker(robot, limits, PERIOD_S, HoldingGains(), lambda: self.now_s)

    def assert_kept(self, limits: JointLimits, acceleration_too: bool = True) -> None:
        """The arm was sent no further than in the time that passed, nor than in one period."""
        q, elapsed_s = np.array(self.q), np.minimum(np.diff(self.times_s), PERIOD_S)[:, None]
        assert (q >= limits.q_min).all() and (q <= limits.q_max).all()
        dq = np.diff(q, axis=0) / elapsed_s
        assert (np.abs(dq) <= limits.dq_max * (1.0 + 1e-6)).all()
        if acceleration_too:
            ddq = np.diff(dq, axis=0, prepend=np.zeros((1, 7))) / elapsed_s
            assert (np.abs(ddq) <= limits.ddq_max * (1.0 + 1e-6)).all()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


class TrackedArm(IdealArm):
    """Is where it was sent."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire
        self.clock_s = lambda: wire.now_s

    def engage(self, _: HoldingGains, __: float) -> np.ndarray:
        self._tracker = self._wire.tracker(PANDA, self.q)
        self.engaged = True
        return self._tracker.q

    def command(self, q: np.ndarray) -> SentCommand:
        sent = self._tracker.command(q)
        self.q = sent.q
        return sent


def test_teleoperation_that_ticks_late_and_then_hurries_keeps_to_the_limits(wire: Wire) -> None:
    leader, robot = SentLeader(), IdealRobot()
    robot.arm = TrackedArm(wire)
    session = TeleopSession(
        leader, robot, TeleopParameters(PERIOD_S), HoldingGains(), pytest.fail, lambda: wire.now_s
    )
    session.begin()
    q = np.array(Q_HOME)
    leader.hear(JOINT_NAMES, q, wire.now_s)
    session.start()
    told = []
    for tick, elapsed_s in enumerate(LATE_S):
        wire.now_s += elapsed_s
        hasty = 0.5 * min(1.0, 0.04 * tick) * PANDA.dq_max
        q = q + hasty * PERIOD_S * (np.arange(7) == 0)
        leader.hear(JOINT_NAMES, q, wire.now_s)
        told.append(session.tick().sent)
    assert session.status.state is TeleopState.MIRRORING
    wire.assert_kept(PANDA)
    # What is told, and recorded, is what was sent.
    assert [sent.stamp_s for sent in told] == wire.times_s[1:]
    assert all((sent.q == q).all() for sent, q in zip(told, wire.q[1:], strict=True))


def test_a_driver_that_ticks_late_and_then_hurries_keeps_to_the_limits(wire: Wire) -> None:
    motion, tracker = ArmMotion(FR3, DriverParameters(PERIOD_S)), wire.tracker(FR3)
    motion.begin(Q_HOME, wire.now_s)
    ahead_s, began_s = np.array([0.05, 0.1, 0.2]), wire.now_s
    for elapsed_s in LATE_S:
        phase = 4.0 * (wire.now_s + ahead_s - began_s)[:, None]
        q, dq = Q_HOME + 0.2 * (1.0 - np.cos(phase)), np.tile(0.8 * np.sin(phase), 7)
        motion.accept(Trajectory(wire.now_s, JOINT_NAMES, ahead_s, q * np.ones(7), dq), wire.now_s)
        wire.now_s += elapsed_s
        wanted = motion.step(JointReading(tracker.q, wire.now_s), wire.now_s)
        tracker.command(wanted)
    wire.assert_kept(FR3)
    assert tracker.q == pytest.approx(wanted, abs=1e-3)  # it has caught up


def test_a_command_that_leaves_late_gives_the_next_one_the_less_time(wire: Wire) -> None:
    tracker, q = wire.tracker(PANDA), np.array(Q_HOME)
    for tick in range(60):
        wire.busy_s = 0.008 if tick % 3 == 2 else 0.0  # between looking at the clock and sending
        wire.now_s += 0.002 if tick % 3 == 0 and tick else PERIOD_S
        q = q + 0.8 * PANDA.dq_max * PERIOD_S * (np.arange(7) == 0)
        tracker.command(q)
    wire.assert_kept(PANDA)


def test_commands_that_come_in_time_are_sent_to_the_last_bit(wire: Wire) -> None:
    tracker, jitter = wire.tracker(PANDA), np.random.default_rng(1)
    for t in np.arange(1, 300) * PERIOD_S:
        wire.now_s = 100.01 + t + jitter.uniform(-5e-5, 5e-5)
        q = Q_HOME + 0.2 * (1.0 - np.cos(3.0 * t)) * np.ones(7)
        assert (tracker.command(q).q == q).all()


def test_of_commands_in_the_same_moment_the_first_is_sent(wire: Wire) -> None:
    tracker = wire.tracker(PANDA)
    first = tracker.command(Q_HOME + 1e-4)
    wire.now_s += 1e-4
    second = tracker.command(Q_HOME + 2e-4)
    assert len(wire.q) == 2 and second.stamp_s == first.stamp_s
    assert (second.q == first.q).all()


def test_a_command_far_away_is_reached_with_hardly_any_overshoot(wire: Wire) -> None:
    tracker, goal = wire.tracker(PANDA), Q_HOME + 0.5
    for elapsed_s in LATE_S * 3:
        wire.now_s += elapsed_s
        tracker.command(goal)
        assert (tracker.q <= goal + 0.25 * PANDA.ddq_max * PERIOD_S**2).all()
    wire.assert_kept(PANDA)
    assert tracker.q == pytest.approx(goal, abs=1e-9)


def adversary(rng: np.random.Generator, commands: int) -> Iterable[tuple[float, np.ndarray]]:
    """Times between commands [s], and where they go: to the walls and back, and anywhere."""
    while commands > 0:
        length = int(rng.integers(20, 200))
        commands -= length
        goal = rng.uniform(-6.0, 6.0, 7)
        worst_s = rng.choice([[0.01, 0.01], [0.018, 0.002], [0.0006, 0.01], [0.03, 0.006]])
        for n in range(length):
            wild = rng.random() < 0.05
            elapsed_s = rng.exponential(PERIOD_S) if wild else worst_s[n % 2]
            yield elapsed_s, goal + (rng.normal(0.0, 0.1, 7) if wild else 0.0)


@pytest.mark.parametrize("limits", [PANDA, FR3], ids=["panda", "fr3"])
def test_no_times_and_no_commands_drive_the_arm_beyond_its_limits(
    wire: Wire, limits: JointLimits
) -> None:
    start = 0.5 * (limits.q_min + limits.q_max)
    tracker, reached = wire.tracker(limits, start), np.zeros(7)
    for elapsed_s, q in adversary(np.random.default_rng(5), 6_000):
        wire.now_s += elapsed_s
        tracker.command(q)
        reached = np.maximum(reached, np.abs(tracker.q - start))
    wire.assert_kept(limits)
    assert reached == pytest.approx(0.5 * (limits.q_max - limits.q_min) - 0.01, abs=1e-6)
