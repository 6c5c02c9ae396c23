# SPDX-License-Identifier: Apache-2.0
"""What a held arm does with trajectories, and without them."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genima.driver.motion import ArmMotion
from genima.driver.types import DriverCause, DriverParameters, DriverState, Trajectory
from genima.errors import InvalidCommand, InvalidParameter, NotReady
from genima.kinematics import JOINT_NAMES, LINK8_T_TCP, Q_HOME, frame_poses
from genima.limits import RobotModel, limits_of
from genima.safety import JointReading

FR3 = limits_of(RobotModel.FR3)
PARAMETERS = DriverParameters()
PERIOD_S = PARAMETERS.period_s
AHEAD_S = np.array([0.02, 0.04, 0.06])


class Bench:
    """An arm that is where it was sent, a clock, and a stream of trajectories at 50 Hz."""

    def __init__(self, parameters: DriverParameters = PARAMETERS) -> None:
        self.motion = ArmMotion(FR3, parameters)
        self.now_s = 100.0
        self.sent: list[np.ndarray] = []
        self.stuck_at: np.ndarray | None = None
        self.state_age_s = 0.0
        self.motion.begin(Q_HOME, self.now_s)

    @property
    def state(self) -> DriverState:
        return self.motion.status.state

    @property
    def cause(self) -> DriverCause:
        return self.motion.status.cause

    def wave(self, t_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A motion that begins at rest at home at 100 s."""
        t = np.asarray(t_s)[..., None] - 100.0
        phase = np.linspace(1.0, 2.0, 7)
        return Q_HOME + 0.2 * (1 - np.cos(phase * t)), 0.2 * phase * np.sin(phase * t)

    def trajectory(self, **changes: object) -> Trajectory:
        q, dq = self.wave(self.now_s + AHEAD_S)
        return replace(Trajectory(self.now_s, JOINT_NAMES, AHEAD_S, q, dq), **changes)

    def tick(self) -> None:
        self.now_s += PERIOD_S
        q = self.motion.q if self.stuck_at is None else self.stuck_at
        reading = JointReading(q, self.now_s - self.state_age_s)
        self.sent.append(self.motion.step(reading, self.now_s))

    def stream(self, seconds: float) -> None:
        for i in range(round(seconds / PERIOD_S)):
            if i % 2 == 0:
                self.motion.accept(self.trajectory(), self.now_s)
            self.tick()

    def silence(self, seconds: float) -> None:
        for _ in range(round(seconds / PERIOD_S)):
            self.tick()

    def speeds(self) -> np.ndarray:
        return np.abs(np.diff(self.sent, axis=0)) / PERIOD_S


def tcp_height_m(q: np.ndarray) -> float:
    return float((frame_poses(q)[8] @ LINK8_T_TCP)[2, 3])


def require_within_limits(sent: list[np.ndarray], parameters: DriverParameters) -> None:
    q = np.array(sent)
    assert FR3.within(q, parameters.position_margin_rad - 1e-9).all()
    dq = np.diff(q, axis=0) / PERIOD_S
    ddq = np.diff(dq, axis=0) / PERIOD_S
    slack = 1.0 + 1e-6
    assert (np.abs(dq) <= FR3.dq_max * parameters.velocity_fraction * slack).all()
    assert (np.abs(ddq) <= FR3.ddq_max * parameters.acceleration_fraction * slack).all()


def test_a_stream_is_followed_exactly() -> None:
    bench = Bench()
    bench.stream(2.0)
    assert bench.state is DriverState.FOLLOWING
    assert bench.sent[-1] == pytest.approx(bench.wave(np.array(bench.now_s))[0], abs=1e-4)
    assert bench.motion.status.trajectories_refused == 0
    require_within_limits(bench.sent, PARAMETERS)


def test_a_stream_that_is_too_fast_is_followed_as_fast_as_allowed() -> None:
    bench = Bench()
    for turn in range(100):
        t_s = bench.now_s - 100.0 + AHEAD_S
        q, dq = np.tile(Q_HOME, (3, 1)), np.zeros((3, 7))
        q[:, 0] += 0.8 * (1.0 - np.cos(3.0 * t_s))
        dq[:, 0] = 2.4 * np.sin(3.0 * t_s)
        if turn % 2 == 0:
            bench.motion.accept(bench.trajectory(q=q, dq=dq), bench.now_s)
        bench.tick()
    fastest = FR3.dq_max[0] * PARAMETERS.velocity_fraction
    assert bench.speeds()[:, 0].max() == pytest.approx(fastest, rel=1e-3)
    require_within_limits(bench.sent, PARAMETERS)


