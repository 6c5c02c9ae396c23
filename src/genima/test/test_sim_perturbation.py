# SPDX-License-Identifier: Apache-2.0
"""Scenes that differ from those of training data, and objects on a grid."""

import colorsys
from pathlib import Path

import mujoco
import numpy as np
import pytest

from genima.cameras import load_rig
from genima.errors import InvalidParameter
from genima.ik import InverseKinematics
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.perturbation_textures import PALETTE
from genima.sim.placement import place_feasibly
from genima.sim.pose_grid import make_grid
from genima.sim.props import VISUAL_GROUP
from genima.sim.scene import scene_spec
from genima.sim.scenery import Factor, Poses, Scenery, cell_of, factors_of
from genima.sim.task import make_task
from genima.spheres import GRIPPER_CLOSED_RGB, SPHERE_RGB

ROOT = Path(__file__).parents[3]
RIG = load_rig(ROOT / "config" / "cameras.yaml")
TASK, SEED = "take_lid_off_saucepan", 100_003

#: Which arrays of the model a factor touches; the distractors add to it instead.
TOUCHED = {
    Factor.OBJECT_COLOR: {"geom_rgba", "mat_texid"},
    Factor.LIGHT: {"light_diffuse"},
    Factor.TABLE_TEXTURE: {"tex_data"},
    Factor.BACKGROUND_TEXTURE: {"tex_data"},
    Factor.CAMERA_POSE: {"cam_pos", "cam_quat"},
}


def scene(*factors: Factor, task: str = TASK, seed: int = SEED) -> MujocoWorld:
    world = MujocoWorld(RIG, scenery=Scenery(factors))
    world.reset(task, 0, seed)
    return world


def arrays(model: mujoco.MjModel) -> dict[str, bytes]:
    values = {name: getattr(model, name) for name in dir(model) if not name.startswith("_")}
    return {name: v.tobytes() for name, v in values.items() if isinstance(v, np.ndarray)}


def changed(one: MujocoWorld, other: MujocoWorld) -> set[str]:
    here, there = arrays(one.model), arrays(other.model)
    return {name for name in here if here[name] != there[name]}


def objects(world: MujocoWorld) -> dict[str, np.ndarray]:
    names = [world.model.body(i).name for i in range(world.model.nbody)]
    return {n: world.data.body(n).xpos.copy() for n in names if "distractor" not in n}


def test_scene_without_factors_is_the_one_of_training() -> None:
    task = make_task(TASK)
    spec = scene_spec(RIG, 0.002)
    task.build(spec)
    model = spec.compile()
    plain = scene()
    assert plain.model.nq == model.nq
    data, rng = plain_state(model, plain), np.random.default_rng([SEED, 0])
    place_feasibly(task, model, data, rng, InverseKinematics())
    here, there = arrays(plain.model), arrays(model)
    assert {name for name in here if here[name] != there[name]} == set()
    np.testing.assert_array_equal(plain.data.qpos, data.qpos)


def plain_state(model: mujoco.MjModel, world: MujocoWorld) -> mujoco.MjData:
    """The arm where the world has it, the objects where the scene was compiled."""
    data = mujoco.MjData(model)
    robot = slice(0, 9)  # seven joints and two fingers come first
    data.qpos[robot] = world.data.qpos[robot]
    return data


@pytest.mark.parametrize("factor", list(TOUCHED), ids=lambda factor: factor.value)
def test_factor_changes_what_it_names_and_nothing_else(factor: Factor) -> None:
    plain, perturbed = scene(), scene(factor)
    assert changed(plain, perturbed) == TOUCHED[factor] - (
        {"mat_texid"} if factor is Factor.OBJECT_COLOR else set()  # the pan has no texture
    )
    np.testing.assert_array_equal(plain.data.qpos, perturbed.data.qpos)


def test_seed_decides_how_a_factor_looks_whichever_others_there_are() -> None:
    alone, again = scene(Factor.LIGHT), scene(Factor.LIGHT)
    together, other = scene(*Factor), scene(Factor.LIGHT, seed=SEED + 1)
    assert changed(alone, again) == set()
    lights = [world.model.light_diffuse for world in (alone, together, other)]
    np.testing.assert_array_equal(lights[0], lights[1])
    assert (lights[0] != lights[2]).all()


def test_each_part_of_a_drawer_has_a_colour_of_its_own_without_grain() -> None:
    model = scene(Factor.OBJECT_COLOR, task="open_drawer").model
    seen = model.geom_group == VISUAL_GROUP
    known = np.array(list(PALETTE.values()), np.float32)
    rows = model.geom_rgba[seen, :3]
    assert all((np.abs(known - row).max(axis=1) < 1e-6).any() for row in rows)
    assert len(np.unique(rows, axis=0)) >= 4
    assert (model.mat_texid[model.geom_matid[seen]] == -1).all()


