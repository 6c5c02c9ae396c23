# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the chunk splicer and of the quintics it is made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genima.control import ActionChunk, ChunkSplicer, CommandSample, minimum_jerk_chunk
from genima.control.minimum_jerk import ARRIVAL_TOLERANCE_RAD
from genima.control.quintic import Motion, Quintic
from genima.errors import InvalidCommand
from genima.kinematics import Q_HOME
from genima.limits import RobotModel, limits_of
from genima.safety import CommandGate, GateParameters, GateState, JointCommand, JointReading

PANDA = limits_of(RobotModel.PANDA)
STEP_S = 0.05
K = 20


def curve(times_s: np.ndarray) -> np.ndarray:
    """Some smooth motion (n, 7) [rad]."""
    phase = np.arange(7)
    return Q_HOME + 0.2 * np.sin(1.5 * np.asarray(times_s)[:, None] + phase)


def chunk_of(start_s: float, offset: float = 0.0, steps: int = K) -> ActionChunk:
    times_s = start_s + STEP_S * np.arange(1, steps + 1)
    return ActionChunk(curve(times_s) + offset, np.ones(steps, bool), start_s, STEP_S)


def splicer() -> ChunkSplicer:
    return ChunkSplicer(PANDA, Q_HOME)


def assert_joined(before: CommandSample, after: CommandSample) -> None:
    assert after.q == pytest.approx(before.q, abs=1e-9)
    assert after.dq == pytest.approx(before.dq, abs=1e-8)
    assert after.ddq == pytest.approx(before.ddq, abs=1e-7)


def through_gate(arm: ChunkSplicer, replans: dict[int, object], ticks: int) -> list[bool]:
    """Whether the gate changed the command, for each tick; `replans` are called at their tick."""
    gate = CommandGate(PANDA, GateParameters())
    q = arm.sample(0.0).q
    gate.reset(JointReading(q, 0.0), 0.0)
    limited = []
    for tick in range(ticks):
        now_s = tick * 0.02
        if tick in replans:
            replans[tick](now_s)
        sample = arm.sample(now_s)
        output = gate.step(JointCommand(sample.q, now_s, sample.dq), JointReading(q, now_s), now_s)
        assert output.state is GateState.PASSING, output.message
        q = output.q
        limited.append(output.limited)
    return limited


def test_command_stands_before_anything_is_spliced() -> None:
    arm = splicer()
    sample = arm.sample(5.0)
    assert (sample.q == Q_HOME).all() and not sample.dq.any() and not sample.ddq.any()
    assert arm.end_s == -np.inf


