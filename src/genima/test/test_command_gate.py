# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the command gate and of its limiter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from genima.errors import InvalidCommand, InvalidParameter
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.limits import JointLimits, RobotModel, limits_of
from genima.safety import (
    CommandGate,
    GateOutput,
    GateParameters,
    GateReason,
    GateState,
    JointCommand,
    JointReading,
)
from genima.safety.free_space import FreeSpace
from genima.safety.tick_limiter import TickLimiter

H = 0.02
PANDA = limits_of(RobotModel.PANDA)
FR3 = limits_of(RobotModel.FR3)
Q_FR3 = 0.5 * (FR3.q_min + FR3.q_max)
SEVEN = np.ones(7)


class Bench:
    """A gate on an arm that follows perfectly; time goes on by a period with each step."""

    def __init__(self, limits: JointLimits = PANDA, **parameters: float) -> None:
        self.gate = CommandGate(limits, GateParameters(period_s=H, **parameters))
        self.now_s = 100.0
        self.q = Q_HOME.copy()
        self.gate.reset(JointReading(self.q, self.now_s), self.now_s)

    def step(
        self, q_cmd: object, *, target_age_s: float = 0.0, reading_age_s: float = 0.0, **command
    ) -> GateOutput:
        self.now_s += H
        reading = JointReading(self.q, self.now_s - reading_age_s)
        asked = None
        if q_cmd is not None:
            asked = JointCommand(q_cmd, self.now_s - target_age_s, **command)
        output = self.gate.step(asked, reading, self.now_s)
        self.q = output.q
        return output

    def go(self, seconds: float = 0.4) -> float:
        """Set the arm in motion; returns the speed it has."""
        for t in np.arange(1, round(seconds / H) + 1) * H:
            output = self.step(Q_HOME + 0.5 * 2.0 * t**2 * SEVEN)
        assert output.state is GateState.PASSING
        return float(np.abs(output.dq).max())


def assert_within_limits(q: np.ndarray, limits: JointLimits) -> None:
    """Check a stream of positions (n, 7) by its finite differences."""
    assert (q >= limits.q_min).all() and (q <= limits.q_max).all()
    dq = np.diff(q, axis=0) / H
    ddq = np.diff(dq, axis=0) / H
    dddq = np.diff(ddq, axis=0) / H
    for got, allowed in ((dq, limits.dq_max), (ddq, limits.ddq_max), (dddq, limits.dddq_max)):
        assert (np.abs(got) <= allowed * (1.0 + 1e-9)).all()


