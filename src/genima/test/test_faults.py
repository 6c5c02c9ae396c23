# SPDX-License-Identifier: Apache-2.0
"""Faults on the way from drawn target to command, with the numbers of docs/safety.md.

Each says what must happen to the arm. What single modules do about bad input is tested beside
them; that page lists all of it.
"""

import threading

import numpy as np
import pytest

from genima.control.chunk import ActionChunk
from genima.control.planner import Plan, PlannedChunk
from genima.control.session_types import SessionSettings, SessionState
from genima.errors import InvalidCommand
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.safety import CommandGate, EmergencyStop, GateReason, JointCommand, JointReading
from genima.timing import DeadlineLoop
from genima.worker import LatestWorker

from .session_cases import DT_S, LIMITS, POLICY, Loop, require_smooth, target

#: Drawings come at 5 Hz; 2.5 of their periods without one are too many [s].
TARGET_TIMEOUT_S = 0.5
#: Longest time without a joint state [s].
JOINT_STATE_TIMEOUT_S = 0.1
#: Time in which the arm can brake from full speed within its limits [s].
BRAKING_S = float((LIMITS.dq_max / LIMITS.ddq_max).max()) + 0.1


@pytest.fixture
def loop() -> Loop:
    loop = Loop(SessionSettings(target_timeout_s=TARGET_TIMEOUT_S))
    loop.start()
    return loop


def under_way(loop: Loop) -> Loop:
    """The arm is in mid-motion, at about its greatest speed."""
    loop.offer(target(0.6))
    loop.run(0.5 * POLICY.horizon_s)
    return loop


def speed(loop: Loop) -> float:
    """The greatest commanded joint speed now [rad/s]."""
    return float(np.abs(loop.sent[-1].dq).max())


def require_rest(loop: Loop, within_s: float) -> None:
    """The arm comes to rest within its limits, in time."""
    loop.run(within_s)
    assert speed(loop) == 0.0
    require_smooth(loop.sent)


def test_without_any_target_the_arm_stays_where_it_was_measured(loop: Loop) -> None:
    assert loop.run(loop.settings.first_target_timeout_s + 0.1) == []
    assert loop.status.state is SessionState.HALTED
    np.testing.assert_array_equal(loop.arm, Q_HOME)


def test_when_targets_stop_the_chunk_is_finished_and_the_arm_stands(loop: Loop) -> None:
    under_way(loop)
    loop.run(0.5 * POLICY.horizon_s - 2 * DT_S)
    assert loop.status.state is SessionState.RUNNING
    loop.run(TARGET_TIMEOUT_S)
    assert loop.status.state is SessionState.HOLDING
    assert "no drawn target" in loop.status.reason
    assert speed(loop) == 0.0
    np.testing.assert_allclose(loop.arm, target(0.6), atol=1e-5)
    loop.offer(target(0.6), age_s=1.1)
    assert loop.status.state is SessionState.HOLDING
    loop.run(0.3)
    loop.offer(target(0.5))
    assert loop.status.state is SessionState.RUNNING


@pytest.mark.parametrize("age_s", [1.01, 3.0, -0.03, -1.0])
def test_target_from_the_past_or_the_future_is_counted_and_not_followed(
    loop: Loop, age_s: float
) -> None:
    loop.run(4.0)
    loop.offer(target(), age_s=age_s)
    assert loop.status.targets_refused == 1
    assert loop.run(0.5) == []


def test_when_joint_states_stop_the_arm_brakes_and_halts(loop: Loop) -> None:
    under_way(loop)
    assert speed(loop) > 0.5
    loop.joint_states_come = False
    loop.run(JOINT_STATE_TIMEOUT_S - DT_S)
    assert loop.status.state is SessionState.RUNNING
    loop.run(3 * DT_S)
    assert loop.status.state is SessionState.HALTED
    assert "no joint state for" in loop.status.reason
    require_rest(loop, BRAKING_S)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["joint state", "chunk", "plan", "planned chunk"])
def test_nothing_that_is_not_finite_is_ever_sent(loop: Loop, value: float, where: str) -> None:
    under_way(loop)
    broken = np.append(target()[:6], value)
    if where == "joint state":
        loop.arm = broken
        loop.arm_obeys = False
        loop.run(0.05)
        assert loop.status.state is not SessionState.RUNNING
    elif where == "chunk":
        with pytest.raises(InvalidCommand, match="must be finite"):
            ActionChunk(broken[None], np.ones(1, bool), 0.0, 0.05)
    else:
        loop.run(0.5 * POLICY.horizon_s)
        way = np.tile(broken, (POLICY.horizon_steps, 1))
        chunk = PlannedChunk(way, np.ones(len(way), bool)) if where == "planned chunk" else None
        goal = target() if chunk else broken
        loop.session.offer(Plan(goal, True, 0.9, chunk=chunk), loop.now_s, loop.now_s)
        assert "NaN or infinity" in loop.status.reason
        assert loop.status.targets_refused == 1
    loop.run(0.5)
    assert all(np.isfinite([*point.q, *point.dq]).all() for point in loop.sent)