@settings(max_examples=60, deadline=None)
@given(
    waits_s=st.lists(st.floats(0.001, 1.4), min_size=1, max_size=8),
    late_s=st.floats(0.0, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_position_velocity_and_acceleration_never_step(
    waits_s: list[float], late_s: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    arm, now_s = splicer(), 10.0
    for wait_s in waits_s:
        before = arm.sample(now_s)
        if rng.random() < 0.5:
            arm.splice(chunk_of(now_s - late_s, rng.uniform(-0.1, 0.1)), now_s)
        else:
            arm.move_to(Q_HOME + rng.uniform(-0.3, 0.3, 7), True, now_s, K, STEP_S)
        assert_joined(before, arm.sample(now_s))
        assert_joined(arm.sample(arm.end_s), arm.sample(arm.end_s + 1e-12))
        now_s += wait_s


def test_velocity_and_acceleration_are_those_of_the_position() -> None:
    arm = splicer()
    arm.splice(chunk_of(0.0), 0.0)
    arm.splice(chunk_of(0.25, offset=0.05), 0.3)
    for t_s in np.arange(0.31, 2.5, 0.0173):  # into the stop behind the end as well
        before, here, after = (arm.sample(t_s + h) for h in (-1e-5, 0.0, 1e-5))
        assert (after.q - before.q) / 2e-5 == pytest.approx(here.dq, abs=1e-5)
        assert (after.dq - before.dq) / 2e-5 == pytest.approx(here.ddq, abs=1e-2)


def test_command_converges_onto_the_waypoints() -> None:
    arm = splicer()
    chunk = chunk_of(0.0, offset=0.1)
    arm.splice(chunk, 0.0)
    error = [
        np.abs(arm.sample(t_s).q - q).max() for t_s, q in zip(chunk.times_s, chunk.q, strict=True)
    ]
    assert error[0] > 0.05
    assert max(error[16:]) < 1e-9


def test_steps_in_the_past_are_left_out() -> None:
    arm = splicer()
    chunk = chunk_of(-0.5)
    arm.splice(chunk, 0.0)
    assert (arm.sample(0.0).q == Q_HOME).all()
    assert arm.end_s == pytest.approx(0.5)
    assert arm.sample(0.5).q == pytest.approx(chunk.q[-1], abs=1e-9)


def test_chunk_that_ends_in_motion_is_braked_smoothly_and_then_stands() -> None:
    arm = splicer()
    arm.splice(chunk_of(0.0), 0.0)
    moving = np.array([arm.sample(t_s).ddq for t_s in arm.end_s + np.arange(0, 2, 0.001)])
    assert np.abs(arm.sample(arm.end_s).dq).max() > 0.1
    assert (np.abs(moving) <= PANDA.ddq_max * (1 + 1e-6)).all()
    end = arm.sample(arm.end_s + 1.0)
    assert not end.dq.any() and not end.ddq.any()
    assert (arm.sample(arm.end_s + 9.0).q == end.q).all()


def test_minimum_jerk_chunk_ends_on_its_target() -> None:
    arm = splicer()
    target = Q_HOME + 0.4
    arm.splice(minimum_jerk_chunk(Q_HOME, target, True, False, 0.0, K, STEP_S), 0.0)
    assert arm.sample(3.0).q == pytest.approx(target, abs=1e-4)


@pytest.mark.parametrize(("start_s", "now_s"), [(0.0, 1.0), (0.0, 2.0), (1.0, 0.9)])
def test_chunk_that_does_not_last_now_is_refused(start_s: float, now_s: float) -> None:
    with pytest.raises(InvalidCommand, match="while it lasts"):
        splicer().splice(chunk_of(start_s), now_s)


def test_chunk_of_one_step_is_enough() -> None:
    arm = splicer()
    arm.splice(ActionChunk(Q_HOME[None] + 0.01, np.array([True]), 0.0, 0.5), 0.0)
    assert arm.sample(0.5).q == pytest.approx(Q_HOME + 0.01)


# Gripper


def test_gripper_acts_when_its_step_begins() -> None:
    arm = splicer()
    chunk = minimum_jerk_chunk(Q_HOME, Q_HOME + 0.3, True, False, 0.0, K, STEP_S)
    arm.splice(chunk, 0.0)
    assert arm.sample(0.949).gripper_open
    assert not arm.sample(0.95).gripper_open
    assert not arm.sample(5.0).gripper_open


def test_gripper_of_the_last_step_is_not_lost_when_the_next_chunk_begins_there() -> None:
    arm = splicer()
    arm.splice(minimum_jerk_chunk(Q_HOME, Q_HOME + 0.3, True, False, 0.0, K, STEP_S), 0.0)
    arm.splice(
        minimum_jerk_chunk(Q_HOME + 0.3, Q_HOME, False, True, 1.0, K, STEP_S),
        1.0,
    )
    assert not arm.sample(1.0).gripper_open
    assert arm.sample(2.0).gripper_open


def test_gripper_acts_on_arrival_and_not_on_the_way() -> None:
    arm = splicer()
    arm.move_to(Q_HOME + 0.5, False, 0.0, K, STEP_S)
    acted_s = next(t_s for t_s in np.arange(0, 1.01, 0.005) if not arm.sample(t_s).gripper_open)
    assert 0.7 < acted_s <= 1.0
    assert arm.sample(acted_s).q == pytest.approx(Q_HOME + 0.5, abs=ARRIVAL_TOLERANCE_RAD + 1e-3)


def test_gripper_acts_at_once_where_the_arm_has_arrived() -> None:
    arm = splicer()
    arm.move_to(Q_HOME + 0.005, False, 0.0, K, STEP_S)
    assert not arm.sample(0.0).gripper_open


def test_target_that_is_replaced_on_the_way_does_not_act_the_gripper() -> None:
    arm = splicer()
    for begin_s in np.arange(0.0, 2.0, 0.25):
        arm.move_to(Q_HOME + 0.5 + begin_s, False, begin_s, K, STEP_S)
        assert arm.sample(begin_s).gripper_open


# Moving to targets


def test_target_is_reached_at_rest_after_the_horizon() -> None:
    arm = splicer()
    target = Q_HOME + np.linspace(-0.5, 0.5, 7)
    arm.move_to(Q_HOME - 0.3, True, 0.0, K, STEP_S)
    arm.move_to(target, True, 0.4, K, STEP_S)  # in full motion
    end = arm.sample(1.4)
    assert arm.end_s == pytest.approx(1.4)
    assert end.q == pytest.approx(target, abs=1e-12)
    assert end.dq == pytest.approx(np.zeros(7), abs=1e-9)
    assert end.ddq == pytest.approx(np.zeros(7), abs=1e-7)


def test_replanning_to_the_same_target_from_rest_is_the_minimum_jerk_path() -> None:
    arm = splicer()
    target = Q_HOME + 0.4
    chunk = minimum_jerk_chunk(Q_HOME, target, True, True, 0.0, K, STEP_S)
    arm.move_to(target, True, 0.0, K, STEP_S)
    got = np.array([arm.sample(t_s).q for t_s in chunk.times_s])
    assert got == pytest.approx(chunk.q, abs=1e-12)


@pytest.mark.parametrize("execution_horizon", [5, 10, 20])
def test_receding_targets_of_ordinary_motion_pass_the_gate_unchanged(
    execution_horizon: int,
) -> None:
    arm = splicer()
    rng = np.random.default_rng(3)
    targets = Q_HOME + rng.uniform(-0.4, 0.4, (40, 7))
    every = round(execution_horizon * STEP_S / 0.02)

    def replan_to(target: np.ndarray) -> object:
        return lambda now_s: arm.move_to(target, True, now_s, K, STEP_S)

    replans = {i * every + 1: replan_to(targets[i // 2]) for i in range(20)}
    assert not any(through_gate(arm, replans, 20 * every))


def test_spliced_chunks_pass_the_gate_unchanged() -> None:
    arm = splicer()
    replans = {
        tick: lambda now_s: arm.splice(chunk_of(now_s - 0.1, 0.02 * np.sin(9 * now_s)), now_s)
        for tick in range(1, 400, 12)
    }
    assert not any(through_gate(arm, replans, 400))


def test_target_that_is_not_finite_is_refused_and_the_motion_goes_on() -> None:
    arm = splicer()
    arm.move_to(Q_HOME + 0.3, True, 0.0, K, STEP_S)
    before = arm.sample(0.5)
    for wrong in (np.full(7, np.nan), np.zeros(6)):
        with pytest.raises(InvalidCommand, match="seven finite"):
            arm.move_to(wrong, True, 0.5, K, STEP_S)
    with pytest.raises(InvalidCommand, match="steps"):
        arm.move_to(Q_HOME, True, 0.5, 0, STEP_S)
    assert_joined(before, arm.sample(0.5))


def test_reset_forgets_all_motion() -> None:
    arm = splicer()
    arm.move_to(Q_HOME + 0.3, True, 0.0, K, STEP_S)
    arm.reset(Q_HOME + 1.0, False)
    sample = arm.sample(0.5)
    assert (sample.q == Q_HOME + 1.0).all() and not sample.dq.any() and not sample.gripper_open


# Stops


@settings(max_examples=100, deadline=None)
@given(
    speed=st.lists(st.floats(-1.0, 1.0), min_size=7, max_size=7),
    push=st.lists(st.floats(-1.0, 1.0), min_size=7, max_size=7),
)
def test_stops_end_at_rest_soon_and_within_the_limits(
    speed: list[float], push: list[float]
) -> None:
    start = Motion(Q_HOME, np.array(speed) * PANDA.dq_max, np.array(push) * PANDA.ddq_max)
    stop = Quintic.stop(start, 0.0, PANDA)
    assert stop.duration_s < 1.5
    end = stop.at(stop.end_s)
    assert end.dq == pytest.approx(np.zeros(7), abs=1e-9)
    assert end.ddq == pytest.approx(np.zeros(7), abs=1e-6)
    ddq = np.array([stop.at(t_s).ddq for t_s in np.linspace(0.0, stop.end_s, 200)])
    assert (np.abs(ddq) <= PANDA.ddq_max * (1 + 1e-6)).all()
    dddq = np.diff(ddq, axis=0) / (stop.end_s / 199)
    assert (np.abs(dddq) <= PANDA.dddq_max * (1 + 1e-6)).all()


def test_motion_is_the_same_to_the_last_bit_at_any_time_of_day() -> None:
    runs = []
    for base_s in (0.0, 2.05, 86_399.35):
        splicer = ChunkSplicer(limits_of(RobotModel.PANDA), Q_HOME)
        sampled = []
        for chunk in range(4):
            now_s = round(base_s + 0.25 * chunk, 9)
            splicer.move_to(Q_HOME + 0.1 * (chunk + 1), True, now_s, 20, 0.05)
            sampled += [splicer.sample(round(now_s + 0.02 * k, 9)).q for k in range(1, 13)]
        runs.append(np.array(sampled))
    assert np.array_equal(runs[0], runs[1])
    assert np.array_equal(runs[0], runs[2])