def assert_clear(q: np.ndarray, parameters: GateParameters) -> None:
    """Check that postures (n, 7) are in the workspace and keep the arm clear of itself."""
    space = FreeSpace(
        parameters.workspace_min_m, parameters.workspace_max_m, parameters.self_collision_margin_m
    )
    moved = np.append(True, np.diff(q, axis=0).any(axis=1))  # the others are the same once more
    for some in np.array_split(q[moved], moved.sum() // 1000 + 1):
        assert space.clearances(some).min() >= -1e-6


# What is within the limits


def test_motion_within_the_limits_passes_unchanged_to_the_last_bit() -> None:
    bench = Bench()
    for t in np.arange(1, 500) * H:
        q, dq = Q_HOME + 0.3 * (1 - np.cos(2 * t)) * SEVEN, 0.6 * np.sin(2 * t) * SEVEN
        output = bench.step(q, dq=dq)
        assert output.state is GateState.PASSING and not output.limited
        assert (output.q == q).all() and (output.dq == dq).all()


def test_motion_at_nearly_the_full_limits_passes_unchanged() -> None:
    bench = Bench()
    amplitude = 0.9 * PANDA.ddq_max / 8.0**2
    for t in np.arange(1, 500) * H:
        begun = (t / 10.0) ** 3  # from rest
        q = Q_HOME + begun * amplitude * np.sin(8.0 * t)
        output = bench.step(q)
        assert not output.limited and (output.q == q).all()


def test_velocity_is_estimated_where_the_command_gives_none_or_nonsense() -> None:
    bench, nonsense = Bench(), Bench()
    for t in np.arange(1, 60) * H:
        q = Q_HOME + 0.5 * 1.5 * t**2 * SEVEN
        output = bench.step(q)
        wrong = nonsense.step(q, dq=100.0 * SEVEN)
    assert output.dq == pytest.approx(1.5 * t * SEVEN, abs=1e-9)
    assert wrong.dq == pytest.approx(output.dq)


def test_joints_are_found_by_name_in_any_order() -> None:
    bench = Bench()
    shuffled = [3, 1, 6, 0, 5, 2, 4]
    names = [JOINT_NAMES[i] for i in shuffled]
    q = Q_HOME + 0.001 * np.arange(7)
    bench.now_s += H
    reading = JointReading(
        np.append(Q_HOME[shuffled], [0.04, 0.04]),
        bench.now_s,
        [*names, "panda_finger_joint1", "panda_finger_joint2"],
    )
    output = bench.gate.step(JointCommand(q[shuffled], bench.now_s, None, names), reading, 100.02)
    assert output.state is GateState.PASSING
    assert (output.q == q).all()


# Beyond the limits


def test_step_is_smoothed_without_overshoot_and_reached_exactly() -> None:
    bench = Bench()
    target = Q_HOME + 0.09 * np.array([1, -1, 1, -1, 1, -1, 1])
    stream = [Q_HOME] * 3 + [bench.step(target).q for _ in range(40)]
    assert_within_limits(np.array(stream), PANDA)
    assert (np.abs(stream[-1] - Q_HOME) == np.abs(target - Q_HOME)).all()
    assert (np.abs(np.array(stream) - Q_HOME) <= np.abs(target - Q_HOME) + 1e-12).all()


def test_joint_that_was_left_behind_catches_up_with_a_moving_command() -> None:
    limiter = TickLimiter(PANDA, H, Q_HOME)
    error = []
    for t in np.arange(1, 150) * H:
        wanted = Q_HOME + 0.3 + 0.3 * np.sin(1.5 * t)
        error.append(np.abs(limiter.track(wanted) - wanted).max())
    assert error[0] > 0.2
    assert max(error[50:]) == 0.0


def test_command_beyond_a_position_limit_stops_at_the_margin() -> None:
    bench = Bench(position_margin_rad=0.05)
    wall = PANDA.q_max[6] - 0.05
    stream = []
    for t in np.arange(1, 400) * H:
        q = Q_HOME.copy()
        q[6] = min(q[6] + 0.5 * t, wall + 0.03)
        output = bench.step(q)
        stream.append(output.q)
    assert stream[-1][6] == pytest.approx(wall, abs=1e-12)
    assert_within_limits(np.array(stream), bench.gate.limits)


def test_arm_that_begins_inside_the_margin_may_come_back_but_goes_no_further() -> None:
    gate = CommandGate(PANDA, GateParameters(period_s=H, position_margin_rad=0.1))
    start = Q_HOME.copy()
    start[3] = PANDA.q_max[3] - 0.02
    gate.reset(JointReading(start, 0.0), 0.0)
    beyond, back = start.copy(), start.copy()
    beyond[3] += 0.01
    back[3] -= 0.001
    reading = JointReading(start, 0.02)
    assert gate.step(JointCommand(beyond, 0.02), reading, 0.02).q[3] == start[3]
    assert gate.step(JointCommand(back, 0.02), reading, 0.02).q[3] == back[3]


def test_too_many_limited_commands_in_a_row_halt_until_reset() -> None:
    bench = Bench(max_limited_steps=5)
    output = bench.step(Q_HOME)
    too_fast = [bench.step(bench.q + 0.2) for _ in range(6)]
    assert all(output.limited for output in too_fast)
    output = bench.step(bench.q)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.LIMITED_TOO_LONG)
    for _ in range(30):
        output = bench.step(bench.q)
    assert (output.state, output.reason) == (GateState.HALTED, GateReason.LIMITED_TOO_LONG)
    bench.gate.reset(JointReading(bench.q, bench.now_s), bench.now_s)
    assert bench.step(bench.q).state is GateState.PASSING


