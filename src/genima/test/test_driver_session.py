# SPDX-License-Identifier: Apache-2.0
"""The driver with a simulated arm that speaks libfranka's protocol, through franky."""

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest

from genima.driver import DriverCause, DriverState
from genima.errors import ArmError, NotReady
from genima.franka import RealtimeKernel
from genima.franka.simulated import SimulatedArm
from genima.kinematics import Q_HOME

from .driver_cases import PATIENCE_S, Driver, ModeOfItsOwn, OlderRobot, require_simulator

require_simulator()
import franky  # noqa: E402


@pytest.fixture(scope="module")
def arm() -> Iterator[SimulatedArm]:
    with SimulatedArm() as arm:
        yield arm


@pytest.fixture
def driver(arm: SimulatedArm) -> Iterator[Driver]:
    driver = Driver(arm.host, has_hand=True)
    driver.open()
    yield driver
    driver.close()


def test_a_stream_moves_the_arm_which_is_left_alone_after_it(arm: SimulatedArm) -> None:
    driver = Driver(arm.host, release_after_s=1.0)
    driver.open()
    assert (driver.state, driver.robot.arm.engaged) == (DriverState.IDLE, False)
    before = driver.robot.arm.reading.q.copy()
    refusals = driver.stream()
    driver.until(lambda: driver.robot.arm.reading.q[0] - before[0] > 0.1, "motion")
    assert driver.state is DriverState.FOLLOWING
    assert np.abs(driver.robot.arm.reading.q - before)[1:].max() < 0.05
    driver.end_stream()
    driver.until(lambda: driver.state is DriverState.HOLDING, "a hold")
    assert driver.robot.arm.engaged
    driver.until_state(DriverState.IDLE)
    driver.until(lambda: not driver.robot.arm.engaged, "the end of control")
    assert refusals == []
    driver.close()


def test_home_is_reached_and_the_gripper_closes(driver: Driver) -> None:
    assert "moves home" in driver.session.home().result()
    driver.until_state(DriverState.HOLDING)
    driver.until(lambda: np.abs(driver.robot.arm.reading.q - Q_HOME).max() < 0.1, "home")
    driver.session.command_gripper(False, 0.0)  # from before the driver began
    driver.session.command_gripper(False, 1e12)
    driver.until(lambda: driver.robot.opening < 0.1, "a closed gripper")
    driver.session.command_gripper(True, 1e12)
    driver.until(lambda: driver.robot.opening > 0.9, "an open gripper")


def test_a_halt_cuts_a_movement_of_the_fingers_short_and_drops_what_was_to_come() -> None:
    with SimulatedArm() as arm:  # its own: it does not let go of a hand that was stopped
        driver = Driver(arm.host, has_hand=True)
        driver.open()
        hand = driver.robot.hand
        driver.session.command_gripper(True, 1e12)
        driver.until(lambda: driver.robot.opening > 0.9 and not hand.moving, "an open hand")
        driver.session.command_gripper(False, 1e12)
        driver.until(lambda: hand.moving, "moving fingers")
        driver.session.command_gripper(True, 1e12)
        driver.session.halt(DriverCause.ORDERED, "hold was called")
        driver.until(lambda: not hand._halting and not hand.moving, "stopped fingers")
        assert (hand.fault, hand._wanted) == ("", None)
        driver.session.recover().result()
        assert driver.state is DriverState.IDLE
        driver.session.command_gripper(False, 1e12)  # though what was cut short never ends
        driver.until(lambda: driver.robot.opening < 0.1 and not hand.moving, "a closed hand")
        driver.close()


CUT_SHORT = """
import sys, time
from genima.franka.gripper import FrankaGripper
hand = FrankaGripper("hand", sys.argv[1], connect_timeout_s=60.0)
hand.connect()
hand.command(True)
while not hand.moving:
    time.sleep(0.01)
hand.halt()
while hand.moving:
    time.sleep(0.01)
hand.close()
"""


def test_a_process_ends_though_a_movement_was_never_answered(arm: SimulatedArm) -> None:
    command = [sys.executable, "-c", CUT_SHORT, arm.host]  # a simulated hand never answers it
    assert subprocess.run(command, timeout=PATIENCE_S, check=False).returncode == 0


def test_a_hold_lasts_until_it_is_recovered(driver: Driver) -> None:
    refusals = driver.stream()
    driver.until_state(DriverState.FOLLOWING)
    with pytest.raises(NotReady, match="call hold and wait until it stands"):
        driver.session.recover().result()
    driver.session.halt(DriverCause.ORDERED, "hold was called")
    driver.until(lambda: driver.session.at_rest, "rest")
    assert (driver.state, driver.cause) == (DriverState.HALTED, DriverCause.ORDERED)
    driver.until(lambda: refusals, "a refusal")
    assert refusals[0] == "the arm has halted: hold was called; then call recover"
    with pytest.raises(NotReady, match="hold was called"):
        driver.session.command_gripper(True, 1e12)
    driver.end_stream()
    driver.session.recover().result()
    assert (driver.state, driver.reason) == (DriverState.IDLE, "")
    driver.stream()
    driver.until_state(DriverState.FOLLOWING)