def test_a_stream_that_ends_in_motion_brakes_and_goes_on_with_the_next() -> None:
    bench = Bench()
    bench.stream(1.0)
    bench.silence(0.7)
    assert (bench.state, bench.cause) == (DriverState.HOLDING, DriverCause.TRAJECTORIES_STOPPED)
    assert "no joint_trajectory came for 0.0" in bench.motion.status.reason
    assert not bench.speeds()[-1].any()
    require_within_limits(bench.sent, PARAMETERS)
    with pytest.raises(InvalidCommand, match="begin where the arm is"):
        bench.now_s += 1.0
        bench.motion.accept(bench.trajectory(), bench.now_s)
    q = np.tile(bench.sent[-1], (3, 1))
    bench.motion.accept(bench.trajectory(q=q, dq=0.0 * q), bench.now_s)
    bench.tick()
    assert (bench.state, bench.motion.status.reason) == (DriverState.FOLLOWING, "")
    assert (bench.motion.status.halts, bench.motion.status.trajectories_refused) == (1, 1)


def test_a_stream_that_ends_at_rest_is_no_fault() -> None:
    bench = Bench()
    q = np.tile(Q_HOME + 0.001, (3, 1))
    bench.motion.accept(bench.trajectory(q=q, dq=0.0 * q), bench.now_s)
    bench.silence(0.5)
    assert (bench.state, bench.motion.status.reason) == (DriverState.HOLDING, "")
    assert bench.sent[-1] == pytest.approx(q[0], abs=1e-9)


