# SPDX-License-Identifier: Apache-2.0
"""Behaviour of minimum-jerk chunks."""

import numpy as np
import pytest

from genima.control import ActionChunk, minimum_jerk_chunk
from genima.errors import InvalidCommand

START = np.zeros(7)
TARGET = np.array([0.5, -0.2, 0.1, -1.0, 0.0, 0.3, 2.0])


def plan(steps: int = 20) -> ActionChunk:
    return minimum_jerk_chunk(START, TARGET, True, False, 3.0, steps, 0.05)


def test_last_step_is_the_target() -> None:
    chunk = plan()
    assert len(chunk.q) == 20
    assert chunk.end_s == pytest.approx(4.0)
    assert chunk.q[-1] == pytest.approx(TARGET, abs=1e-15)


def test_path_is_straight_and_never_turns_back() -> None:
    progress = plan().q / np.where(TARGET == 0, 1.0, TARGET)
    moving = progress[:, TARGET != 0]
    assert moving == pytest.approx(np.repeat(moving[:, :1], moving.shape[1], axis=1))
    assert (np.diff(moving[:, 0]) > 0).all()


def test_timing_is_the_quintic_from_rest_to_rest() -> None:
    q = np.vstack([START, plan(1000).q])[:, 6]
    dq = np.gradient(q, 0.05)
    assert dq[[0, -1]] == pytest.approx([0.0, 0.0], abs=1e-5)
    assert dq.max() == pytest.approx(1.875 * 2.0 / 50.0, rel=1e-4)
    assert q[500] == pytest.approx(1.0)


def test_gripper_changes_on_arrival_only() -> None:
    assert plan().gripper_open.tolist() == [True] * 19 + [False]


@pytest.mark.parametrize("steps", [0, -1])
def test_horizon_without_steps_is_refused(steps: int) -> None:
    with pytest.raises(InvalidCommand, match="K at least 1"):
        plan(steps)


def test_target_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InvalidCommand, match="finite"):
        minimum_jerk_chunk(START, np.full(7, np.nan), True, True, 0.0, 20, 0.05)