def test_an_emergency_stop_halts_and_is_released_before_a_recovery(driver: Driver) -> None:
    driver.stream()
    driver.until_state(DriverState.FOLLOWING)
    driver.session.hear_emergency_stop(True, "desk")
    driver.until(lambda: driver.state is DriverState.HALTED and driver.session.at_rest, "a halt")
    assert driver.cause is DriverCause.EMERGENCY_STOP and "'desk' is pressed" in driver.reason
    driver.end_stream()
    with pytest.raises(NotReady, match="'desk' is pressed"):
        driver.session.recover().result()
    driver.session.hear_emergency_stop(False, "desk")
    assert driver.state is DriverState.HALTED

    def recovered() -> bool:  # not at once: who released it goes on to say so for a while
        driver.session.hear_emergency_stop(False, "desk")
        with suppress(NotReady):
            driver.session.recover().result()
        return driver.state is DriverState.IDLE

    driver.until(recovered, "a recovery")
    driver.until_state(DriverState.HALTED)  # since the button says nothing more
    assert "'desk' has been silent" in driver.reason


def test_an_arm_that_dies_is_told_of_and_connected_anew(driver: Driver, arm: SimulatedArm) -> None:
    driver.stream()
    driver.until_state(DriverState.FOLLOWING)
    arm.kill()
    driver.until(lambda: driver.state is DriverState.HALTED or driver.reason, "a halt")
    driver.until_state(DriverState.DISCONNECTED)
    assert driver.cause is DriverCause.NETWORK and "check cable" in driver.reason
    driver.end_stream()
    with pytest.raises(ArmError, match="nothing answers there"):
        driver.session.recover().result()
    arm.start()
    driver.session.recover().result()
    assert (driver.state, driver.reason) == (DriverState.IDLE, "")
    driver.stream()
    driver.until_state(DriverState.FOLLOWING)


def test_a_control_thread_that_dies_leaves_the_arm_alone_for_good(driver: Driver) -> None:
    driver.stream()
    driver.until_state(DriverState.FOLLOWING)
    driver.session.abandon("the control thread has died; restart the driver")
    assert not driver.robot.arm.engaged
    driver.end_stream()
    assert (driver.state, driver.cause) == (DriverState.HALTED, DriverCause.DEFECT)
    with pytest.raises(NotReady, match="the driver has ended"):
        driver.session.recover().result()


def test_control_that_ends_by_itself_halts(driver: Driver) -> None:
    driver.stream()
    driver.until_state(DriverState.FOLLOWING)
    driver.robot.arm._robot.stop()
    driver.until_state(DriverState.HALTED)
    assert (driver.cause, driver.robot.arm.engaged) == (DriverCause.REFUSED, False)
    assert "no longer held by the driver; then call recover" in driver.reason
    driver.end_stream()
    driver.session.recover().result()


def test_a_driver_that_freezes_leaves_the_arm_near_its_command_and_halts(driver: Driver) -> None:
    refusals = driver.stream(speed_rad_s=1.0)
    driver.until_state(DriverState.FOLLOWING)
    limiter, robot = driver.robot.arm._tracker._limiter, driver.robot.arm._robot
    driver.until(lambda: limiter.dq[0] > 0.4, "speed")
    q, dq = limiter.q[0], limiter.dq[0]
    ctypes.PyDLL(None).sleep(2)  # no thread of Python runs, those of franky do
    # Damping by stiffness is 0.14 s with these gains: so far it goes on, and not for 2 s.
    assert robot.current_joint_positions[0] - q < 0.14 * dq + 0.05 < 0.5 * dq
    driver.until_state(DriverState.HALTED)
    assert driver.cause is DriverCause.TOO_LATE
    assert "the driver was not run for" in driver.reason
    driver.until(lambda: driver.session.at_rest, "rest")
    driver.until(lambda: refusals, "a refusal")
    driver.end_stream()
    driver.session.recover().result()
    assert (driver.state, driver.reason) == (DriverState.IDLE, "")


def test_a_driver_that_pauses_leaves_the_arm_alone_and_stays_connected(driver: Driver) -> None:
    driver.stream()
    driver.until_state(DriverState.FOLLOWING)
    driver.session.halt(DriverCause.ORDERED, "the driver was deactivated")
    driver.until(lambda: driver.session.at_rest, "rest")
    driver.session.release()
    assert not driver.robot.arm.engaged
    driver.end_stream()
    assert driver.session.open().result() == "connected"
    driver.session.recover().result()
    assert driver.state is DriverState.IDLE


