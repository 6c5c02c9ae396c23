# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from genima.control.joint_history import JointHistory


def filled(*stamps_s: float) -> JointHistory:
    history = JointHistory()
    for stamp_s in stamps_s:
        history.add(np.full(7, stamp_s), stamp_s)
    return history


def test_empty_history_covers_nothing() -> None:
    history = JointHistory()
    assert history.at(1.0) is None
    assert history.newest_s == -np.inf
    assert history.stale(1.0, 0.1) == "no joint state has come"


def test_position_between_two_states_is_interpolated() -> None:
    np.testing.assert_allclose(filled(1.0, 1.1, 1.2).at(1.13), np.full(7, 1.13))


def test_time_behind_the_newest_state_gets_the_newest() -> None:
    np.testing.assert_array_equal(filled(1.0, 1.1).at(5.0), np.full(7, 1.1))


def test_time_before_the_oldest_state_is_not_covered() -> None:
    assert filled(1.0, 1.1).at(0.9) is None
    np.testing.assert_array_equal(filled(1.0, 1.1).at(1.0), np.full(7, 1.0))


def test_old_states_are_forgotten() -> None:
    history = filled(*np.arange(0.0, 10.0, 0.1))
    assert history.at(5.0) is None
    assert history.at(8.0) is not None
    assert len(history) < 40


def test_repeated_stamp_is_the_same_state() -> None:
    history = filled(1.0)
    assert not history.add(np.zeros(7), 1.0)
    assert len(history) == 1


def test_stamp_that_goes_back_empties_the_history() -> None:
    history = filled(10.0, 10.1)
    assert not history.add(np.full(7, 2.0), 2.0)
    assert (len(history), history.newest_s) == (1, 2.0)
    assert history.at(10.0) is not None  # behind the newest: the newest


@pytest.mark.parametrize(("now_s", "stale"), [(1.1, False), (1.2, True)])
def test_age_of_the_newest_state_is_judged(now_s: float, stale: bool) -> None:
    assert bool(filled(1.0).stale(now_s, 0.15)) is stale


def test_gripper_is_that_of_the_nearest_state_and_open_before_the_first() -> None:
    history = JointHistory()
    assert history.gripper_open_at(5.0)
    for stamp_s, gripper_open in ((10.0, True), (10.1, False), (10.2, True)):
        history.add_gripper(gripper_open, stamp_s)
    assert [history.gripper_open_at(time_s) for time_s in (9.0, 10.04, 10.06, 10.14, 11.0)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    history.add_gripper(False, 3.0)  # another world
    assert not history.gripper_open_at(10.0)