def test_arm_that_is_measured_late_is_not_held_back_but_one_that_is_stuck_is() -> None:
    late, stuck = (Bench(tracking_tolerance_rad=0.1, arm_delay_s=0.15) for _ in range(2))
    outputs = [Q_HOME] * 8
    for t in np.arange(1, 40) * H:
        q = Q_HOME + 0.5 * 1.5 * t**2 * SEVEN
        late.q = outputs[-7]  # 0.14 s ago; at 1.2 rad/s that is 0.16 rad away
        output = late.step(q)
        assert output.state is GateState.PASSING, output.message
        outputs.append(output.q)
        stuck.q = Q_HOME
        held_back = stuck.step(q)
    assert np.abs(outputs[-1] - outputs[-7]).max() > 0.1
    assert held_back.reason is GateReason.TRACKING


def test_single_limited_command_is_forgiven() -> None:
    bench = Bench(max_limited_steps=5)
    for _ in range(10):
        assert bench.step(bench.q + 0.02).limited
        for _ in range(10):
            output = bench.step(bench.q)
    assert output.state is GateState.PASSING


# Bad and old input


@pytest.mark.parametrize(
    ("q", "message"),
    [
        (np.full(7, np.nan), "finite"),
        (np.append(Q_HOME[:6], np.inf), "finite"),
        (Q_HOME[:6], "shape"),
        (np.zeros((7, 1)), "shape"),
        (np.zeros(0), "shape"),
    ],
)
def test_malformed_command_brakes_with_a_sentence(q: np.ndarray, message: str) -> None:
    bench = Bench()
    speed = bench.go()
    output = bench.step(q)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.BAD_COMMAND)
    assert message in output.message
    assert np.abs(output.dq).max() < speed


@pytest.mark.parametrize(
    "names",
    [
        JOINT_NAMES[:6],
        (*JOINT_NAMES[:6], "panda_joint1"),
        (*JOINT_NAMES, "panda_finger_joint1"),
        tuple(name.replace("panda", "fr3") for name in JOINT_NAMES),
    ],
)
def test_command_with_wrong_joint_names_is_refused(names: tuple[str, ...]) -> None:
    output = Bench().step(np.zeros(len(names)), names=names)
    assert (output.state, output.reason) == (GateState.HOLDING, GateReason.BAD_COMMAND)
    assert "joint" in output.message
    assert (output.q == Q_HOME).all()


def test_old_target_brakes_and_a_fresh_one_goes_on() -> None:
    bench = Bench(target_timeout_s=0.5)
    bench.go()
    assert bench.step(bench.q, target_age_s=0.5).state is GateState.PASSING
    output = bench.step(bench.q, target_age_s=0.51)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.STALE_TARGET)
    assert "0.510 s old" in output.message
    for _ in range(30):
        output = bench.step(bench.q, target_age_s=0.51)
    assert output.state is GateState.HOLDING
    assert bench.step(bench.q).state is GateState.PASSING


def test_target_from_the_future_is_refused() -> None:
    output = Bench().step(Q_HOME, target_age_s=-0.2)
    assert output.reason is GateReason.FUTURE_TARGET


@pytest.mark.parametrize("age_s", [np.nan, np.inf, -np.inf])
def test_stamps_that_are_no_numbers_are_refused(age_s: float) -> None:
    assert Bench().step(Q_HOME, target_age_s=age_s).state is GateState.HOLDING
    assert Bench().step(Q_HOME, reading_age_s=age_s).reason is GateReason.STALE_JOINT_STATE


def test_old_joint_state_brakes_and_a_fresh_one_goes_on() -> None:
    bench = Bench()
    bench.go()
    assert bench.step(bench.q, reading_age_s=0.09).state is GateState.PASSING
    output = bench.step(bench.q, reading_age_s=0.12)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.STALE_JOINT_STATE)
    assert "driver" in output.message
    assert bench.step(bench.q).state is GateState.PASSING


