# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms keep their promises for any input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genima.geometry import (
    apply,
    invert,
    pose_error,
    quat_xyzw_from_rotation,
    rotation_angle,
    rotation_from_quat_xyzw,
    rotation_x,
    rotation_y,
    rotation_z,
    transform,
)

angles = st.floats(-math.pi, math.pi)
points = arrays(float, 3, elements=st.floats(-2.0, 2.0))
quats = arrays(float, 4, elements=st.floats(-1.0, 1.0)).filter(
    lambda quat: np.linalg.norm(quat) > 0.1
)


@st.composite
def poses(draw: st.DrawFn) -> np.ndarray:
    return transform(rotation_from_quat_xyzw(draw(quats)), draw(points))


@given(quats)
def test_quaternion_survives_the_way_over_a_rotation(quat: np.ndarray) -> None:
    quat = quat / np.linalg.norm(quat)
    back = quat_xyzw_from_rotation(rotation_from_quat_xyzw(quat))
    assert abs(abs(back @ quat) - 1.0) < 1e-12
    assert back[3] >= 0


@given(quats)
def test_a_quaternion_of_any_length_gives_a_proper_rotation(quat: np.ndarray) -> None:
    rotation = rotation_from_quat_xyzw(quat)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


@given(poses(), points)
def test_inverse_takes_a_point_back(a_T_b: np.ndarray, point: np.ndarray) -> None:
    np.testing.assert_allclose(apply(invert(a_T_b), apply(a_T_b, point)), point, atol=1e-12)
    np.testing.assert_allclose(a_T_b @ invert(a_T_b), np.eye(4), atol=1e-12)


@given(st.sampled_from([rotation_x, rotation_y, rotation_z]), angles)
def test_angle_of_a_rotation_about_an_axis_is_its_argument(rotation, angle: float) -> None:
    assert rotation_angle(rotation(angle)) == pytest.approx(abs(angle), abs=1e-12)


def test_tiny_angles_are_not_lost_to_rounding() -> None:
    assert rotation_angle(rotation_y(1e-9)) == pytest.approx(1e-9, rel=1e-6)


def test_positive_rotations_turn_the_next_axis_towards_the_one_after_it() -> None:
    x, y, z = np.eye(3)
    np.testing.assert_allclose(rotation_x(math.pi / 2) @ y, z, atol=1e-15)
    np.testing.assert_allclose(rotation_y(math.pi / 2) @ z, x, atol=1e-15)
    np.testing.assert_allclose(rotation_z(math.pi / 2) @ x, y, atol=1e-15)


def test_quaternion_of_a_quarter_turn_is_in_the_order_of_ros() -> None:
    half = math.sqrt(0.5)
    np.testing.assert_allclose(
        quat_xyzw_from_rotation(rotation_z(math.pi / 2)), [0, 0, half, half], atol=1e-15
    )


@given(poses(), points, angles)
def test_pose_error_measures_what_was_added(
    a_T_b: np.ndarray, shift: np.ndarray, angle: float
) -> None:
    moved = a_T_b @ transform(rotation_z(angle), shift)
    distance_m, angle_rad = pose_error(a_T_b, moved)
    assert distance_m == pytest.approx(np.linalg.norm(shift), abs=1e-12)
    assert angle_rad == pytest.approx(abs(angle), abs=1e-9)


@given(arrays(float, (2, 5, 4), elements=st.floats(0.1, 1.0)))
def test_batches_give_what_single_calls_give(quats_batch: np.ndarray) -> None:
    rotations = rotation_from_quat_xyzw(quats_batch)
    inverses = invert(transform(rotations, np.ones(3)))
    back = quat_xyzw_from_rotation(rotations)
    angles_rad = rotation_angle(rotations)
    assert rotations.shape == (2, 5, 3, 3)
    for index in np.ndindex(2, 5):
        single = rotation_from_quat_xyzw(quats_batch[index])
        np.testing.assert_allclose(rotations[index], single, atol=1e-15)
        np.testing.assert_allclose(inverses[index], invert(transform(single, np.ones(3))))
        np.testing.assert_allclose(back[index], quat_xyzw_from_rotation(single))
        assert angles_rad[index] == pytest.approx(rotation_angle(single))