def test_command_that_begins_far_from_the_arm_is_not_stepped_to(loop: Loop) -> None:
    way = np.tile(target(0.5), (POLICY.horizon_steps, 1))  # does not begin at the arm
    chunk = PlannedChunk(way, np.ones(len(way), bool))
    loop.session.offer(Plan(way[-1], True, 0.9, chunk=chunk), loop.now_s, loop.now_s)
    loop.run(POLICY.horizon_s)
    require_smooth(loop.sent)
    assert np.abs(loop.sent[0].q - Q_HOME).max() < 0.01


def test_chunk_beyond_the_position_limits_is_held_at_them(loop: Loop) -> None:
    for _ in range(4):
        loop.offer(np.where(np.arange(7) == 6, 3.5, Q_HOME))
        for _ in range(20):
            loop.run(0.05 * POLICY.horizon_s)
            assert loop.status.filter_active
    require_smooth(loop.sent)
    assert max(point.q[6] for point in loop.sent) <= LIMITS.q_max[6] - 0.01 + 1e-9


def jumping_chunk(jump_rad: float) -> PlannedChunk:
    """A chunk that throws joint 7 to and fro."""
    steps = np.arange(POLICY.horizon_steps)
    way = Q_HOME + jump_rad * np.sin(steps)[:, None] * np.eye(7)[6]
    return PlannedChunk(way, np.ones(len(way), bool))


@pytest.mark.parametrize("jump_rad", [0.3, 0.5])
def test_chunk_faster_than_the_arm_is_sent_within_the_limits(loop: Loop, jump_rad: float) -> None:
    chunk = jumping_chunk(jump_rad)
    began_s = loop.now_s
    loop.session.offer(Plan(chunk.q[-1], True, 0.9, chunk=chunk), began_s, began_s)
    loop.finish()
    assert loop.now_s > began_s + 2.0 * POLICY.horizon_s  # later than was asked for
    require_smooth(loop.sent)


def test_chunk_that_no_bearable_pace_makes_possible_is_refused(loop: Loop) -> None:
    chunk = jumping_chunk(3.0)  # its waypoints are cut off at both ends of the joint's range
    loop.session.offer(Plan(chunk.q[-1], True, 0.9, chunk=chunk), loop.now_s, loop.now_s)
    loop.run(0.3)
    assert loop.status.targets_refused == 1
    assert "s are allowed, raise these" in loop.status.reason
    np.testing.assert_array_equal(loop.arm, Q_HOME)


@pytest.mark.parametrize("horizon_steps", [1, 4, 20])
def test_replanning_makes_no_step_in_position_or_velocity(horizon_steps: int) -> None:
    loop = Loop(SessionSettings(execution_horizon=horizon_steps))
    loop.start()
    rng = np.random.default_rng(horizon_steps)
    for _ in range(12):
        loop.offer(target(float(rng.uniform(-0.3, 0.3))))
        loop.run(horizon_steps * POLICY.step_s)
    require_smooth(loop.sent)
    assert loop.status.chunks == 12


@pytest.mark.parametrize("inference_s", [0.2, 2.0])
def test_slow_inference_costs_no_setpoint_and_what_is_too_old_is_not_followed(
    inference_s: float,
) -> None:
    loop = Loop(SessionSettings(target_timeout_s=TARGET_TIMEOUT_S))
    loop.start()
    loop.run(2.0)
    loop.offer(target())
    drawn_s = loop.now_s + POLICY.horizon_s
    sent = loop.run(POLICY.horizon_s + inference_s)
    assert len(sent) == pytest.approx((POLICY.horizon_s + inference_s) / 0.02, abs=4)
    loop.session.offer(Plan(target(0.3), True, 0.9), drawn_s, loop.now_s)
    followed = inference_s < loop.settings.max_target_age_s
    assert (loop.status.chunks == 2) is followed
    assert (loop.status.targets_refused == 1) is not followed
    loop.run(0.5)
    require_smooth(loop.sent)


def test_planner_that_hangs_delays_no_tick() -> None:
    begun, done = threading.Event(), threading.Event()

    def plan(_: object) -> None:
        begun.set()
        done.wait()

    worker = LatestWorker("planner", plan, lambda error: None)
    loop = Loop()
    loop.start()
    loop.offer(target())
    try:
        worker.put(object())
        begun.wait()
        worker.put(object())
        assert len(loop.run(1.0)) == pytest.approx(1.0 / 0.02, abs=4)
    finally:
        done.set()
        worker.stop()


