# SPDX-License-Identifier: Apache-2.0
"""Kinematics against an independent model: the MJCF of the dm-robotics-panda wheel in MuJoCo."""

import importlib.util
from pathlib import Path

import mujoco
import numpy as np
import pytest

from genima.errors import InvalidCommand, InvalidParameter
from genima.geometry import pose_error
from genima.kinematics import (
    FRAME_NAMES,
    JOINT_NAMES,
    Q_HOME,
    base_T_frame,
    base_T_tcp,
    frame_poses,
    tcp_jacobian,
)
from genima.limits import RobotModel, limits_of

LIMITS = limits_of(RobotModel.PANDA)
# How the wheel's own code turns the hand on the flange (w, x, y, z).
WHEEL_HAND_QUAT_WXYZ = [0.92387953, 0.0, 0.0, -0.38268343]


def wheel_assets() -> Path:
    spec = importlib.util.find_spec("dm_robotics")
    assert spec is not None, "pip install --no-deps dm-robotics-panda"
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)), "panda", "assets", "panda")


@pytest.fixture(scope="module")
def panda() -> mujoco.MjModel:
    arm = mujoco.MjSpec.from_file(str(wheel_assets() / "panda.xml"))
    hand = mujoco.MjSpec.from_file(str(wheel_assets() / "panda_hand.xml"))
    mount = arm.body("panda_link8").add_frame(quat=WHEEL_HAND_QUAT_WXYZ)
    arm.attach(hand, prefix="h_", frame=mount)
    return arm.compile()


@pytest.fixture(scope="module")
def data(panda: mujoco.MjModel) -> mujoco.MjData:
    return mujoco.MjData(panda)


@pytest.fixture(scope="module")
def configurations() -> np.ndarray:
    return np.random.default_rng(7).uniform(LIMITS.q_min, LIMITS.q_max, (1000, 7))


def place(panda: mujoco.MjModel, data: mujoco.MjData, q: np.ndarray) -> None:
    for name, position in zip(JOINT_NAMES, q, strict=True):
        data.qpos[panda.joint(name).qposadr[0]] = position
    mujoco.mj_kinematics(panda, data)
    mujoco.mj_comPos(panda, data)


def mujoco_pose(element: object) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = element.xmat.reshape(3, 3)  # type: ignore[attr-defined]
    pose[:3, 3] = element.xpos  # type: ignore[attr-defined]
    return pose


def test_all_frames_agree_with_mujoco(
    panda: mujoco.MjModel, data: mujoco.MjData, configurations: np.ndarray
) -> None:
    ours = {frame: base_T_frame(configurations, frame) for frame in FRAME_NAMES}
    theirs = {frame: np.empty_like(ours[frame]) for frame in FRAME_NAMES}
    elements = {frame: data.body(frame) for frame in FRAME_NAMES if "hand" not in frame}
    elements |= {"panda_hand": data.body("h_panda_hand"), "panda_hand_tcp": data.site("h_TCP")}
    for i, q in enumerate(configurations):
        place(panda, data, q)
        for frame in FRAME_NAMES:
            theirs[frame][i] = mujoco_pose(elements[frame])
    for frame in FRAME_NAMES:
        distance_m, angle_rad = pose_error(ours[frame], theirs[frame])
        assert distance_m.max() < 1e-6, frame
        assert angle_rad.max() < 1e-6, frame


def test_jacobian_agrees_with_mujoco(
    panda: mujoco.MjModel, data: mujoco.MjData, configurations: np.ndarray
) -> None:
    linear, angular = np.zeros((3, panda.nv)), np.zeros((3, panda.nv))
    columns = [panda.joint(name).dofadr[0] for name in JOINT_NAMES]
    for q in configurations[:100]:
        place(panda, data, q)
        mujoco.mj_jacSite(panda, data, linear, angular, panda.site("h_TCP").id)
        theirs = np.vstack([linear[:, columns], angular[:, columns]])
        np.testing.assert_allclose(tcp_jacobian(q), theirs, atol=1e-6)


def test_jacobian_is_the_derivative_of_the_tcp(configurations: np.ndarray) -> None:
    q, step = configurations[0], 1e-6
    for joint in range(7):
        nudge = step * np.eye(7)[joint]
        slope = (base_T_tcp(q + nudge) - base_T_tcp(q - nudge))[:3, 3] / (2 * step)
        np.testing.assert_allclose(tcp_jacobian(q)[:3, joint], slope, atol=1e-8)


def test_home_has_the_flange_where_franka_says() -> None:
    np.testing.assert_allclose(frame_poses(Q_HOME)[8, :3, 3], [0.3069, 0.0, 0.5903], atol=1e-4)
    np.testing.assert_allclose(base_T_tcp(Q_HOME)[:3, 3], [0.3069, 0.0, 0.4869], atol=1e-4)


def test_hand_points_down_and_forward_at_home() -> None:
    np.testing.assert_allclose(base_T_tcp(Q_HOME)[:3, :3], np.diag([1.0, -1.0, -1.0]), atol=1e-12)


def test_batches_of_any_shape_give_what_single_calls_give(configurations: np.ndarray) -> None:
    batch = configurations[:6].reshape(2, 3, 7)
    poses, jacobians = frame_poses(batch), tcp_jacobian(batch)
    assert poses.shape == (2, 3, 9, 4, 4)
    assert jacobians.shape == (2, 3, 6, 7)
    for index in np.ndindex(2, 3):
        np.testing.assert_allclose(poses[index], frame_poses(batch[index]), atol=1e-14)
        np.testing.assert_allclose(jacobians[index], tcp_jacobian(batch[index]), atol=1e-14)


def test_wrong_number_of_joints_is_refused() -> None:
    with pytest.raises(InvalidCommand, match="seven"):
        frame_poses(np.zeros(8))


def test_unknown_frame_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameter, match="panda_hand_tcp"):
        base_T_frame(Q_HOME, "panda_link9")