def test_a_long_trajectory_whose_sender_is_silent_is_not_followed_to_its_end() -> None:
    bench = Bench()
    times_s = np.arange(1, 101) * 0.05
    q, dq = bench.wave(bench.now_s + times_s)
    bench.motion.accept(bench.trajectory(times_s=times_s, q=q, dq=dq), bench.now_s)
    bench.silence(PARAMETERS.trajectory_timeout_s + 0.5)
    assert (bench.state, bench.cause) == (DriverState.HOLDING, DriverCause.TRAJECTORIES_STOPPED)
    assert np.abs(bench.sent[-1] - Q_HOME).max() < 0.2
    assert not bench.speeds()[-1].any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"q": np.full((3, 7), np.nan)}, "joint 1 begins nan rad from where the arm stands"),
        ({"q": np.tile(Q_HOME + 0.2, (3, 1))}, r"joint \d begins 0\.200 rad from where the arm"),
        ({"q": np.empty((0, 7))}, "at least one point"),
        ({"q": np.tile(Q_HOME, (2, 1))}, "3 points of 7 named joints need"),
        ({"dq": np.full((3, 7), np.inf)}, "velocities hold NaN or infinity"),
        ({"names": JOINT_NAMES[:6]}, r"joints \['panda_joint7'\] are missing"),
        ({"stamp_s": 103.0}, "stamped 3.000 s ahead of now; set the clocks"),
        ({"stamp_s": 99.0}, "ended 0.940 s ago; set the clocks"),
        ({"stamp_s": np.nan}, "ahead of now"),
        ({"times_s": AHEAD_S[::-1]}, "must rise"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_a_sentence(
    changes: dict[str, object], words: str
) -> None:
    bench = Bench()
    with pytest.raises(InvalidCommand, match=words):
        bench.motion.accept(bench.trajectory(**changes), bench.now_s)
    bench.silence(0.1)
    assert (np.array(bench.sent) == Q_HOME).all()
    assert bench.motion.status.trajectories_refused == 1
    bench.stream(0.2)
    assert bench.state is DriverState.FOLLOWING


def test_a_halt_brakes_within_the_limits_and_lasts_until_it_is_cleared() -> None:
    bench = Bench()
    bench.stream(1.0)
    assert bench.speeds()[-1].max() > 0.3
    bench.motion.halt(DriverCause.EMERGENCY_STOP, "the emergency stop is pressed")
    bench.motion.halt(DriverCause.ORDERED, "another")
    bench.silence(0.5)
    assert (bench.state, bench.cause) == (DriverState.HALTED, DriverCause.EMERGENCY_STOP)
    assert not bench.speeds()[-1].any()
    require_within_limits(bench.sent, PARAMETERS)
    with pytest.raises(NotReady, match="emergency stop is pressed; then call recover"):
        bench.motion.accept(bench.trajectory(), bench.now_s)
    bench.motion.leave()
    assert bench.state is DriverState.HALTED
    bench.motion.clear()
    assert (bench.state, bench.motion.status.reason) == (DriverState.IDLE, "")
    assert bench.motion.status.halts == 1


def test_an_arm_that_is_held_back_halts() -> None:
    bench = Bench()
    bench.stuck_at = Q_HOME
    with pytest.raises(NotReady, match="from where it was sent"):
        bench.stream(2.0)
    assert (bench.state, bench.cause) == (DriverState.HALTED, DriverCause.HELD_BACK)
    assert bench.motion.status.reason.endswith("free the arm; then call recover")


def test_an_arm_whose_state_is_old_halts() -> None:
    bench = Bench()
    bench.stream(1.0)
    bench.state_age_s = 1.0
    bench.silence(0.5)
    assert (bench.state, bench.cause) == (DriverState.HALTED, DriverCause.STALE_STATE)


def test_an_arm_that_would_touch_the_table_halts() -> None:
    bench = Bench(replace(PARAMETERS, workspace_min_m=(-1.0, -1.0, 0.4)))
    down = Q_HOME + np.array([0.0, 0.8, 0.0, 0.0, 0.0, 0.0, 0.0])
    bench.motion.go_home(down, bench.now_s)
    bench.silence(6.0)
    assert (bench.state, bench.cause) == (DriverState.HALTED, DriverCause.WORKSPACE)
    assert "tool centre" in bench.motion.status.reason
    assert tcp_height_m(bench.sent[-1]) > 0.4
    require_within_limits(bench.sent, PARAMETERS)


def test_home_is_reached_at_its_speed_and_trajectories_wait() -> None:
    bench = Bench()
    q_home = Q_HOME + np.array([0.4, -0.2, 0.0, 0.1, 0.0, 0.0, -0.3])
    duration_s = bench.motion.go_home(q_home, bench.now_s)
    bench.silence(0.5 * duration_s)
    assert bench.state is DriverState.HOMING
    with pytest.raises(NotReady, match="moves home"):
        bench.motion.accept(bench.trajectory(), bench.now_s)
    bench.silence(0.5 * duration_s + 0.1)
    assert (bench.state, bench.motion.status.reason) == (DriverState.HOLDING, "")
    assert bench.sent[-1] == pytest.approx(q_home, abs=1e-9)
    assert bench.speeds().max() == pytest.approx(PARAMETERS.home_speed_rad_s, rel=0.01)


@pytest.mark.parametrize(("velocity", "acceleration"), [(0.2, 0.2), (0.1, 0.8), (0.9, 0.05)])
def test_home_of_a_slow_arm_takes_its_time(velocity: float, acceleration: float) -> None:
    slow = replace(PARAMETERS, velocity_fraction=velocity, acceleration_fraction=acceleration)
    bench = Bench(slow)
    q_home = Q_HOME + np.array([0.8, -0.2, 0.0, 0.1, 0.0, 0.0, -0.3])
    duration_s = bench.motion.go_home(q_home, bench.now_s)
    limited = []
    while bench.now_s < 100.0 + duration_s + 0.1:
        bench.tick()
        limited.append(bench.motion.status.limited)
    assert (bench.state, any(limited)) == (DriverState.HOLDING, False)
    assert bench.sent[-1] == pytest.approx(q_home, abs=1e-9)
    require_within_limits(bench.sent, slow)


def test_home_is_refused_in_motion_and_outside_the_limits() -> None:
    bench = Bench()
    with pytest.raises(InvalidParameter, match=r"must keep 0\.02 rad to the limits"):
        bench.motion.go_home(FR3.q_max, bench.now_s)
    bench.stream(1.0)
    with pytest.raises(NotReady, match="the arm moves; stop what commands it"):
        bench.motion.go_home(Q_HOME, bench.now_s)


def test_an_arm_outside_its_limits_is_not_held() -> None:
    with pytest.raises(InvalidCommand, match="outside its limits"):
        ArmMotion(FR3, PARAMETERS).begin(FR3.q_max + 0.1, 0.0)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    reach_rad=st.floats(0.05, 6.0),
    halt_after=st.integers(1, 60),
)
def test_commands_stay_within_the_limits_whatever_is_streamed(
    seed: int, reach_rad: float, halt_after: int
) -> None:
    rng = np.random.default_rng(seed)
    bench = Bench()
    for turn in range(60):
        q = Q_HOME + rng.uniform(-reach_rad, reach_rad, (3, 7))
        dq = rng.uniform(-3.0, 3.0, (3, 7))
        with suppress(InvalidCommand, NotReady):
            bench.motion.accept(bench.trajectory(q=q, dq=dq), bench.now_s)
        bench.tick()
        if turn == halt_after:
            bench.motion.halt(DriverCause.ORDERED, "hold was called")
    bench.silence(1.0)
    assert not bench.speeds()[-1].any()
    require_within_limits(bench.sent, PARAMETERS)


@pytest.mark.parametrize(
    "name", [name for name in DriverParameters.__dataclass_fields__ if not name.endswith("_m")]
)
def test_parameters_are_above_zero(name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"{name} is 0.0; it must be above 0"):
        DriverParameters(**{name: 0.0})
