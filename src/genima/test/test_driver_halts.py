# SPDX-License-Identifier: Apache-2.0
"""What halts a driver whatever it does: with an ideal arm, so that each moment can be chosen."""

from collections.abc import Iterator
from concurrent.futures import Future

import numpy as np
import pytest

from genima.control import hold_watch
from genima.driver import DriverCause, DriverParameters, DriverSession, DriverState
from genima.driver.types import Trajectory
from genima.errors import InvalidCommand, NotReady
from genima.franka import ArmMode, HoldingGains, arm
from genima.kinematics import JOINT_NAMES, Q_HOME

from .ideal_arm import PATIENCE_S, IdealRobot


class Bench:
    """A driver whose ticks and clock are the test's."""

    def __init__(self, **changes: float) -> None:
        self.robot = IdealRobot()
        self.arm, self.hand = self.robot.arm, self.robot.hand
        self.now_s = 100.0
        self.arm.clock_s = lambda: self.now_s
        self.defects: list[Exception] = []
        self.session = DriverSession(
            self.robot,
            DriverParameters(**changes),
            HoldingGains(),
            Q_HOME,
            self.defects.append,
            clock_s=lambda: self.now_s,
        )
        self.session.open().result(PATIENCE_S)

    @property
    def told(self) -> tuple[DriverState, DriverCause]:
        return self.session.status.state, self.session.status.cause

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.now_s += 0.01
            self.session.tick()

    def follow(self, offset_rad: float = 0.0) -> None:
        """Send a trajectory that stands, so far from home."""
        q = np.tile(np.array(Q_HOME) + offset_rad * np.eye(7)[0], (2, 1))
        times_s = np.array([0.02, 0.1])
        self.session.follow(Trajectory(self.now_s, JOINT_NAMES, times_s, q, np.zeros((2, 7))))

    def move(self) -> None:
        """Send a trajectory that moves joint 1 at 0.1 rad/s from where it is."""
        times_s = np.array([0.02, 0.5])
        dq = np.tile(0.1 * np.eye(7)[0], (2, 1))
        q = self.arm.q + times_s[:, None] * dq
        self.session.follow(Trajectory(self.now_s, JOINT_NAMES, times_s, q, dq))

    def until_ordered(self) -> None:
        """Wait until the orders before this one are carried out."""
        self.session.open().result(PATIENCE_S)

    def recovers(self) -> "Future[str]":
        """A recovery that is under way until the test lets it end."""
        self.arm.recovering.clear()
        self.arm.may_recover.clear()
        order = self.session.recover()
        assert self.arm.recovering.wait(PATIENCE_S)
        return order


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.arm.may_engage.set()
    bench.arm.may_recover.set()
    bench.session.close()
    assert bench.defects == []


def test_a_stop_that_is_pressed_and_released_between_two_ticks_halts(bench: Bench) -> None:
    bench.tick()
    bench.session.hear_emergency_stop(True, "button")
    bench.session.hear_emergency_stop(False, "button")
    bench.tick()
    assert bench.told == (DriverState.HALTED, DriverCause.EMERGENCY_STOP)


def test_a_driver_that_was_not_run_while_the_arm_moved_halts_and_says_so(bench: Bench) -> None:
    bench.move()
    bench.until_ordered()
    bench.tick(5)
    assert bench.told == (DriverState.FOLLOWING, DriverCause.NONE)
    bench.now_s += 0.3
    bench.move()  # what came meanwhile is heard first
    bench.session.tick()
    assert bench.told == (DriverState.HALTED, DriverCause.TOO_LATE)
    assert "was not run for 0.30 s while the arm moved" in bench.session.status.reason
    assert "keeps this computer busy; then call recover" in bench.session.status.reason
    before = bench.arm.q
    bench.tick(50)
    assert np.abs(bench.arm.q - before).max() < 0.01
    bench.session.recover().result(PATIENCE_S)
    assert bench.told == (DriverState.IDLE, DriverCause.NONE)


def test_a_driver_that_was_not_run_while_the_arm_stood_goes_on(bench: Bench) -> None:
    bench.follow()
    bench.until_ordered()
    bench.tick(5)
    bench.now_s += 0.3
    bench.follow()
    bench.tick()
    assert bench.told == (DriverState.FOLLOWING, DriverCause.NONE)


def test_a_stop_that_is_pressed_during_a_recovery_outlasts_it(bench: Bench) -> None:
    bench.session.halt(DriverCause.ORDERED, "hold was called")
    order = bench.recovers()
    bench.session.hear_emergency_stop(True, "button")
    bench.session.hear_emergency_stop(False, "button")
    bench.arm.may_recover.set()
    with pytest.raises(NotReady, match=r"halted meanwhile: the emergency stop 'button'"):
        order.result(PATIENCE_S)
    assert bench.told == (DriverState.HALTED, DriverCause.EMERGENCY_STOP)
    bench.now_s += 2.0
    bench.session.hear_emergency_stop(False, "button")
    bench.session.recover().result(PATIENCE_S)
    assert bench.told == (DriverState.IDLE, DriverCause.NONE)


