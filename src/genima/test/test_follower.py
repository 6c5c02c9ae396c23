# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the trajectory follower."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genima.control import FollowerState, TrajectoryFollower
from genima.errors import InvalidCommand
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.limits import RobotModel, limits_of

PANDA = limits_of(RobotModel.PANDA)
NAMES = list(JOINT_NAMES)


def motion(t_s: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """A smooth motion that begins at rest at home at time 0."""
    t = np.asarray(t_s)[..., None]
    phase = np.linspace(1.0, 2.0, 7)
    return Q_HOME + 0.2 * (1 - np.cos(phase * t)), 0.2 * phase * np.sin(phase * t)


def follower() -> TrajectoryFollower:
    return TrajectoryFollower(Q_HOME, 0.0)


def feed(arm: TrajectoryFollower, stamp_s: float, times_s: np.ndarray) -> bool:
    return arm.accept(stamp_s, NAMES, times_s, *motion(stamp_s + times_s))


POINTS = np.array([0.02, 0.04, 0.06])


# Following


def test_it_stands_before_the_first_trajectory() -> None:
    arm = follower()
    sample = arm.sample(1.0)
    assert (sample.q == Q_HOME).all() and not sample.dq.any()
    assert arm.state is FollowerState.IDLE
    assert not arm.covers(0.0)


def test_points_are_passed_with_their_velocities() -> None:
    arm = follower()
    times_s = 0.05 * np.arange(1, 11)
    assert feed(arm, 0.0, times_s)
    for t_s in times_s:
        q, dq = motion(t_s)
        sample = arm.sample(t_s)
        assert sample.q == pytest.approx(q, abs=1e-12)
        assert sample.dq == pytest.approx(dq, abs=1e-12)
        assert arm.state is FollowerState.FOLLOWING


def test_between_points_it_follows_the_cubic() -> None:
    arm = follower()
    feed(arm, 0.0, 0.05 * np.arange(1, 11))
    for t_s in np.arange(0.001, 0.5, 0.007):
        q, dq = motion(t_s)
        sample = arm.sample(t_s)
        assert sample.q == pytest.approx(q, abs=1e-6)
        assert sample.dq == pytest.approx(dq, abs=1e-4)


def test_stream_of_short_trajectories_is_one_smooth_motion() -> None:
    arm = follower()
    q = []
    for tick in range(100):
        feed(arm, tick * 0.02, POINTS)
        q += [arm.sample(tick * 0.02 + sub * 0.002).q for sub in range(10)]
    error = np.array(q) - motion(0.002 * np.arange(1000))[0]
    assert np.abs(error).max() < 1e-7
    assert arm.ignored == 0


@settings(max_examples=60, deadline=None)
@example(gaps_s=[0.0, 0.0, 0.0, 0.0, 0.15625, 0.25], seed=1955)
@given(
    gaps_s=st.lists(st.floats(0.0, 0.3), min_size=1, max_size=10),
    seed=st.integers(0, 2**32 - 1),
)
def test_motion_never_steps_however_trajectories_come(gaps_s: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    arm, now_s = follower(), 0.0
    last, last_s = arm.sample(0.0), 0.0
    for gap_s in gaps_s:
        stamp_s = now_s + rng.uniform(-0.03, 0.03)
        goal = last.q + rng.uniform(-0.02, 0.02, (2, 7))
        with suppress(InvalidCommand):  # too hard to follow; it brakes
            arm.accept(stamp_s, NAMES, [0.05, 0.1], goal, rng.uniform(-0.3, 0.3, (2, 7)))
        for t_s in np.arange(now_s, now_s + gap_s, 1e-3):
            sample = arm.sample(t_s)
            assert np.abs(sample.dq - last.dq).max() < 0.3
            way = 0.5 * (t_s - last_s) * (sample.dq + last.dq)
            assert sample.q - last.q == pytest.approx(way, abs=2e-4)
            last_s = t_s
            last = sample
        now_s += gap_s


def test_trajectory_stamped_ahead_begins_at_its_stamp() -> None:
    arm = follower()
    feed(arm, 0.0, np.array([0.1, 0.2]))
    arm.sample(0.05)
    ahead = motion(0.1)[0] + 0.01
    arm.accept(0.1, NAMES, [0.1], [ahead], [np.zeros(7)])
    assert arm.sample(0.1).q == pytest.approx(motion(0.1)[0], abs=1e-12)
    assert arm.sample(0.2).q == pytest.approx(ahead)


def test_late_trajectory_is_joined_where_the_arm_is() -> None:
    arm = follower()
    feed(arm, 0.0, POINTS)
    before = arm.sample(0.05)
    assert feed(arm, 0.02, POINTS)  # its first point is past
    after = arm.sample(0.05 + 1e-9)
    assert after.q == pytest.approx(before.q, abs=1e-8)
    assert after.dq == pytest.approx(before.dq, abs=1e-6)
    assert arm.sample(0.08).q == pytest.approx(motion(0.08)[0])


def test_late_trajectory_is_joined_at_the_first_point_that_is_gently_reached() -> None:
    arm = follower()
    behind = Q_HOME + 0.01
    arm.sample(0.049)
    assert arm.accept(0.0, NAMES, [0.05, 0.15], [behind, behind], np.zeros((2, 7)))
    q = np.array([arm.sample(0.049 + 0.001 * k).q for k in range(102)])
    assert np.abs(np.diff(q, axis=0)).max() < 2 * 0.01 / 101  # not in the one millisecond left
    assert q[-1] == pytest.approx(behind)


def test_point_that_cannot_be_reached_gently_is_refused() -> None:
    arm = follower()
    feed(arm, 0.0, POINTS)
    arm.sample(0.01)
    with pytest.raises(InvalidCommand, match=r"joint 2 would need 149.73 rad/s\^2.*at most 75.00"):
        arm.accept(0.01, NAMES, [0.02], [arm.sample(0.01).q + 0.01], [np.zeros(7)])
    assert arm.sample(0.06).q == pytest.approx(motion(0.06)[0])


def test_hard_end_at_rest_is_not_overshot() -> None:
    arm = follower()
    times_s = 0.05 * np.arange(1, 9)
    goals = Q_HOME + 0.0125 * np.arange(1, 9)[:, None]
    assert arm.accept(0.0, NAMES, times_s, goals, np.zeros((8, 7)))
    q = np.array([arm.sample(t_s).q for t_s in np.arange(0.0, 0.7, 0.001)])
    assert np.abs(q - goals[-1])[400:].max() < 1e-9


def test_time_does_not_go_back() -> None:
    arm = follower()
    feed(arm, 0.0, POINTS)
    latest = arm.sample(0.04)
    assert (arm.sample(0.01).q == latest.q).all()


def test_it_covers_time_up_to_the_last_point() -> None:
    arm = follower()
    feed(arm, 0.0, POINTS)
    assert arm.covers(0.06)
    assert not arm.covers(0.061)


def test_stamps_rounded_to_nanoseconds_still_cover_their_step() -> None:
    arm = follower()
    feed(arm, 0.15 - 1e-9, np.array([0.05 - 1e-9]))
    assert arm.covers(0.2)


# Running out


def test_it_brakes_within_the_limits_when_trajectories_stop_and_then_stands() -> None:
    arm = follower()
    feed(arm, 0.0, 0.05 * np.arange(1, 21))
    last = arm.sample(1.0)
    assert np.abs(last.dq).max() > 0.2
    h = 1e-3
    states, q = [], [motion(1.0 - 2 * h)[0], motion(1.0 - h)[0], last.q]
    for t_s in 1.0 + h * np.arange(1, 1500):
        q.append(arm.sample(t_s).q)
        states.append(arm.state)
    ddq = np.diff(q, n=2, axis=0) / h**2
    assert (np.abs(ddq) <= PANDA.ddq_max * 1.01).all()
    assert states[0] is FollowerState.BRAKING and states[-1] is FollowerState.HOLDING
    assert (q[-1] == q[-500]).all()
    assert not arm.sample(3.0).dq.any()


def test_trajectory_that_ends_at_rest_is_held_without_braking() -> None:
    arm = follower()
    arm.accept(0.0, NAMES, [0.1], [Q_HOME + 0.01], [np.zeros(7)])
    assert arm.sample(0.2).q == pytest.approx(Q_HOME + 0.01, abs=1e-15)
    assert arm.state is FollowerState.HOLDING


def test_it_goes_on_from_where_it_stopped() -> None:
    arm = follower()
    feed(arm, 0.0, POINTS)
    rest = arm.sample(2.0)
    arm.accept(2.0, NAMES, [0.1], [rest.q + 0.01], [np.zeros(7)])
    assert arm.sample(2.0).q == pytest.approx(rest.q)
    assert arm.sample(2.1).q == pytest.approx(rest.q + 0.01)
    assert arm.state is FollowerState.FOLLOWING


# Messages that are not followed


def test_joints_are_reordered_by_name() -> None:
    arm = follower()
    order = [4, 0, 6, 2, 1, 5, 3]
    q, dq = motion(POINTS)
    arm.accept(0.0, [NAMES[i] for i in order], POINTS, q[:, order], dq[:, order])
    assert arm.sample(0.06).q == pytest.approx(q[-1])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES[:6], "missing"),
        ([*NAMES[:6], "panda_joint1"], "missing"),
        ([*NAMES, "panda_joint1"], "more than once"),
        ([*NAMES, "panda_finger_joint1"], "not the arm's"),
        ([], "missing"),
    ],
)
def test_wrong_names_are_refused(names: list[str], message: str) -> None:
    arm = follower()
    with pytest.raises(InvalidCommand, match=message):
        arm.accept(0.0, names, POINTS, np.zeros((3, len(names))), np.zeros((3, len(names))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times_from_start_s": [0.02, 0.02, 0.04]}, "must rise"),
        ({"times_from_start_s": [0.04, 0.02, 0.06]}, "must rise"),
        ({"times_from_start_s": [-0.02, 0.02, 0.06]}, "negative"),
        ({"times_from_start_s": [0.02, np.nan, 0.06]}, "finite"),
        ({"times_from_start_s": [0.02, 0.04]}, "shape"),
        ({"times_from_start_s": []}, "a point"),
        ({"stamp_s": np.nan}, "finite"),
        ({"q": np.zeros((3, 6))}, "positions have shape"),
        ({"q": np.full((3, 7), np.nan)}, "positions hold NaN"),
        ({"dq": np.zeros((2, 7))}, "velocities have shape"),
        ({"dq": np.zeros((0, 0))}, "velocities have shape"),
        ({"dq": np.full((3, 7), np.inf)}, "velocities hold NaN"),
    ],
)
def test_malformed_trajectory_is_refused_and_the_old_one_goes_on(
    change: dict[str, object], message: str
) -> None:
    arm = follower()
    feed(arm, 0.0, POINTS)
    q, dq = motion(0.02 + POINTS)
    fine = {"stamp_s": 0.02, "names": NAMES, "times_from_start_s": POINTS, "q": q, "dq": dq}
    with pytest.raises(InvalidCommand, match=message):
        arm.accept(**{**fine, **change})
    assert arm.sample(0.06).q == pytest.approx(motion(0.06)[0])
    assert not arm.covers(0.08)


