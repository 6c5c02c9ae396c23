# SPDX-License-Identifier: Apache-2.0
"""Behaviour of action chunks."""

import numpy as np
import pytest

from genima.control import ActionChunk
from genima.errors import InvalidCommand

Q = np.arange(21.0).reshape(3, 7)
OPEN = np.array([True, True, False])


def test_steps_are_reached_at_their_ends() -> None:
    chunk = ActionChunk(Q, OPEN, start_s=10.0, step_s=0.05)
    assert chunk.times_s == pytest.approx([10.05, 10.1, 10.15])
    assert chunk.end_s == pytest.approx(10.15)


def test_chunk_keeps_its_own_read_only_copy() -> None:
    q = Q.copy()
    chunk = ActionChunk(q, OPEN, 0.0, 0.05)
    q[0, 0] = 99.0
    assert chunk.q[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        chunk.q[0, 0] = 1.0


@pytest.mark.parametrize("q", [Q[0], Q[:, :6], np.empty((0, 7)), Q[None]])
def test_wrong_shape_is_refused(q: np.ndarray) -> None:
    with pytest.raises(InvalidCommand, match=r"\(K, 7\)"):
        ActionChunk(q, OPEN, 0.0, 0.05)


@pytest.mark.parametrize("is_open", [OPEN[:2], np.ones(3), np.ones((3, 1), bool)])
def test_gripper_that_does_not_fit_is_refused(is_open: np.ndarray) -> None:
    with pytest.raises(InvalidCommand, match="gripper_open"):
        ActionChunk(Q, is_open, 0.0, 0.05)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_position_that_is_not_finite_is_refused_with_its_place(value: float) -> None:
    q = Q.copy()
    q[1, 4] = value
    with pytest.raises(InvalidCommand, match="step 1 of joint 5"):
        ActionChunk(q, OPEN, 0.0, 0.05)


@pytest.mark.parametrize(("start_s", "step_s"), [(np.nan, 0.05), (0.0, 0.0), (0.0, np.inf)])
def test_time_scale_out_of_range_is_refused(start_s: float, step_s: float) -> None:
    with pytest.raises(InvalidCommand, match="step_s"):
        ActionChunk(Q, OPEN, start_s, step_s)
