# SPDX-License-Identifier: Apache-2.0
"""The Panda's model: kinematics, drives, meshes and their cache."""

import importlib.metadata
from pathlib import Path

import mujoco
import numpy as np
import pytest

from genima.errors import MissingDependency
from genima.kinematics import base_T_frame
from genima.limits import RobotModel, limits_of
from genima.sim import panda_meshes
from genima.sim.mesh_tools import Mesh, corner_normals, decimate, seen_from_outside
from genima.sim.panda import ARM_ACTUATORS, ARM_JOINTS, FINGER_JOINTS, panda_spec

PANDA = limits_of(RobotModel.PANDA)


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return panda_spec().compile()


@pytest.mark.parametrize("frame", ["panda_link4", "panda_link8", "panda_hand", "panda_hand_tcp"])
def test_frames_agree_with_the_kinematics(model: mujoco.MjModel, frame: str) -> None:
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for q in rng.uniform(PANDA.q_min, PANDA.q_max, (250, 7)):
        data.qpos[:7] = q
        mujoco.mj_kinematics(model, data)
        base_T_body = base_T_frame(q, frame)
        body = data.body(frame)
        np.testing.assert_allclose(body.xpos, base_T_body[:3, 3], atol=1e-6)
        np.testing.assert_allclose(body.xmat.reshape(3, 3), base_T_body[:3, :3], atol=1e-6)


def test_joint_ranges_are_the_robots_limits(model: mujoco.MjModel) -> None:
    ranges = np.array([model.joint(name).range for name in ARM_JOINTS])
    np.testing.assert_allclose(ranges, np.stack([PANDA.q_min, PANDA.q_max], axis=1))
    for name in FINGER_JOINTS:
        np.testing.assert_allclose(model.joint(name).range, [0.0, 0.04])


def test_no_joint_gains_energy_by_moving(model: mujoco.MjModel) -> None:
    assert (model.dof_damping > 0.0).all()


def test_arm_holds_still_against_gravity(model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    q = np.array([0.3, -0.4, 0.2, -2.0, 0.1, 1.9, 0.5])
    data.qpos[:7] = q
    data.ctrl[[model.actuator(name).id for name in ARM_ACTUATORS]] = q
    mujoco.mj_step(model, data, 500)
    np.testing.assert_allclose(data.qpos[:7], q, atol=1e-3)


def test_robot_does_not_collide_with_itself(model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    rng = np.random.default_rng(1)
    for q in rng.uniform(PANDA.q_min, PANDA.q_max, (50, 7)):
        data.qpos[:7] = q
        mujoco.mj_forward(model, data)
        assert data.ncon == 0


def test_meshes_are_light_and_come_with_their_licence() -> None:
    parts = panda_meshes.load_parts()
    drawn = sum(part.faces * (2 if part.link == "finger" else 1) for part in parts)
    assert 5_000 < drawn < 14_500
    folder = parts[0].file.parent
    assert "Apache License" in (folder / "LICENSE").read_text()
    assert "Franka" in (folder / "NOTICE").read_text()


@pytest.fixture
def small_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENIMA_CACHE", str(tmp_path))
    monkeypatch.setattr(panda_meshes, "_FACES", {"finger": 200})
    return tmp_path


def test_cache_is_made_once_and_leaves_nothing_else_behind(small_cache: Path) -> None:
    folder = panda_meshes.build_cache()
    written = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert panda_meshes.build_cache() == folder
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == written
    assert list(small_cache.iterdir()) == [folder]


def test_cache_that_another_process_made_meanwhile_is_kept(
    small_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = panda_meshes._fill

    def fill_while_another_finishes(folder: Path) -> None:
        fill(folder)
        other = panda_meshes.cache_folder()
        other.mkdir()
        fill(other)

    monkeypatch.setattr(panda_meshes, "_fill", fill_while_another_finishes)
    folder = panda_meshes.build_cache()
    assert list(small_cache.iterdir()) == [folder]
    assert panda_meshes.load_parts()


def test_failed_set_up_leaves_no_half_made_cache(
    small_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> None:
        (folder / "half.obj").write_text("v")
        raise KeyboardInterrupt

    monkeypatch.setattr(panda_meshes, "_fill", fail)
    with pytest.raises(KeyboardInterrupt):
        panda_meshes.build_cache()
    assert not list(small_cache.iterdir())


def test_missing_wheel_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    with pytest.raises(MissingDependency, match="pip install --no-deps dm-robotics-panda"):
        panda_meshes.build_cache()


def cube(half: float) -> Mesh:
    """A closed cube of twelve faces that look outwards."""
    grid = np.array([-half, half])
    corners = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [(a, b, c) for a, b, c, _ in quads] + [(a, c, d) for a, _, c, d in quads]
    return Mesh(corners, np.array(faces))


def test_what_lies_inside_is_not_seen() -> None:
    outer, inner = cube(0.1), cube(0.05)
    both = Mesh(
        np.concatenate([outer.vertices, inner.vertices]),
        np.concatenate([outer.faces, inner.faces + len(outer.vertices)]),
    )
    np.testing.assert_array_equal(seen_from_outside(both), np.arange(24) < 12)


def test_decimated_cube_keeps_its_creases() -> None:
    box = cube(0.1)
    coarse = decimate(box, 12)
    normals = corner_normals(coarse, box)
    own, _ = coarse.face_normals()
    np.testing.assert_allclose(normals, np.repeat(own[:, None], 3, axis=1), atol=1e-9)
