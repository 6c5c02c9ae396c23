# SPDX-License-Identifier: Apache-2.0
"""When the follower may begin, how it follows, and what stops it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genima.errors import InvalidParameter, NotReady
from genima.kinematics import LINK8_T_TCP, Q_HOME, frame_poses
from genima.limits import RobotModel, limits_of
from genima.teleop.mirror import Mirror
from genima.teleop.types import (
    FollowerReading,
    LeaderReading,
    TeleopCommand,
    TeleopParameters,
    TeleopState,
)

PERIOD_S = 0.01
LIMITS = limits_of(RobotModel.PANDA)
HOME = np.array(Q_HOME)


class Rig:
    """A mirror, a leader that is put anywhere, and a follower that goes where it is sent."""

    def __init__(self, leader: np.ndarray = HOME, **parameters: float) -> None:
        self.parameters = TeleopParameters(period_s=PERIOD_S, **parameters)
        self.mirror = Mirror(LIMITS, self.parameters)
        self.leader, self.follower = np.array(leader, float), HOME.copy()
        self.leader_opening, self.follower_opening = 1.0, 1.0
        self.leader_s: float | None = None  # when it was last heard; None: just now
        self.follower_s: float | None = None
        self.stuck = False
        self.now_s = 100.0
        self.sent: list[np.ndarray] = []

    @property
    def state(self) -> TeleopState:
        return self.mirror.status.state

    @property
    def reason(self) -> str:
        return self.mirror.status.reason

    def readings(self) -> tuple[LeaderReading, FollowerReading]:
        leader_s = self.now_s if self.leader_s is None else self.leader_s
        follower_s = self.now_s if self.follower_s is None else self.follower_s
        return (
            LeaderReading(self.leader, np.zeros(7), leader_s, self.leader_opening),
            FollowerReading(self.follower, follower_s, self.follower_opening),
        )

    def start(self) -> None:
        self.mirror.start(*self.readings(), self.now_s)
        self.sent = [self.follower.copy()] * 2

    def step(self) -> TeleopCommand | None:
        self.now_s += PERIOD_S
        command = self.mirror.step(*self.readings(), self.now_s)
        if command is not None:
            self.sent.append(command.q)
            if not self.stuck:
                self.follower = command.q
        return command

    def run(self, seconds: float, move: Callable[[float], np.ndarray] | None = None) -> None:
        for i in range(round(seconds / PERIOD_S)):
            if move is not None:
                self.leader = move((i + 1) * PERIOD_S)
            self.step()

    def mirroring(self) -> "Rig":
        self.start()
        self.run(0.5)
        assert self.state is TeleopState.MIRRORING
        return self


def offset(joint: int, rad: float) -> np.ndarray:
    q = HOME.copy()
    q[joint - 1] += rad
    return q


def test_a_leader_that_reaches_below_the_base_halts_the_follower_in_time() -> None:
    rig = Rig().mirroring()
    rig.run(3.0, lambda t: offset(2, 0.6 * t) + offset(4, 0.3 * t) - HOME)
    assert rig.state is TeleopState.HALTED
    assert "the tool centre at" in rig.reason and "must stay between" in rig.reason
    poses = [frame_poses(q)[8] @ LINK8_T_TCP for q in rig.sent]
    assert 0.0 <= min(pose[2, 3] for pose in poses) < 0.01


def test_nothing_is_commanded_before_the_start() -> None:
    rig = Rig()
    assert [rig.step() for _ in range(10)] == [None] * 10
    assert rig.state is TeleopState.IDLE


def test_arms_that_agree_mirror_at_once() -> None:
    rig = Rig(offset(2, 0.04))
    rig.start()
    rig.step()
    assert rig.state is TeleopState.MIRRORING


def test_arms_far_apart_are_refused_with_joint_and_distance() -> None:
    rig = Rig(offset(4, -0.7))
    with pytest.raises(NotReady, match=r"joint 4 .* 0\.70 rad apart, at most 0\.5"):
        rig.start()
    assert rig.step() is None


def test_arms_that_are_apart_are_brought_together_slowly_before_they_mirror() -> None:
    rig = Rig(offset(1, 0.3))
    rig.start()
    rig.run(0.5)
    assert rig.state is TeleopState.ALIGNING
    assert rig.follower[0] == pytest.approx(0.15 * 0.5, abs=0.005)
    rig.run(2.0)
    assert rig.state is TeleopState.MIRRORING
    assert rig.follower == pytest.approx(rig.leader)
    # What limited acceleration leaves behind at the beginning is caught up at once.
    assert np.abs(np.diff(rig.sent, axis=0)).max() <= 2.0 * 0.15 * PERIOD_S


def test_a_leader_that_moves_off_while_arms_are_brought_together_halts() -> None:
    rig = Rig(offset(1, 0.4))
    rig.start()
    rig.run(0.2)
    rig.leader = offset(1, 0.8)
    rig.step()
    assert rig.state is TeleopState.HALTED
    assert "moved away" in rig.reason


def test_bringing_together_does_not_go_on_for_ever() -> None:
    rig = Rig(offset(1, 0.3), align_timeout_s=3.0)
    rig.start()
    rig.run(4.0, lambda t: offset(1, 0.3 + 0.15 * t))  # as fast as the follower comes
    assert rig.state is TeleopState.HALTED
    assert "within 3 s" in rig.reason


def test_a_leader_within_the_limits_is_mirrored_to_the_last_bit() -> None:
    rig = Rig().mirroring()
    rig.run(3.0, lambda t: HOME + 0.2 * (1.0 - np.cos(2.0 * t)))
    assert rig.follower.tolist() == rig.leader.tolist()
    assert not rig.mirror.status.limited


def test_a_follower_stops_at_its_position_limits_and_comes_back() -> None:
    rig = Rig().mirroring()
    beyond = LIMITS.q_max[3] - HOME[3] + 0.3  # farther than it may be behind elsewhere
    rig.run(6.0, lambda t: offset(4, beyond * (1.0 - np.cos(np.pi * t / 6.0)) / 2.0))
    assert rig.state is TeleopState.MIRRORING
    assert rig.follower[3] == pytest.approx(LIMITS.q_max[3] - rig.parameters.position_margin_rad)
    rig.run(6.0, lambda t: offset(4, beyond * (1.0 + np.cos(np.pi * t / 6.0)) / 2.0))
    assert rig.follower == pytest.approx(HOME)


def test_a_follower_uses_no_more_than_its_share_of_the_velocity() -> None:
    rig = Rig(velocity_fraction=0.2, lag_rad=0.25).mirroring()
    rig.run(1.0, lambda t: offset(1, 0.6 * t))
    assert rig.state is TeleopState.MIRRORING
    fastest = np.abs(np.diff(rig.sent, axis=0)).max() / PERIOD_S
    assert fastest == pytest.approx(0.2 * LIMITS.dq_max[0], rel=1e-6)


def test_one_wild_sample_of_the_leader_moves_nothing() -> None:
    rig = Rig().mirroring()
    rig.leader = offset(3, 1.5)
    rig.step()
    rig.leader = HOME.copy()
    rig.run(0.5)
    assert rig.state is TeleopState.MIRRORING
    assert np.abs(np.array(rig.sent) - HOME).max() < 1e-6


def test_a_leader_that_has_jumped_and_stays_away_halts() -> None:
    rig = Rig().mirroring()
    rig.leader = offset(3, 1.5)
    rig.run(0.7)
    assert rig.state is TeleopState.HALTED
    assert "joint 3 of the leader is 1.50 rad ahead" in rig.reason
    assert rig.follower == pytest.approx(HOME)


def test_a_leader_that_is_too_fast_is_limited_and_then_halts() -> None:
    rig = Rig().mirroring()
    rig.run(0.2, lambda t: offset(1, 3.0 * t))
    assert rig.state is TeleopState.MIRRORING
    assert rig.mirror.status.limited
    rig.run(0.6, lambda t: offset(1, 0.6 + 3.0 * t))
    assert rig.state is TeleopState.HALTED


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_state_that_grows_old_halts_with_a_smooth_stop(who: str) -> None:
    rig = Rig().mirroring()
    rig.run(1.0, lambda t: offset(1, 0.5 * t * t))
    setattr(rig, f"{who}_s", rig.now_s)
    rig.run(0.09)
    assert rig.state is TeleopState.MIRRORING
    rig.run(0.03)
    assert rig.state is TeleopState.HALTED
    assert f"{who}'s state is 0.1" in rig.reason
    rig.run(0.5)
    assert rig.step() is None
    steps = np.diff(np.array(rig.sent), axis=0) / PERIOD_S
    assert np.abs(np.diff(steps, axis=0) / PERIOD_S).max() <= 0.5 * LIMITS.ddq_max.max() + 1e-6
    assert not steps[-1].any()


def test_it_stays_halted_until_it_is_started_again() -> None:
    rig = Rig().mirroring()
    rig.leader_s = rig.now_s
    rig.run(1.0)
    rig.leader_s = None
    rig.run(1.0)
    assert rig.state is TeleopState.HALTED
    assert rig.mirror.at_rest
    rig.start()
    rig.run(0.1)
    assert rig.state is TeleopState.MIRRORING


def test_start_is_refused_while_the_follower_moves() -> None:
    rig = Rig().mirroring()
    with pytest.raises(NotReady, match="in motion"):
        rig.start()


@pytest.mark.parametrize("missing", ["leader", "follower"])
def test_start_is_refused_without_a_state(missing: str) -> None:
    rig = Rig()
    leader, follower = rig.readings()
    with pytest.raises(NotReady, match=f"no state of the {missing} has come"):
        rig.mirror.start(
            None if missing == "leader" else leader,
            None if missing == "follower" else follower,
            rig.now_s,
        )


def test_start_is_refused_with_an_old_leader() -> None:
    rig = Rig()
    rig.leader_s = rig.now_s - 0.3
    with pytest.raises(NotReady, match=r"leader's state is 0\.30 s old"):
        rig.start()


def test_start_is_refused_where_the_follower_is_outside_its_limits() -> None:
    rig = Rig()
    rig.follower[3] = rig.leader[3] = 0.1
    with pytest.raises(NotReady, match="outside its limits"):
        rig.start()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_leader_that_is_not_a_number_halts(value: float) -> None:
    rig = Rig().mirroring()
    rig.leader = offset(5, value)
    rig.step()
    assert rig.state is TeleopState.HALTED
    assert "finite" in rig.reason


def test_a_follower_that_does_not_move_along_halts() -> None:
    rig = Rig().mirroring()
    rig.stuck = True
    rig.run(1.5, lambda t: offset(6, 0.4 * t))
    assert rig.state is TeleopState.HALTED
    assert "joint 6 of the follower is 0.3" in rig.reason


def test_a_clock_that_goes_back_halts() -> None:
    rig = Rig().mirroring()
    rig.now_s -= 5.0
    rig.step()
    assert rig.state is TeleopState.HALTED


def test_stop_brakes_and_leaves_the_follower_alone() -> None:
    rig = Rig().mirroring()
    rig.run(0.5, lambda t: offset(1, t * t))
    rig.mirror.stop("enough")
    assert not rig.mirror.at_rest
    rig.run(0.5)
    assert (rig.state, rig.reason) == (TeleopState.IDLE, "enough")
    assert rig.mirror.at_rest and rig.step() is None


def test_the_first_reason_of_a_halt_stays() -> None:
    rig = Rig().mirroring()
    rig.mirror.halt("the user stop is pressed")
    rig.mirror.halt("something else")
    rig.mirror.stop("deactivated")
    rig.run(0.1)
    assert (rig.state, rig.reason) == (TeleopState.HALTED, "the user stop is pressed")
    rig.mirror.clear()
    rig.step()
    assert (rig.state, rig.reason) == (TeleopState.IDLE, "")


def test_an_abandoned_mirror_is_halted_at_once_and_tells_so() -> None:
    rig = Rig().mirroring()
    rig.run(0.5, lambda t: offset(1, t * t))
    rig.mirror.abandon("a defect")
    assert (rig.state, rig.reason) == (TeleopState.HALTED, "a defect")
    assert rig.mirror.at_rest and rig.step() is None
    assert (rig.state, rig.reason) == (TeleopState.HALTED, "a defect")


def gripper_commands(rig: Rig, *openings: float) -> list[bool | None]:
    commands = []
    for opening in openings:
        rig.leader_opening = opening
        command = rig.step()
        assert command is not None
        commands.append(command.gripper_open)
    return commands


def test_the_gripper_is_mirrored_with_hysteresis() -> None:
    rig = Rig().mirroring()
    assert gripper_commands(rig, 0.55, 0.45, 0.35, 0.45, 0.55, 0.65) == [
        *(True, True, False),
        *(False, False, True),
    ]


def test_the_gripper_keeps_what_it_holds_until_the_leaders_is_clear() -> None:
    rig = Rig()
    rig.leader_opening, rig.follower_opening = 0.5, 0.1
    rig.mirroring()
    assert gripper_commands(rig, 0.5, np.nan, 0.7) == [False, False, True]


def test_the_gripper_waits_until_the_arms_are_together() -> None:
    rig = Rig(offset(1, 0.3))
    rig.leader_opening = 0.0
    rig.start()
    assert gripper_commands(rig, 0.0) == [None]


def test_arms_without_grippers_command_none() -> None:
    rig = Rig()
    rig.leader_opening = rig.follower_opening = np.nan
    rig.mirroring()
    assert gripper_commands(rig, np.nan) == [None]


def test_contradicting_tolerances_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="lag_rad must be larger"):
        TeleopParameters(start_tolerance_rad=0.2, lag_rad=0.1)


joints = st.lists(
    st.one_of(st.floats(-4.0, 4.0), st.just(float("nan")), st.floats()), min_size=7, max_size=7
)
motions = st.lists(
    st.one_of(
        st.tuples(st.just("jump"), joints),
        st.tuples(st.just("drift"), st.lists(st.floats(-6.0, 6.0), min_size=7, max_size=7)),
        st.tuples(st.just("rest"), st.just([0.0] * 7)),
        st.tuples(st.just("silence"), st.just([0.0] * 7)),
        st.tuples(st.just("start"), st.just([0.0] * 7)),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(motions)
def test_commands_keep_to_the_limits_whatever_the_leader_does(
    motions: list[tuple[str, list[float]]],
) -> None:
    rig = Rig()
    rig.start()
    for kind, values in motions:
        if kind == "jump":
            rig.leader = np.array(values)
        elif kind == "silence":
            rig.leader_s = rig.now_s
        elif kind == "start":
            rig.leader, rig.leader_s = rig.follower + 0.1, None
            if rig.mirror.at_rest:
                rig.start()
        for _ in range(15):
            if kind == "drift":
                rig.leader = rig.leader + PERIOD_S * np.array(values)
            rig.step()
            assert_within_limits(rig)
    rig.mirror.stop("the end")
    for _ in range(200):
        rig.step()
        assert_within_limits(rig)
    assert rig.mirror.at_rest


def assert_within_limits(rig: Rig) -> None:
    p = rig.parameters
    before, last, q = rig.sent[-3:] if len(rig.sent) > 2 else [rig.sent[-1]] * 3
    assert LIMITS.within(q, p.position_margin_rad - 1e-12)
    assert (np.abs(q - last) <= p.velocity_fraction * LIMITS.dq_max * PERIOD_S).all()
    change = p.acceleration_fraction * LIMITS.ddq_max * PERIOD_S**2
    assert (np.abs(q - 2.0 * last + before) <= change + 1e-12).all()