def test_joint_state_from_the_future_brakes_and_the_clocks_are_named() -> None:
    bench = Bench()
    bench.go()
    assert bench.step(bench.q, reading_age_s=-0.04).state is GateState.PASSING
    output = bench.step(bench.q, reading_age_s=-0.2)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.STALE_JOINT_STATE)
    assert "0.200 s in the future; set the clocks" in output.message


def test_missing_joint_state_brakes() -> None:
    bench = Bench()
    bench.go()
    output = bench.gate.step(JointCommand(bench.q, bench.now_s), None, bench.now_s)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.STALE_JOINT_STATE)


def test_malformed_joint_state_brakes() -> None:
    bench = Bench()
    bench.go()
    now_s = bench.now_s + H
    reading = JointReading(np.full(7, np.nan), now_s)
    output = bench.gate.step(JointCommand(bench.q, now_s), reading, now_s)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.BAD_JOINT_STATE)


def test_first_command_far_from_the_arm_is_refused_and_not_stepped_to() -> None:
    bench = Bench(start_tolerance_rad=0.1)
    output = bench.step(Q_HOME + 0.11)
    assert (output.state, output.reason) == (GateState.HOLDING, GateReason.FAR_START)
    assert (output.q == Q_HOME).all()
    assert bench.step(Q_HOME).state is GateState.PASSING


def test_jump_in_mid_motion_brakes() -> None:
    bench = Bench()
    bench.go()
    output = bench.step(bench.q + 1.0)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.FAR_COMMAND)


def test_arm_that_does_not_follow_halts_until_reset() -> None:
    bench = Bench(tracking_tolerance_rad=0.3)
    bench.step(Q_HOME)
    bench.q = Q_HOME + 0.31 * np.eye(7)[2]
    output = bench.step(Q_HOME)
    assert output.reason is GateReason.TRACKING and "joint 3" in output.message
    bench.q = Q_HOME
    assert bench.step(Q_HOME).state is GateState.HALTED
    bench.gate.reset(JointReading(Q_HOME, bench.now_s), bench.now_s)
    assert bench.step(Q_HOME).state is GateState.PASSING


def test_clock_that_goes_back_brakes_once_and_then_goes_on() -> None:
    bench = Bench()
    bench.go()
    bench.now_s -= 50.0
    output = bench.step(bench.q)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.BAD_CLOCK)
    assert bench.step(bench.q).state is GateState.PASSING


def test_trip_stays_until_reset_and_keeps_its_first_cause() -> None:
    bench = Bench()
    bench.go()
    bench.gate.trip("user stop pressed")
    bench.gate.trip("something later")
    output = bench.step(bench.q)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.TRIPPED)
    assert output.message == "user stop pressed"
    for _ in range(30):
        output = bench.step(bench.q)
    assert output.state is GateState.HALTED


def test_halted_arm_stands_still_in_bounded_time() -> None:
    bench = Bench()
    bench.go(seconds=1.0)
    bench.gate.trip("stop")
    longest_s = (PANDA.dq_max / PANDA.ddq_max).max() + 2 * H
    stream = [bench.step(None).q for _ in range(round(longest_s / H))]
    standing = [bench.step(None) for _ in range(50)]
    assert all((output.q == stream[-1]).all() for output in standing)
    assert all((output.dq == 0.0).all() for output in standing)


def test_no_command_means_brake_and_hold_without_complaint() -> None:
    bench = Bench()
    bench.go()
    output = bench.step(None)
    assert (output.state, output.reason) == (GateState.HALTING, GateReason.NONE)
    for _ in range(30):
        output = bench.step(None)
    assert (output.state, output.reason) == (GateState.HOLDING, GateReason.NONE)


# Start


