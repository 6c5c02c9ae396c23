# SPDX-License-Identifier: Apache-2.0
"""What halts a follower and its fingers: with an ideal arm, so that each moment can be chosen."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from genima.errors import NotReady
from genima.franka import HoldingGains
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.teleop.leaders import SentLeader
from genima.teleop.session import TeleopSession
from genima.teleop.types import TeleopParameters, TeleopState

from .ideal_arm import PATIENCE_S, IdealRobot

PERIOD_S = 0.01


class Bench:
    """Teleoperation whose ticks and clock are the test's, led by joint states."""

    def __init__(self) -> None:
        self.robot, self.leader = IdealRobot(), SentLeader()
        self.arm, self.hand = self.robot.arm, self.robot.hand
        self.now_s = 100.0
        self.arm.clock_s = lambda: self.now_s
        self.opening = 1.0
        self.q = np.array(Q_HOME, float)
        self.defects: list[Exception] = []
        self.session = TeleopSession(
            self.leader,
            self.robot,
            TeleopParameters(period_s=PERIOD_S),
            HoldingGains(),
            self.defects.append,
            clock_s=lambda: self.now_s,
        )
        self.session.begin()
        self.tick()

    @property
    def state(self) -> TeleopState:
        return self.session.status.state

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.now_s += PERIOD_S
            self.leader.hear([*JOINT_NAMES, "gripper"], [*self.q, self.opening], self.now_s)
            self.session.tick()

    def mirror(self) -> None:
        """Let the follower mirror, and close its fingers."""
        self.session.start()
        self.tick(5)
        self.opening = 0.0
        self.tick()
        assert self.state is TeleopState.MIRRORING and self.hand.told[-1] is False

    def starts(self) -> "Future[None]":
        """A start that is under way until the test lets it end."""
        self.arm.may_engage.clear()
        started = self._pool.submit(self.session.start)
        assert self.arm.engaging.wait(PATIENCE_S)
        return started

    _pool = ThreadPoolExecutor(1)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.arm.may_engage.set()
    bench.session.end()
    assert bench.defects == []


def test_a_short_press_halts_arm_and_fingers_and_forbids_a_start_for_a_second(
    bench: Bench,
) -> None:
    bench.mirror()
    bench.session.hear_emergency_stop(True, "door")
    bench.session.hear_emergency_stop(False, "door")
    assert bench.hand.told[-1] == "halt"
    told = len(bench.hand.told)
    bench.opening = 1.0
    bench.tick(20)
    assert bench.state is TeleopState.HALTED and len(bench.hand.told) == told
    assert "the emergency stop 'door'" in bench.session.status.reason
    for order in (bench.session.start, bench.session.recover):
        with pytest.raises(NotReady, match="the emergency stop 'door'"):
            order()
    bench.now_s += 1.0
    bench.session.hear_emergency_stop(False, "door")
    bench.tick()
    bench.session.start()
    bench.tick(5)
    assert bench.state is TeleopState.MIRRORING


def test_a_stop_that_falls_silent_halts(bench: Bench) -> None:
    bench.session.hear_emergency_stop(False, "door")
    bench.mirror()
    bench.tick(120)
    assert bench.state is TeleopState.HALTED and bench.hand.told[-1] == "halt"
    assert "has been silent" in bench.session.status.reason
    assert "has been silent" in bench.session.fault


def test_a_stop_reaches_the_fingers_and_a_start_lets_them_go_on(bench: Bench) -> None:
    bench.mirror()
    bench.session.stop("stopped by teleop/stop")
    assert bench.hand.told[-2:] == [False, "halt"]
    told = len(bench.hand.told)
    bench.opening = 1.0
    bench.tick(20)
    assert bench.state is TeleopState.IDLE and len(bench.hand.told) == told
    bench.session.end()  # waits for what lets the arm go
    bench.session.begin()
    bench.session.start()
    bench.tick(5)
    assert bench.state is TeleopState.MIRRORING and bench.hand.told[-1] is True


def test_a_press_stops_the_fingers_of_an_arm_that_is_not_followed_any_more(bench: Bench) -> None:
    bench.mirror()
    bench.session.stop("enough")
    bench.tick(20)
    told = len(bench.hand.told)
    bench.session.hear_emergency_stop(True, "door")
    assert bench.state is TeleopState.IDLE and bench.hand.told[told:] == ["halt"]


def test_a_halt_by_whatever_cause_reaches_the_fingers_once(bench: Bench) -> None:
    bench.mirror()
    bench.now_s += 1.0  # a leader, and an arm, of which nothing came
    bench.session.tick()
    bench.tick(20)
    assert bench.state is TeleopState.HALTED and bench.hand.told.count("halt") == 1
    bench.session.halt("2 nodes publish leader/joint_states")
    assert bench.hand.told.count("halt") == 1
    bench.opening = 1.0
    bench.session.start()
    bench.session.halt("2 nodes publish leader/joint_states")
    assert bench.hand.told.count("halt") == 2


def test_a_control_thread_that_dies_stops_the_fingers(bench: Bench) -> None:
    bench.mirror()
    bench.session.abandon("the control thread has died")
    assert bench.hand.told[-1] == "halt"


@pytest.mark.parametrize("how", ["press", "stop", "halt"])
def test_what_forbids_it_while_the_arm_is_taken_has_it_let_go_again(
    bench: Bench, how: str
) -> None:
    started = bench.starts()
    if how == "press":
        bench.session.hear_emergency_stop(True, "door")
    elif how == "stop":
        bench.session.stop("stopped by teleop/stop")
    else:
        bench.session.halt("2 nodes publish leader/joint_states")
    bench.arm.may_engage.set()
    with pytest.raises(NotReady, match=r"door|teleop/stop|2 nodes"):
        started.result(PATIENCE_S)
    bench.tick()
    bench.session.end()  # waits for what lets it go
    assert not bench.arm.engaged and bench.state is TeleopState.IDLE


def test_a_state_that_comes_late_in_a_tick_of_a_busy_machine_does_not_halt(bench: Bench) -> None:
    bench.mirror()

    def late_s() -> float:
        bench.now_s += 0.06
        return bench.now_s

    bench.arm.clock_s = late_s
    bench.session.tick()
    assert bench.state is TeleopState.MIRRORING


def test_nothing_starts_where_nobody_ticks(bench: Bench) -> None:
    bench.session.end()
    with pytest.raises(NotReady, match="teleoperation is not active"):
        bench.session.start()
    assert not bench.arm.engaged
