# SPDX-License-Identifier: Apache-2.0
"""The limit tables and the questions asked of them."""

import numpy as np
import pytest

from genima.kinematics import Q_HOME
from genima.limits import LIMITS, JointLimits, RobotModel, limits_of


@pytest.fixture(params=list(RobotModel), ids=lambda model: model.value)
def limits(request: pytest.FixtureRequest) -> JointLimits:
    return limits_of(request.param)


def test_every_robot_has_seven_sane_limits_of_each_kind(limits: JointLimits) -> None:
    for values in (limits.q_min, limits.q_max, limits.dq_max, limits.ddq_max, limits.dddq_max):
        assert values.shape == (7,)
    assert np.all(limits.q_min < limits.q_max)
    assert np.all(limits.dq_max > 0)
    assert np.all(limits.dq_max < limits.ddq_max)
    assert np.all(limits.ddq_max < limits.dddq_max)


def test_home_is_within_the_limits_of_both_robots(limits: JointLimits) -> None:
    assert limits.within(Q_HOME)


def test_clamp_moves_only_what_is_outside(limits: JointLimits) -> None:
    q = Q_HOME.copy()
    q[0], q[3] = 10.0, -10.0
    clamped = limits.clamp(q)
    assert clamped[0] == limits.q_max[0]
    assert clamped[3] == limits.q_min[3]
    np.testing.assert_array_equal(clamped[[1, 2, 4, 5, 6]], q[[1, 2, 4, 5, 6]])


def test_within_counts_the_limit_itself_and_respects_the_margin(limits: JointLimits) -> None:
    assert limits.within(limits.q_max)
    assert not limits.within(limits.q_max + 1e-9)
    assert not limits.within(limits.q_max, margin_rad=0.01)
    assert limits.within(limits.q_max - 0.011, margin_rad=0.01)
    assert limits.within(limits.q_min)
    assert not limits.within(limits.q_min, margin_rad=0.01)


def test_not_a_number_is_never_within(limits: JointLimits) -> None:
    q = Q_HOME.copy()
    q[4] = np.nan
    assert not limits.within(q)


def test_a_batch_is_judged_row_by_row(limits: JointLimits) -> None:
    batch = np.stack([Q_HOME, Q_HOME + 5.0])
    assert limits.within(batch).tolist() == [True, False]
    assert limits.within(limits.clamp(batch)).all()


def test_tables_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        limits_of(RobotModel.PANDA).q_max[0] = 3.0
    with pytest.raises(TypeError):
        LIMITS[RobotModel.PANDA] = limits_of(RobotModel.FR3)  # type: ignore[index]


def test_fr3_is_the_slower_robot() -> None:
    panda, fr3 = limits_of(RobotModel.PANDA), limits_of(RobotModel.FR3)
    assert np.all(fr3.dq_max[:4] < panda.dq_max[:4])
    assert np.all(fr3.ddq_max == 10.0)
    assert np.all(fr3.dddq_max == 5000.0)