def test_nothing_comes_out_before_the_first_reset() -> None:
    gate = CommandGate(PANDA)
    output = gate.step(JointCommand(Q_HOME, 0.0), JointReading(Q_HOME, 0.0), 0.0)
    assert output.state is GateState.UNSEEDED and output.q is None


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (JointReading(Q_HOME, 0.5), "old"),
        (JointReading(np.full(7, np.nan), 1.0), "finite"),
        (JointReading(Q_HOME[:6], 1.0, JOINT_NAMES[:6]), "missing"),
        (JointReading(Q_HOME + 3.0, 1.0), "outside its limits"),
    ],
)
def test_reset_refuses_joint_states_that_cannot_be_trusted(
    reading: JointReading, message: str
) -> None:
    gate = CommandGate(PANDA)
    with pytest.raises(InvalidCommand, match=message):
        gate.reset(reading, 1.0)
    assert gate.step(None, None, 1.0).state is GateState.UNSEEDED


@pytest.mark.parametrize(
    "wrong",
    [
        {"period_s": 0.0},
        {"velocity_fraction": 1.1},
        {"jerk_fraction": 0.0},
        {"target_timeout_s": np.inf},
        {"start_tolerance_rad": np.nan},
        {"position_margin_rad": -0.1},
    ],
)
def test_parameter_out_of_range_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter, match=next(iter(wrong))):
        GateParameters(**wrong)


# Whatever comes