def test_a_dry_run_follows_and_sends_nothing(arm: SimulatedArm) -> None:
    driver = Driver(arm.host, dry_run=True)
    driver.open()
    before = driver.robot.arm.reading.q.copy()
    refusals = driver.stream()
    driver.until_state(DriverState.FOLLOWING)
    driver.until(lambda: abs(driver.session.tick().q[0] - before[0]) > 0.1, "a command")
    assert not driver.robot.arm.engaged
    assert np.abs(driver.robot.arm.reading.q - before).max() < 0.01
    assert refusals == []
    driver.close()


@pytest.mark.parametrize(
    ("mode", "cause", "words"),
    [
        ("UserStopped", DriverCause.USER_STOP, "release it, then recover"),
        ("Guiding", DriverCause.GUIDED, "let go of its buttons"),
        ("Other", DriverCause.NOT_READY, "unlock the joints"),
    ],
)
def test_modes_of_a_standing_arm_are_told_and_once_they_refused_something_need_a_recovery(
    arm: SimulatedArm,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    cause: DriverCause,
    words: str,
) -> None:
    make = franky.Robot
    monkeypatch.setattr(franky, "Robot", lambda *a, **k: ModeOfItsOwn(make(*a, **k)))
    driver = Driver(arm.host)
    driver.open()
    monkeypatch.setattr(ModeOfItsOwn, "mode", mode)
    driver.until(lambda: driver.cause is cause, cause.name)
    assert words in driver.reason
    with pytest.raises(NotReady, match=words):
        driver.session.home().result()
    monkeypatch.setattr(ModeOfItsOwn, "mode", "")
    driver.until(lambda: not driver.robot.arm.fault, "the end of the fault")
    with pytest.raises(NotReady, match=words):
        driver.session.home().result()
    driver.session.recover().result()
    assert (driver.state, driver.reason) == (DriverState.IDLE, "")
    driver.close()


def test_a_user_stop_in_motion_halts(arm: SimulatedArm, monkeypatch: pytest.MonkeyPatch) -> None:
    make = franky.Robot
    monkeypatch.setattr(franky, "Robot", lambda *a, **k: ModeOfItsOwn(make(*a, **k)))
    driver = Driver(arm.host)
    driver.open()
    driver.stream()
    driver.until_state(DriverState.FOLLOWING)
    monkeypatch.setattr(ModeOfItsOwn, "mode", "UserStopped")
    driver.until_state(DriverState.HALTED)
    assert driver.cause is DriverCause.USER_STOP
    driver.end_stream()
    monkeypatch.setattr(ModeOfItsOwn, "mode", "")
    driver.until(lambda: driver.session.at_rest and not driver.robot.arm.fault, "rest")
    driver.session.recover().result()
    driver.close()


def test_a_second_program_is_told_that_the_arm_is_taken(driver: Driver, arm: SimulatedArm) -> None:
    second = Driver(arm.host, connect_timeout_s=0.5)
    with pytest.raises(ArmError, match="another program is connected"):
        second.open()
    assert (second.state, second.cause) == (DriverState.DISCONNECTED, DriverCause.NETWORK)
    assert "another program is connected" in second.reason
    second.close()


def test_an_arm_that_is_not_there_is_sought_again_by_recover() -> None:
    driver = Driver("127.255.255.254")
    assert (driver.cause, driver.reason) == (DriverCause.NONE, "connects to 127.255.255.254")
    for order in (driver.session.open, driver.session.recover):
        with pytest.raises(ArmError, match="activate FCI in Desk"):
            order().result()
        assert (driver.state, driver.cause) == (DriverState.DISCONNECTED, DriverCause.NETWORK)
        assert driver.reason.endswith("then call recover")
    with pytest.raises(NotReady, match="activate FCI in Desk"):
        driver.session.home().result()
    driver.close()


def test_the_wrong_wheel_for_the_robot_is_named(arm: SimulatedArm) -> None:
    host = arm.host.rsplit(".", 1)[0] + ".254"
    with OlderRobot(host):
        driver = Driver(host)
        with pytest.raises(ArmError, match="install the wheel for this robot"):
            driver.open()
        assert (driver.state, driver.cause) == (
            *(DriverState.DISCONNECTED, DriverCause.WRONG_SOFTWARE),
        )
        assert "server version: 5" in driver.reason
        driver.close()


def test_an_ordinary_kernel_is_refused_unless_it_is_allowed(arm: SimulatedArm) -> None:
    driver = Driver(arm.host, realtime=RealtimeKernel.ENFORCE)
    try:
        driver.open()
        pytest.skip("this kernel is a real-time one")
    except ArmError as error:
        assert "PREEMPT_RT" in str(error)
        assert driver.cause is DriverCause.NO_REALTIME
    finally:
        driver.close()
