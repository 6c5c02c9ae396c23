# SPDX-License-Identifier: Apache-2.0
"""Inverse kinematics reaches poses near the seed and within limits, or says that it cannot."""

import numpy as np
import pytest

from genima.errors import InvalidCommand, Unreachable
from genima.geometry import pose_error
from genima.ik import InverseKinematics
from genima.kinematics import Q_HOME, base_T_tcp
from genima.limits import RobotModel, limits_of


@pytest.fixture(scope="module", params=list(RobotModel), ids=lambda model: model.value)
def model(request: pytest.FixtureRequest) -> RobotModel:
    return request.param


@pytest.fixture(scope="module")
def ik(model: RobotModel) -> InverseKinematics:
    return InverseKinematics(model)


@pytest.fixture
def reachable(model: RobotModel) -> np.ndarray:
    limits = limits_of(model)
    return np.random.default_rng(3).uniform(limits.q_min, limits.q_max, (100, 7))


def assert_reaches(q: np.ndarray, wanted: np.ndarray, model: RobotModel) -> None:
    distance_m, angle_rad = pose_error(base_T_tcp(q), wanted)
    assert distance_m < 2e-5
    assert angle_rad < 2e-4
    assert limits_of(model).within(q)


def test_near_seed_gives_a_near_solution(
    ik: InverseKinematics, model: RobotModel, reachable: np.ndarray
) -> None:
    rng = np.random.default_rng(4)
    for q_there in reachable:
        wanted = base_T_tcp(q_there)
        q_seed = limits_of(model).clamp(q_there + rng.uniform(-0.1, 0.1, 7))
        q = ik.solve(wanted, q_seed)
        assert_reaches(q, wanted, model)
        assert np.abs(q - q_seed).max() < 0.3


def test_seed_in_another_corner_still_reaches(
    ik: InverseKinematics, model: RobotModel, reachable: np.ndarray
) -> None:
    for q_there, q_seed in zip(reachable[:50], reachable[50:], strict=True):
        assert_reaches(ik.solve(base_T_tcp(q_there), q_seed), base_T_tcp(q_there), model)


def test_solved_pose_is_its_own_solution(ik: InverseKinematics) -> None:
    np.testing.assert_array_equal(ik.solve(base_T_tcp(Q_HOME), Q_HOME), Q_HOME)


def test_straight_line_is_followed_without_jumps(ik: InverseKinematics) -> None:
    q = Q_HOME
    for way_m in np.linspace(0.0, 0.25, 51):
        wanted = base_T_tcp(Q_HOME)
        wanted[:3, 3] += way_m * np.array([1.0, 0.3, -1.0])
        q_next = ik.solve(wanted, q)
        assert np.abs(q_next - q).max() < 0.05
        q = q_next


def test_same_question_gets_the_same_answer_whatever_was_asked_before(
    ik: InverseKinematics, reachable: np.ndarray
) -> None:
    first = ik.solve(base_T_tcp(reachable[0]), Q_HOME)
    ik.solve(base_T_tcp(reachable[1]), Q_HOME)
    np.testing.assert_array_equal(ik.solve(base_T_tcp(reachable[0]), Q_HOME), first)


def test_pose_out_of_reach_is_refused_with_the_distance(ik: InverseKinematics) -> None:
    wanted = base_T_tcp(Q_HOME)
    wanted[0, 3] = 2.0
    with pytest.raises(Unreachable, match=r"\(2\.000, .*mm"):
        ik.solve(wanted, Q_HOME)


def test_not_a_number_is_refused(ik: InverseKinematics) -> None:
    with pytest.raises(InvalidCommand, match="NaN"):
        ik.solve(base_T_tcp(Q_HOME), np.full(7, np.nan))