@pytest.mark.parametrize("back_s", [0.5, 100.0])
def test_clock_that_jumps_back_begins_anew_where_the_arm_is(loop: Loop, back_s: float) -> None:
    under_way(loop)
    loop.sent.clear()
    loop.now_s = round(max(loop.now_s - back_s, 0.0), 9)  # 0: a simulation begins again
    loop.arm = np.array(Q_HOME)
    loop.measure()
    assert loop.status.state is SessionState.HOLDING
    assert loop.run(0.3) == []
    loop.offer(target(-0.2))
    loop.run(POLICY.horizon_s + 0.2)
    require_smooth(loop.sent)
    np.testing.assert_allclose(loop.arm, target(-0.2), atol=1e-5)


def test_body_of_30_ms_skips_deadlines_of_20_ms_and_makes_no_burst(loop: Loop) -> None:
    now_s = [0.0]
    began_s: list[float] = []

    def body() -> None:
        began_s.append(now_s[0])
        now_s[0] += 0.030

    def sleep(duration_s: float) -> None:
        now_s[0] += duration_s

    deadlines = DeadlineLoop(0.02, lambda: now_s[0], sleep)
    deadlines.run(body, lambda: len(began_s) == 50)
    assert np.diff(began_s) == pytest.approx(0.04)
    assert deadlines.overruns == pytest.approx(50, abs=1)


def test_setpoints_of_a_thread_that_keeps_every_second_deadline_are_all_there(loop: Loop) -> None:
    loop.offer(target())
    for _ in range(20):
        loop.now_s = round(loop.now_s + 0.04, 9)
        loop.advance()
    require_smooth(loop.sent)
    assert loop.status.state is SessionState.RUNNING


def test_arm_that_stopped_by_itself_is_left_alone_until_a_new_goal(loop: Loop) -> None:
    loop.arm_obeys = False  # a reflex: it stands, whatever is sent
    loop.offer(target(0.8))
    loop.run(POLICY.horizon_s)
    assert loop.status.state is SessionState.HALTED
    assert "from where it was sent" in loop.status.reason
    loop.run(0.3)
    assert loop.run(1.0) == []
    loop.arm_obeys = True
    loop.sent.clear()
    loop.start()
    loop.offer(target())
    points = loop.run(0.1)
    np.testing.assert_allclose(points[0].q, loop.arm, atol=0.01)


@pytest.mark.parametrize("lost", [False, True])
def test_emergency_stop_halts_within_a_period_and_its_braking_time_and_is_latched(
    loop: Loop, lost: bool
) -> None:
    stop = EmergencyStop()
    stop.hear(False, "pendant", loop.now_s)
    under_way(loop)
    if not lost:
        stop.hear(True, "pendant", loop.now_s)
    reason = stop.reason(loop.now_s + (0.6 if lost else 0.0))  # silent for 1.1 s by then
    assert reason is not None
    loop.session.halt(reason)
    assert loop.status.state is SessionState.HALTED
    require_rest(loop, BRAKING_S)
    later_s = loop.now_s + 1.0
    stop.hear(False, "pendant", later_s)
    assert stop.reason(later_s) is None
    loop.offer(target())
    assert loop.run(1.0) == []  # released, and still it stands
    assert loop.status.state is SessionState.HALTED


@pytest.mark.parametrize(
    "instruction", ["Drücke den roten Knopf", "押す", "ボタン 🔴", "w " * 500]
)
def test_any_words_can_be_an_instruction(instruction: str) -> None:
    loop = Loop()
    loop.measure()
    loop.session.begin(instruction, loop.now_s)
    assert loop.status.instruction == instruction.strip()
    loop.offer(target())
    assert loop.status.state is SessionState.RUNNING


def test_joints_in_any_order_with_fingers_are_the_arms() -> None:
    names = ("panda_finger_joint1", *reversed(JOINT_NAMES), "panda_finger_joint2")
    q = np.array([0.04, *Q_HOME[::-1], 0.04])
    gate = CommandGate(LIMITS)
    gate.reset(JointReading(q, 0.0, names), 0.0)
    output = gate.step(JointCommand(Q_HOME, 0.02), JointReading(q, 0.02, names), 0.02)
    assert (output.q == Q_HOME).all() and output.reason is GateReason.NONE
    for wrong in (names[:-2], (*names[:-1], names[1])):
        output = gate.step(
            JointCommand(Q_HOME, 0.04), JointReading(q[: len(wrong)], 0.04, wrong), 0.04
        )
        assert output.reason is GateReason.BAD_JOINT_STATE