def test_lights_keep_to_the_range_and_textures_to_their_own_pixels() -> None:
    plain = scene().model
    for seed in range(SEED, SEED + 4):
        assert scene(Factor.LIGHT, seed=seed).model.light_diffuse.max() <= 0.5
    table = scene(Factor.TABLE_TEXTURE).model
    differs = np.flatnonzero(plain.tex_data != table.tex_data)
    wood = plain.texture("wood")
    start = int(plain.tex_adr[wood.id])
    size = int(wood.width[0]) * int(wood.height[0]) * 3
    assert start <= differs.min() and differs.max() < start + size
    assert len(differs) > 0.5 * size


def test_cameras_of_the_room_move_a_little_and_the_wrists_stays() -> None:
    plain, moved = scene(), scene(Factor.CAMERA_POSE)
    for name in RIG.cameras:
        here, there = plain.data.camera(name), moved.data.camera(name)
        shift = np.abs(here.xpos - there.xpos).max()
        turn = here.xmat.reshape(3, 3).T @ there.xmat.reshape(3, 3)
        angle = np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))
        if name == "wrist":
            assert shift == 0.0 and angle < 1e-6
        else:
            assert 0.01 < shift <= 0.1
            assert 0.005 < angle <= np.sqrt(3) * 0.05 + 1e-6
    assert (plain.data.camera("beauty").xpos == moved.data.camera("beauty").xpos).all()


@pytest.mark.parametrize("task", ["open_drawer", "open_door", "slide_block_to_target"])
def test_distractors_stand_still_beside_objects_that_lie_as_without_them(task: str) -> None:
    plain, perturbed = scene(task=task), scene(Factor.DISTRACTORS, task=task)
    for name, place in objects(plain).items():
        np.testing.assert_allclose(objects(perturbed)[name], place, atol=1e-12)
    model, data = perturbed.model, perturbed.data
    before = [data.body(f"distractor_{i}").xpos.copy() for i in range(2)]
    perturbed.advance(np.tile(perturbed.state().q, (250, 1)), True)
    for i, place in enumerate(before):
        np.testing.assert_allclose(data.body(f"distractor_{i}").xpos, place, atol=0.002)
    touching = {model.geom_bodyid[g] for contact in data.contact for g in contact.geom}
    ids = {model.body(f"distractor_{i}").id for i in range(2)}
    pairs = [{int(model.geom_bodyid[g]) for g in contact.geom} for contact in data.contact]
    assert ids <= touching
    assert all(pair - ids == {0} for pair in pairs if pair & ids)  # the table and nothing else


def test_no_colour_is_near_that_of_a_sphere() -> None:
    spheres = [colorsys.rgb_to_hsv(*rgb)[0] for rgb in (*SPHERE_RGB.values(), GRIPPER_CLOSED_RGB)]
    assert len(PALETTE) == 20
    for name, rgb in PALETTE.items():
        hue, saturation, _ = colorsys.rgb_to_hsv(*rgb)
        gap = min(abs((hue - sphere + 0.5) % 1.0 - 0.5) for sphere in spheres)
        assert saturation < 0.2 or gap > 20 / 360, name


def test_factors_are_read_in_any_order_and_others_refused_with_those_there_are() -> None:
    assert factors_of(" light ,object_color,light") == (Factor.OBJECT_COLOR, Factor.LIGHT)
    assert factors_of("") == ()
    with pytest.raises(InvalidParameter, match="perturb names 'fog'; allowed: object_color, "):
        factors_of("light,fog")


@pytest.mark.parametrize("task", ["push_button", "slide_block_to_target"])
def test_seeds_go_through_the_cells_of_the_grid(task: str) -> None:
    world = MujocoWorld(RIG, scenery=Scenery(poses=Poses.GRID))
    distances, places = [], []
    for seed in (0, 4, 12, 20, 24):
        world.reset(task, 0, seed)
        chosen = make_task(task)
        grid = make_grid(chosen, world.model, clone(world))
        place = world.data.xpos[grid.body, :2]
        size = (grid.corners[1] - grid.corners[0]) / 5
        distances.append(np.abs((place - grid.middles[cell_of(seed)]) / size).max())
        places.append(place.copy())
    assert max(distances) < 0.75  # of a cell
    assert places[0][0] < places[2][0] < places[3][0] and places[0][1] < places[1][1]
    world.reset(task, 0, 12)
    first = world.data.qpos.copy()
    world.reset(task, 0, 12)
    np.testing.assert_array_equal(world.data.qpos, first)
    world.reset(task, 0, 37)  # the same cell again, otherwise
    assert (world.data.qpos != first).any() or task == "push_button"


def clone(world: MujocoWorld) -> mujoco.MjData:
    data = mujoco.MjData(world.model)
    data.qpos[:] = world.data.qpos
    return data
