# SPDX-License-Identifier: Apache-2.0
"""Where a demonstration stops, and what lies ahead at each of its steps."""

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.data.stops import places_ahead, stops_of
from genima.kinematics import Q_HOME, base_T_tcp

THERE = np.array(Q_HOME) + np.array([0.5, 0.1, 0, 0, 0, 0, 0])
BEYOND = THERE + np.array([-0.3, 0.3, 0, 0, 0, 0, 0])
STANDS = 6


def journey() -> tuple[Float[Array, "n 7"], Bool[Array, "n"]]:
    """From home to a place, a rest there in which the fingers close, and on."""
    share = np.linspace(0.0, 1.0, 21)[:, None]
    out, on = Q_HOME + share * (THERE - Q_HOME), THERE + share * (BEYOND - THERE)
    q = np.concatenate([out, np.repeat(THERE[None], STANDS, axis=0), on])
    return q, np.arange(len(q)) < 24


def test_arm_stops_where_it_rests_where_fingers_move_and_at_the_end() -> None:
    q, gripper_open = journey()
    assert list(stops_of(q, gripper_open)) == [24, 20 + STANDS + 1, len(q) - 1]


def test_turning_back_without_a_rest_is_a_stop() -> None:
    share = np.concatenate([np.linspace(0, 1, 11), np.linspace(1, 0, 11)[1:]])[:, None]
    q = Q_HOME + share * (THERE - Q_HOME)
    assert list(stops_of(q, np.ones(len(q), bool))) == [10, 20]


def test_place_ahead_is_the_next_one_that_is_not_here() -> None:
    q, gripper_open = journey()
    there, beyond = (base_T_tcp(one)[:2, 3] for one in (THERE, BEYOND))
    ahead = places_ahead(q, gripper_open)
    assert ahead.shape == (len(q), 2, 2)
    np.testing.assert_allclose(ahead[:, 1], np.repeat(beyond[None], len(q), axis=0))
    np.testing.assert_allclose(ahead[0, 0], there)
    np.testing.assert_allclose(ahead[10, 0], there)
    np.testing.assert_allclose(ahead[22, 0], beyond)  # resting: this place is reached
    np.testing.assert_allclose(ahead[-1, 0], beyond)


def test_waiting_at_the_beginning_is_no_place_to_go_to() -> None:
    q, gripper_open = journey()
    q = np.concatenate([np.repeat(q[:1], 10, axis=0), q])
    gripper_open = np.concatenate([np.ones(10, bool), gripper_open])
    np.testing.assert_allclose(places_ahead(q, gripper_open)[0, 0], base_T_tcp(THERE)[:2, 3])
