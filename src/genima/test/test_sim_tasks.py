# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the tasks: what is told, where objects are put, when they are done."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from genima.cameras import load_rig
from genima.errors import InvalidParameter, UnknownTask, WorldError
from genima.sim import tasks
from genima.sim.mujoco_world import Q_START, MujocoWorld
from genima.sim.task import make_task, registered_tasks

ROOT = Path(__file__).parents[3]
INSTRUCTIONS = {
    "lamp_on": "turn on the light",
    "open_box": "open box",
    "open_door": "open the door",
    "open_drawer": "open bottom drawer",
    "open_microwave": "open microwave",
    "pick_up_cup": "pick up the red cup",
    "push_button": "push the maroon button",
    "put_rubbish_in_bin": "put rubbish in bin",
    "slide_block_to_target": "slide the block to target",
    "take_lid_off_saucepan": "take lid off the saucepan",
    "toilet_seat_up": "lift toilet seat up",
    "turn_tap": "turn left tap",
}
OBJECTS = {
    "lamp_on": "lamp",
    "open_box": "box",
    "open_door": "door_frame",
    "open_drawer": "cabinet",
    "open_microwave": "oven",
    "pick_up_cup": "cup",
    "push_button": "button_base",
    "put_rubbish_in_bin": "rubbish",
    "slide_block_to_target": "block",
    "take_lid_off_saucepan": "pan",
    "toilet_seat_up": "toilet",
    "turn_tap": "mixer",
}
NAMES = tuple(INSTRUCTIONS)
#: Joints that decide, where they do, and joints of the same objects that do not.
HINGES = [
    ("lamp_on", "lamp_button_joint", 0.003, ()),
    ("open_box", "box_lid_joint", np.radians(90.0), ()),
    ("open_door", "door_joint", np.radians(25.0), ("door_lever_joint",)),
    ("open_drawer", "drawer_bottom_joint", 0.15, ("drawer_middle_joint", "drawer_top_joint")),
    ("open_microwave", "oven_door_joint", np.radians(80.0), ()),
    ("push_button", "button_joint", 0.003, ()),
    ("toilet_seat_up", "toilet_seat_joint", 1.40, ()),
    ("turn_tap", "tap_left_joint", 1.57, ("tap_right_joint",)),
]


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
    for seed in range(2):
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
    for seed in range(6):
        world.reset(name, 0, seed)
        point, _ = poses(world, OBJECTS[name])

        def inside(camera: str, point: np.ndarray = point) -> bool:
            view = views[camera]
            uv, depth = view.project(point[None])
            size = (view.intrinsics.width, view.intrinsics.height)
            return bool(depth[0] > 0 and np.all(uv[0] > 4) and np.all(uv[0] < np.array(size) - 4))

        assert inside("front")
        assert inside("left_shoulder") or inside("right_shoulder")


@pytest.mark.parametrize(("name", "joint", "limit", "others"), HINGES)
def test_joint_counts_only_beyond_its_limit_and_no_other_does(
    world: MujocoWorld, name: str, joint: str, limit: float, others: tuple[str, ...]
) -> None:
    world.reset(name, 0, 0)
    for other in others:
        world.data.joint(other).qpos[0] = 1.1 * limit
    world.data.joint(joint).qpos[0] = 0.99 * limit
    assert not world.success()
    world.data.joint(joint).qpos[0] = 1.01 * limit
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


def test_lifted_cup_counts_only_in_the_hand(world: MujocoWorld) -> None:
    world.reset("pick_up_cup", 0, 0)
    world.data.joint("cup_joint").qpos[2] += 0.15
    mujoco.mj_forward(world.model, world.data)
    assert not world.success()


def test_rubbish_counts_only_down_in_the_bin_and_tomatoes_never(world: MujocoWorld) -> None:
    world.reset("put_rubbish_in_bin", 0, 0)
    bin_at, _ = poses(world, "bin")
    world.data.joint("tomato1_joint").qpos[:3] = bin_at + np.array([0.0, 0.0, 0.03])
    for height, done in ((0.14, False), (0.05, True)):
        world.data.joint("rubbish_joint").qpos[:3] = bin_at + np.array([0.02, 0.0, height])
        mujoco.mj_forward(world.model, world.data)
        assert world.success() is done


def test_lamp_lights_up_when_its_button_is_pressed_and_stays_lit(world: MujocoWorld) -> None:
    world.reset("lamp_on", 0, 0)
    bulb = world.model.material("lamp_bulb")
    stand(world, 0.1)
    assert bulb.emission[0] == 0.0
    world.model.joint("lamp_button_joint").stiffness[:] = 0.0
    for position, pressed in ((0.010, True), (0.0, False)):
        world.data.joint("lamp_button_joint").qpos[0] = position
        stand(world, 0.05)
        assert world.success() is pressed
    assert bulb.emission[0] > 0.5


@pytest.mark.parametrize(
    ("name", "joint", "position"),
    [
        ("open_box", "box_lid_joint", 0.7),
        ("open_drawer", "drawer_bottom_joint", 0.10),
        ("open_microwave", "oven_door_joint", 0.7),
        ("toilet_seat_up", "toilet_seat_joint", 0.7),
        ("turn_tap", "tap_left_joint", 0.7),
    ],
)
def test_what_is_half_open_stays_so(
    world: MujocoWorld, name: str, joint: str, position: float
) -> None:
    world.reset(name, 0, 1)
    world.data.joint(joint).qpos[0] = position
    stand(world, 0.5)
    assert world.data.joint(joint).qpos[0] == pytest.approx(position, abs=0.02)


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


class AlwaysTheSame(np.random.Generator):
    """Draws the least of what it may."""

    def uniform(self, low=0.0, high=1.0, size=None):  # type: ignore[no-untyped-def]
        return np.array(low, float)

    def choice(self, options, *args, **kwargs):  # type: ignore[no-untyped-def]
        return options[0]


@pytest.mark.parametrize("name", ["pick_up_cup", "put_rubbish_in_bin", "slide_block_to_target"])
def test_placement_without_room_ends_with_a_sentence(world: MujocoWorld, name: str) -> None:
    world.reset(name, 0, 0)
    with pytest.raises(WorldError, match="fits beside the others; take another seed"):
        make_task(name).place(world.model, world.data, AlwaysTheSame(np.random.PCG64()))