class Adversary:
    """Feeds a gate the worst it can think of, for some steps, and records what comes out."""

    #: How often a fault hits a step that would otherwise be well-formed.
    FAULTS = 0.04

    def __init__(self, gate: CommandGate, q_start: np.ndarray, seed: int) -> None:
        self.gate = gate
        self.rng = np.random.default_rng(seed)
        self.q_start = q_start
        self.now_s = 0.0
        self.streams: list[list[np.ndarray]] = []
        self.passed = 0
        self._reset(q_start)

    def run(self, steps: int) -> None:
        while steps > 0:
            length = min(int(self.rng.integers(5, 120)), steps)
            steps -= length
            wave = self._wave(length)
            faults = self.rng.random(length) < self.FAULTS
            for offset, faulty in zip(wave, faults, strict=True):
                self._step(self.q + offset, faulty)

    def _wave(self, n: int) -> np.ndarray:
        """Offsets of the commands to the output at the time: (n, 7)."""
        rng, far = self.rng, 0.299
        kinds = (
            lambda: rng.uniform(-far, far, (n, 7)),
            lambda: np.full((n, 7), far) * rng.choice([-1.0, 1.0], 7),  # to the walls
            lambda: far * np.sign(np.sin(np.arange(n) / rng.uniform(0.3, 9.0)))[:, None] * SEVEN,
            lambda: rng.normal(0.0, 10.0 ** rng.uniform(-9, -1), (n, 7)),
            lambda: np.zeros((n, 7)),
            lambda: np.full((n, 7), rng.uniform(-0.02, 0.02)),
            lambda: far * rng.choice([-1.0, 0.0, 1.0], (n, 7)),
        )
        return kinds[rng.integers(len(kinds))]()

    def _step(self, q_cmd: np.ndarray, faulty: bool) -> None:
        self.now_s += H
        reading = JointReading(self.q, self.now_s)
        command: JointCommand | None = JointCommand(q_cmd, self.now_s)
        now_s = self.now_s
        if faulty:
            command, reading, now_s = self._spoil(q_cmd)
        output = self.gate.step(command, reading, now_s)
        self.q = output.q
        self.streams[-1].append(output.q)
        self.passed += output.state is GateState.PASSING
        if output.state is GateState.HALTED:
            self._reset(self.q)
        elif faulty and self.rng.random() < 0.02:
            self.gate.trip("now and then")

    def _spoil(self, q_cmd: np.ndarray) -> tuple[JointCommand | None, JointReading | None, float]:
        rng, now_s = self.rng, self.now_s
        fine = JointReading(self.q, now_s)
        broken = q_cmd.copy()
        broken[rng.integers(7)] = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e300, 1e6])
        kinds = (
            lambda: (JointCommand(broken, now_s), fine, now_s),
            lambda: (JointCommand(q_cmd[: rng.integers(7)], now_s), fine, now_s),
            lambda: (JointCommand(q_cmd, now_s, broken), fine, now_s),
            lambda: (JointCommand(q_cmd, now_s, None, JOINT_NAMES[::-1]), fine, now_s),
            lambda: (JointCommand(q_cmd, now_s, None, JOINT_NAMES[1:]), fine, now_s),
            lambda: (JointCommand(q_cmd, now_s - rng.uniform(-3, 3)), fine, now_s),
            lambda: (JointCommand(q_cmd, np.nan), fine, now_s),
            lambda: (JointCommand(q_cmd, now_s), JointReading(broken, now_s), now_s),
            lambda: (JointCommand(q_cmd, now_s), JointReading(self.q, now_s - 0.2), now_s),
            lambda: (JointCommand(q_cmd, now_s), None, now_s),
            lambda: (None, fine, now_s),
            lambda: (JointCommand(q_cmd, now_s), fine, now_s - rng.uniform(0, 10)),
            lambda: (JointCommand(q_cmd, now_s), fine, rng.choice([np.nan, np.inf, -np.inf])),
        )
        return kinds[rng.integers(len(kinds))]()

    def _reset(self, q: np.ndarray) -> None:
        """Begin a new stream, from rest."""
        self.gate.reset(JointReading(q, self.now_s), self.now_s)
        self.q = q
        self.streams.append([q, q, q, q])


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to shrink an example of 20,000 steps would take minutes
    suppress_health_check=list(HealthCheck),
)
@given(
    robot=st.sampled_from([(PANDA, Q_HOME), (FR3, Q_FR3)]),
    velocity_fraction=st.floats(0.05, 1.0),
    acceleration_fraction=st.floats(0.05, 1.0),
    jerk_fraction=st.floats(0.005, 1.0),
    max_limited_steps=st.sampled_from([3, 50, 10**9]),
    lowest_m=st.sampled_from([-0.05, 0.3]),
    seed=st.integers(0, 2**32),
)
def test_a_million_adversarial_steps_never_leave_the_limits(
    robot: tuple[JointLimits, np.ndarray],
    velocity_fraction: float,
    acceleration_fraction: float,
    jerk_fraction: float,
    max_limited_steps: int,
    lowest_m: float,
    seed: int,
) -> None:
    limits, q_start = robot
    gate = CommandGate(
        limits,
        GateParameters(
            H,
            velocity_fraction=velocity_fraction,
            acceleration_fraction=acceleration_fraction,
            jerk_fraction=jerk_fraction,
            max_limited_steps=max_limited_steps,
            workspace_min_m=(-0.5, -0.6, lowest_m),
            workspace_max_m=(0.7, 0.6, 1.1),
        ),
    )
    adversary = Adversary(gate, q_start, seed)
    adversary.run(20_000)  # fifty times
    assert adversary.passed > 1_000
    for stream in adversary.streams:
        assert_within_limits(np.array(stream), gate.limits)
    assert_clear(np.concatenate(adversary.streams), gate.parameters)


def test_full_speed_into_the_walls_uses_the_limits_and_keeps_them() -> None:
    limits = replace(PANDA, dddq_max=0.2 * PANDA.dddq_max)
    limiter = TickLimiter(limits, H, Q_HOME)
    stream = [Q_HOME] * 4
    for k in range(4_000):
        wall = PANDA.q_max + 1.0 if (k // 150) % 2 else PANDA.q_min - 1.0
        stream.append(limiter.track(wall))
    q = np.array(stream)
    assert_within_limits(q, limits)
    assert np.abs(np.diff(q, axis=0) / H).max(axis=0) == pytest.approx(PANDA.dq_max, rel=1e-6)
    assert q.max(axis=0) == pytest.approx(PANDA.q_max)
    assert q.min(axis=0) == pytest.approx(PANDA.q_min)