def test_trajectory_that_begins_far_from_the_arm_is_refused() -> None:
    arm = follower()
    with pytest.raises(InvalidCommand, match="begin where the arm is"):
        arm.accept(0.0, NAMES, [0.02], [Q_HOME + 0.2], [np.zeros(7)])
    assert (arm.sample(0.1).q == Q_HOME).all()


def test_older_trajectory_is_ignored_and_counted() -> None:
    arm = follower()
    assert feed(arm, 0.02, POINTS)
    assert not arm.accept(0.0, NAMES, [0.2], [Q_HOME], [np.zeros(7)])
    assert arm.ignored == 1
    assert not arm.covers(0.1)


def test_trajectory_wholly_in_the_past_is_ignored_and_counted() -> None:
    arm = follower()
    arm.sample(0.5)
    assert not feed(arm, 0.1, POINTS)
    assert arm.ignored == 1


def test_trajectory_from_before_a_reset_is_ignored() -> None:
    arm = follower()
    feed(arm, 0.0, POINTS)
    arm.sample(0.05)
    arm.reset(Q_HOME + 0.3, 10.0)
    assert not arm.covers(0.06)
    assert not arm.accept(9.98, NAMES, [0.04], [Q_HOME], [np.zeros(7)])
    assert (arm.sample(10.1).q == Q_HOME + 0.3).all()
    assert arm.state is FollowerState.IDLE


def test_reset_may_put_the_clock_back() -> None:
    arm = follower()
    arm.sample(100.0)
    arm.reset(Q_HOME, 0.0)
    assert feed(arm, 0.0, POINTS)
    assert arm.sample(0.04).q == pytest.approx(motion(0.04)[0])
