# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the tasks: what is told, where objects are put, when they are done."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from genima.cameras import load_rig
from genima.errors import InvalidParameter, UnknownTask
from genima.sim import tasks
from genima.sim.mujoco_world import Q_START, MujocoWorld
from genima.sim.task import make_task, registered_tasks

ROOT = Path(__file__).parents[3]
NAMES = ("open_drawer", "push_button", "slide_block_to_target", "take_lid_off_saucepan")
INSTRUCTIONS = {
    "open_drawer": "open bottom drawer",
    "push_button": "push the maroon button",
    "slide_block_to_target": "slide the block to target",
    "take_lid_off_saucepan": "take lid off the saucepan",
}
OBJECTS = {
    "open_drawer": "cabinet",
    "push_button": "button_base",
    "slide_block_to_target": "block",
    "take_lid_off_saucepan": "pan",
}


@pytest.fixture(scope="module")
def world() -> MujocoWorld:
    return MujocoWorld(load_rig(ROOT / "config" / "cameras.yaml"))


def poses(world: MujocoWorld, body: str) -> tuple[np.ndarray, float]:
    """Position and yaw of a body."""
    found = world.data.body(body)
    return np.array(found.xpos), float(np.arctan2(found.xmat[3], found.xmat[0]))


def stand(world: MujocoWorld, seconds: float) -> None:
    world.advance(np.tile(Q_START, (round(seconds / world.physics_dt_s), 1)), True)


def test_all_tasks_are_found() -> None:
    assert tuple(registered_tasks()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_first_description_is_the_instruction_of_rlbench(name: str) -> None:
    wordings = make_task(name).descriptions(0)
    assert wordings[0] == INSTRUCTIONS[name]
    assert len(set(wordings)) == len(wordings) >= 3


def test_unknown_task_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownTask, match=r"fly_away.*open_drawer.*push_button"):
        make_task("fly_away")


@pytest.mark.parametrize("name", NAMES)
def test_variation_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match=rf"{name}.*variation 1"):
        make_task(name).descriptions(1)


@pytest.mark.parametrize("name", NAMES)
def test_seed_decides_position_and_yaw(world: MujocoWorld, name: str) -> None:
    found = []
    for seed in (3, 4, 5, 6):
        world.reset(name, 0, seed)
        found.append(poses(world, OBJECTS[name]))
    world.reset(name, 0, 3)
    again = poses(world, OBJECTS[name])
    np.testing.assert_array_equal(again[0], found[0][0])
    assert again[1] == found[0][1]
    positions, yaws = np.array([p for p, _ in found]), np.array([yaw for _, yaw in found])
    assert np.all(np.ptp(positions[:, :2], axis=0) > 0.02)
    assert np.ptp(yaws) > 0.2


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_done_nor_moves_before_the_arm_does(world: MujocoWorld, name: str) -> None:
    for seed in range(5):
        world.reset(name, 0, seed)
        before, _ = poses(world, OBJECTS[name])
        stand(world, 0.5)
        assert not world.success()
        np.testing.assert_allclose(poses(world, OBJECTS[name])[0], before, atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_seen_by_the_front_and_a_shoulder_camera(
    world: MujocoWorld, name: str
) -> None:
    views = world.rig.views(Q_START)
    for seed in range(20):
        world.reset(name, 0, seed)
        point, _ = poses(world, OBJECTS[name])

        def inside(camera: str, point: np.ndarray = point) -> bool:
            view = views[camera]
            uv, depth = view.project(point[None])
            size = (view.intrinsics.width, view.intrinsics.height)
            return bool(depth[0] > 0 and np.all(uv[0] > 4) and np.all(uv[0] < np.array(size) - 4))

        assert inside("front")
        assert inside("left_shoulder") or inside("right_shoulder")


def test_button_is_pressed_only_beyond_three_millimetres(world: MujocoWorld) -> None:
    world.reset("push_button", 0, 0)
    joint = world.data.joint("button_joint")
    joint.qpos[0] = 0.0029
    assert not world.success()
    joint.qpos[0] = 0.0031
    assert world.success()


def test_drawer_is_open_from_fifteen_centimetres_and_only_the_bottom_one_counts(
    world: MujocoWorld,
) -> None:
    world.reset("open_drawer", 0, 0)
    world.data.joint("drawer_middle_joint").qpos[0] = 0.18
    world.data.joint("drawer_bottom_joint").qpos[0] = 0.149
    assert not world.success()
    world.data.joint("drawer_bottom_joint").qpos[0] = 0.151
    assert world.success()


def test_block_counts_only_on_the_target(world: MujocoWorld) -> None:
    world.reset("slide_block_to_target", 0, 0)
    target, _ = poses(world, "target")
    for offset, done in ((0.035, False), (0.025, True)):
        world.data.joint("block_joint").qpos[:2] = target[:2] + np.array([offset, 0.0])
        mujoco.mj_forward(world.model, world.data)
        assert world.success() is done


def test_lid_in_the_zone_counts_only_in_the_hand(world: MujocoWorld) -> None:
    """Thrown up is not taken off."""
    world.reset("take_lid_off_saucepan", 0, 0)
    world.data.joint("lid_joint").qpos[2] += 0.15
    mujoco.mj_forward(world.model, world.data)
    assert not world.success()


def test_drawer_springs_neither_open_nor_shut(world: MujocoWorld) -> None:
    world.reset("open_drawer", 0, 1)
    world.data.joint("drawer_bottom_joint").qpos[0] = 0.10
    stand(world, 0.5)
    assert world.data.joint("drawer_bottom_joint").qpos[0] == pytest.approx(0.10, abs=1e-3)


NEW_TASK = """
from genima.sim.task import Task


class Wave(Task):
    name = "wave"

    def descriptions(self, variation):
        return ("wave",)

    def build(self, spec): ...
    def place(self, model, data, rng): ...
    def success(self, model, data): ...
    def waypoints(self, model, data): ...
"""


def test_a_new_task_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wave.py").write_text(NEW_TASK)
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    assert make_task("wave").descriptions(0) == ("wave",)
    assert set(registered_tasks()) == {*NAMES, "wave"}