def test_a_stop_that_is_released_does_not_hide_a_pressed_one_of_the_same_name(
    bench: Bench,
) -> None:
    for _ in range(10):
        bench.now_s += 0.1
        bench.session.hear_emergency_stop(True, "button")
        bench.session.hear_emergency_stop(False, "button")
        with pytest.raises(NotReady, match="give each stop a name of its own"):
            bench.session.recover().result(PATIENCE_S)
    bench.now_s += 1.1
    bench.session.hear_emergency_stop(False, "button")
    bench.session.recover().result(PATIENCE_S)
    assert bench.told == (DriverState.IDLE, DriverCause.NONE)


def test_a_recovery_does_not_set_an_arm_in_motion_that_trajectories_wait_for(
    bench: Bench,
) -> None:
    bench.session.halt(DriverCause.ORDERED, "hold was called")
    order = bench.recovers()
    with pytest.raises(NotReady, match="hold was called"):
        bench.follow()  # who sends it has not noticed the halt
    bench.arm.may_recover.set()
    with pytest.raises(NotReady, match="stop what sends it, then call recover"):
        order.result(PATIENCE_S)
    assert bench.told == (DriverState.HALTED, DriverCause.ORDERED)
    bench.session.recover().result(PATIENCE_S)
    bench.follow()
    bench.until_ordered()
    bench.tick()
    assert bench.told[0] is DriverState.FOLLOWING


def test_a_hold_during_a_recovery_outlasts_it(bench: Bench) -> None:
    bench.session.halt(DriverCause.DEFECT, "a defect")
    order = bench.recovers()
    bench.session.halt(DriverCause.ORDERED, "hold was called")
    bench.arm.may_recover.set()
    with pytest.raises(NotReady, match="halted meanwhile: hold was called"):
        order.result(PATIENCE_S)
    assert bench.told == (DriverState.HALTED, DriverCause.ORDERED)


def test_a_trouble_that_a_recovery_clears_does_not_outlast_it(bench: Bench) -> None:
    bench.arm.mode = ArmMode.REFLEX
    bench.tick()
    order = bench.recovers()
    bench.tick()
    bench.arm.mode = ArmMode.IDLE
    bench.arm.may_recover.set()
    order.result(PATIENCE_S)
    bench.tick()
    assert bench.told == (DriverState.IDLE, DriverCause.NONE)


@pytest.mark.parametrize("pressed", [True, False])
def test_a_halt_reaches_the_hand_once(bench: Bench, pressed: bool) -> None:
    bench.session.command_gripper(False, 1e12)
    if pressed:
        bench.session.hear_emergency_stop(True, "button")
    else:
        bench.arm.mode = ArmMode.USER_STOPPED
    bench.tick(3)
    with pytest.raises(NotReady):
        bench.session.command_gripper(True, 1e12)
    assert bench.hand.told == [False, "halt"]


def test_a_control_thread_that_dies_stops_the_hand(bench: Bench) -> None:
    bench.session.abandon("the control thread has died; restart the driver")
    assert bench.hand.told == ["halt"]


def test_a_halt_right_after_a_recovery_reaches_the_hand_again(bench: Bench) -> None:
    bench.session.halt(DriverCause.ORDERED, "hold was called")
    bench.session.recover().result(PATIENCE_S)
    bench.session.halt(DriverCause.ORDERED, "hold was called")
    assert bench.hand.told == ["halt", "halt"]


def test_an_arm_that_is_guided_while_a_stream_comes_stands_until_a_recovery(bench: Bench) -> None:
    bench.arm.mode = ArmMode.GUIDING
    with pytest.raises(NotReady, match="let go of its buttons"):
        bench.follow()
    bench.arm.mode = ArmMode.IDLE
    bench.tick()
    assert bench.told == (DriverState.HALTED, DriverCause.GUIDED)
    with pytest.raises(NotReady, match="then call recover"):
        bench.follow()
    assert not bench.arm.engaging.is_set()


def test_a_guided_arm_without_a_stream_needs_no_recovery(bench: Bench) -> None:
    bench.arm.mode = ArmMode.GUIDING
    bench.tick()
    assert bench.told == (DriverState.IDLE, DriverCause.GUIDED)
    bench.arm.mode = ArmMode.IDLE
    bench.tick()
    assert bench.told == (DriverState.IDLE, DriverCause.NONE)


def test_a_stream_is_followed_from_its_first_trajectory_on(bench: Bench) -> None:
    bench.arm.may_engage.clear()
    bench.follow()
    assert bench.arm.engaging.wait(PATIENCE_S)
    bench.now_s += 0.05  # taking control lasts longer than a period of the stream
    bench.arm.may_engage.set()
    bench.until_ordered()
    assert bench.session.status.trajectories_refused == 0
    bench.tick()
    assert bench.told == (DriverState.FOLLOWING, DriverCause.NONE)


def test_a_stream_that_left_the_arm_behind_ends_in_a_halt(bench: Bench) -> None:
    bench.follow()
    bench.until_ordered()
    bench.tick(50)
    assert bench.told == (DriverState.HOLDING, DriverCause.NONE)
    for _ in range(50):
        with pytest.raises(InvalidCommand, match=r"joint 1 begins 0\.400 rad from"):
            bench.follow(0.4)
        bench.tick(2)
    assert bench.told == (DriverState.HALTED, DriverCause.BAD_TRAJECTORY)
    assert "joint 1 begins 0.400 rad from where the arm stands" in bench.session.status.reason


def test_an_arm_that_is_told_to_stand_is_not_dropped() -> None:
    bench = Bench(release_after_s=1.0)
    for _ in range(100):
        bench.follow()
        bench.until_ordered()
        bench.tick(2)
    assert bench.arm.engaged
    bench.tick(150)
    bench.until_ordered()
    assert not bench.arm.engaged and bench.told == (DriverState.IDLE, DriverCause.NONE)
    bench.session.close()


def test_an_arm_that_is_wanted_while_it_is_let_go_of_is_taken_then() -> None:
    bench = Bench(release_after_s=1.0)
    bench.follow()
    bench.until_ordered()
    bench.arm.may_release.clear()
    bench.tick(150)
    assert bench.arm.releasing.wait(PATIENCE_S)
    for _ in range(3):
        bench.now_s += 5.0
        bench.follow()
        assert bench.told == (DriverState.IDLE, DriverCause.NONE)
    bench.arm.may_release.set()
    bench.until_ordered()
    bench.tick()
    assert bench.arm.engaged and bench.told == (DriverState.FOLLOWING, DriverCause.NONE)
    bench.session.close()


def test_the_controller_waits_for_a_driver_that_lets_go_of_the_arm_before_it_takes_it() -> None:
    assert hold_watch._LONGEST_S > arm._STOP_PATIENCE_S + arm._PATIENCE_S


def test_a_pause_while_control_is_taken_leaves_the_arm_alone(bench: Bench) -> None:
    bench.arm.may_engage.clear()
    bench.follow()
    assert bench.arm.engaging.wait(PATIENCE_S)
    bench.session.halt(DriverCause.ORDERED, "the driver was deactivated")
    bench.session.release()
    bench.arm.may_engage.set()
    bench.session.recover().exception(PATIENCE_S)  # carried out after it
    assert not bench.arm.engaged
    bench.until_ordered()
    bench.session.recover().result(PATIENCE_S)
    assert bench.told == (DriverState.IDLE, DriverCause.NONE)


@pytest.mark.parametrize("how", ["press", "hold"])
def test_what_halts_while_control_is_taken_has_it_let_go_again(bench: Bench, how: str) -> None:
    bench.arm.may_engage.clear()
    bench.follow()
    assert bench.arm.engaging.wait(PATIENCE_S)
    if how == "press":
        bench.session.hear_emergency_stop(True, "button")
    else:
        assert "not held by the driver, and will not be" in bench.session.hold()
    bench.arm.may_engage.set()
    bench.until_ordered()
    bench.tick()
    assert not bench.arm.engaged and bench.told[0] is DriverState.HALTED
    assert bench.told[1] in (DriverCause.EMERGENCY_STOP, DriverCause.ORDERED)


def test_trajectories_that_come_while_control_is_taken_of_a_halted_arm_are_refused(
    bench: Bench,
) -> None:
    bench.arm.may_engage.clear()
    bench.follow()
    assert bench.arm.engaging.wait(PATIENCE_S)
    bench.follow()
    assert bench.session.status.trajectories_refused == 0
    bench.session.hold()
    with pytest.raises(NotReady, match="the arm has halted: hold was called"):
        bench.follow()
    assert bench.session.status.trajectories_refused == 1
    bench.arm.may_engage.set()
    bench.until_ordered()


def test_a_reflex_is_told_of_though_the_arm_has_halted_before(bench: Bench) -> None:
    bench.session.halt(DriverCause.ORDERED, "hold was called")
    bench.arm.mode = ArmMode.REFLEX
    bench.tick()
    assert bench.told == (DriverState.HALTED, DriverCause.REFLEX)
    reason = bench.session.status.reason
    assert "hold was called" in reason and "stopped by a reflex" in reason


def test_what_hold_answers_is_so(bench: Bench) -> None:
    bench.follow()
    bench.until_ordered()
    assert bench.session.hold() == "the arm comes to rest and stands"
    bench.session.recover().exception(PATIENCE_S)
    bench.tick(10)
    bench.session.recover().result(PATIENCE_S)
    assert "not held by the driver" in bench.session.hold()
    bench.arm.connected = False
    with pytest.raises(NotReady, match="cannot be braked"):
        bench.session.hold()
    bench.session.abandon("the control thread has died; restart the driver")
    with pytest.raises(NotReady, match="the driver has ended"):
        bench.session.hold()
