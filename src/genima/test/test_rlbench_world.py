# SPDX-License-Identifier: Apache-2.0
"""RLBench as a world: what the MuJoCo world offers, from a simulator that may fail at any time."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from genima.cameras import CameraRig, load_rig
from genima.collect.episode import Attempt
from genima.collect.plan import CollectionPlan, DemonstrationSeed
from genima.collect.rlbench_demonstrator import RlbenchDemonstrator
from genima.collect.run import collect
from genima.data.training_set import TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.errors import (
    InvalidCommand,
    InvalidParameter,
    NotReady,
    UnknownTask,
    WorldDown,
    WorldError,
)
from genima.evaluation.plan import WorldName
from genima.kinematics import base_T_tcp
from genima.policy import Policy
from genima.rlbench.cameras import write_cameras
from genima.rlbench.expert import DemonstrationExpert
from genima.rlbench.simulator import Q_START
from genima.rlbench.simulator_process import SimulatorFault, SimulatorRefusal
from genima.rlbench.tasks import load_tasks
from genima.rlbench.world import RlbenchRenderer, RlbenchWorld
from genima.sim.expert_rollout import ExpertFollower, TargetFollower, roll_out
from genima.spheres import draw_targets

from .rlbench_pictures import picture
from .rlbench_world_cases import OPTIONS, SIZE_PX, TASKS, bent, installation, rig_of_the_double

ROOT = Path(__file__).parents[3]
STEP = Q_START[np.newaxis]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> CameraRig:
    return rig_of_the_double(tmp_path_factory.mktemp("coppeliasim"))


@pytest.fixture(scope="module")
def world(rig: CameraRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RlbenchWorld]:
    made = RlbenchWorld(rig, TASKS, installation(tmp_path_factory.mktemp("coppeliasim")), OPTIONS)
    yield made
    made.close()


def test_reset_gives_the_instruction_and_the_start(world: RlbenchWorld) -> None:
    assert world.reset("touch", 0, 4) == ("touch the thing", "reach for it")
    state = world.state()
    np.testing.assert_allclose(state.q, Q_START)
    assert state.gripper_open and state.gripper_width_m == pytest.approx(0.08)
    assert (state.time_s, world.success()) == (0.0, False)


def test_a_seed_gives_its_scene_and_another_one_another(world: RlbenchWorld) -> None:
    ends = []
    for seed in (7, 8, 7):
        world.reset("touch", 0, seed)
        ends.append(world.expert_chunk(40).q[-1])
    np.testing.assert_array_equal(ends[0], ends[2])
    assert np.abs(ends[0] - ends[1]).max() > 0.01


def test_scene_that_the_planner_fails_with_is_followed_by_the_seeds_next(
    world: RlbenchWorld,
) -> None:
    """Which one that is depends on chance; what it looks like does not, and it is told."""
    scenes = []
    for seed in (7, 7, 7, 8):
        world.reset("fickle", 0, seed)
        scenes.append((world.scene, world.expert_chunk(40).q[-1]))
    assert [number for number, _ in scenes] == [1, 0, 1, 0]
    np.testing.assert_array_equal(scenes[0][1], scenes[2][1])
    assert np.abs(scenes[0][1] - scenes[1][1]).max() > 0.01
    assert np.abs(scenes[1][1] - scenes[3][1]).max() > 0.01
    with pytest.raises(SimulatorRefusal):
        world.reset("impossible", 0, 7)
    assert world.scene == 0


def test_a_step_of_rlbench_is_a_policy_step(world: RlbenchWorld) -> None:
    world.reset("touch", 0, 1)
    world.advance(STEP + 0.02, gripper_open=True)
    world.advance(np.repeat(STEP + 0.02, 2, axis=0), gripper_open=False)
    state = world.state()
    assert state.time_s == pytest.approx(3 * world.physics_dt_s) == pytest.approx(0.15)
    np.testing.assert_allclose(state.q, Q_START + 0.02, atol=1e-4)
    assert not state.gripper_open and state.gripper_width_m == 0.0


@pytest.mark.parametrize("q", [np.zeros((1, 6)), np.zeros(7), np.full((1, 7), np.nan)])
def test_malformed_command_is_refused_and_loses_nothing(world: RlbenchWorld, q) -> None:
    world.reset("touch", 0, 1)
    with pytest.raises(InvalidCommand):
        world.advance(q, gripper_open=True)
    world.advance(STEP, gripper_open=True)


def test_images_are_those_of_the_same_step_and_rgb(world: RlbenchWorld) -> None:
    world.reset("touch", 0, 1)
    before = world.snapshot()
    world.advance(STEP, gripper_open=True)
    renderer = RlbenchRenderer()
    for snapshot, step in ((before, 0), (world.snapshot(), 1)):
        images = renderer.render(snapshot)
        assert set(images) == {"wrist", "front", "left_shoulder", "right_shoulder"}
        for camera, image in images.items():
            np.testing.assert_array_equal(image, picture(camera, step, SIZE_PX))


def test_cameras_see_the_hand_where_it_is(rig: CameraRig) -> None:
    """The fixed ones look at the table from above and the wrist's along the fingers."""
    tcp = base_T_tcp(Q_START)[:3, 3]
    for name, view in rig.views(Q_START).items():
        at = np.linalg.inv(view.base_T_cam) @ np.append(tcp, 1.0)
        assert at[2] > 0.05, name
        assert view.intrinsics.fx > 0 and view.intrinsics.width == SIZE_PX
    up = -rig.views(Q_START)["front"].base_T_cam[:3, 1]  # y of an optical frame points down
    assert up[2] > 0.3


def test_cameras_file_is_read_back_as_it_was(rig: CameraRig, tmp_path: Path) -> None:
    write_cameras(tmp_path / "new" / "cameras.yaml", rig)
    read = load_rig(tmp_path / "new" / "cameras.yaml")
    for name, camera in rig.cameras.items():
        np.testing.assert_allclose(read.cameras[name].parent_T_cam, camera.parent_T_cam, atol=1e-8)
        assert read.cameras[name].intrinsics == camera.intrinsics


def test_cameras_that_are_elsewhere_are_refused_by_name(rig: CameraRig, tmp_path: Path) -> None:
    world = RlbenchWorld(bent(rig, "wrist", 0.01), TASKS, installation(tmp_path), OPTIONS)
    with pytest.raises(WorldDown, match=r"'wrist' is 10\.0 mm .*genima rlbench cameras"):
        world.reset("touch", 0, 1)
    world.close()
    three = CameraRig({name: rig.cameras[name] for name in ("wrist", "front")})
    with pytest.raises(InvalidParameter, match="RLBench has the cameras"):
        RlbenchWorld(three, TASKS, installation(tmp_path), OPTIONS)


@pytest.mark.parametrize(
    ("task", "variation", "seed", "error", "words"),
    [
        ("make_coffee", 0, 0, UnknownTask, "this world has touch"),
        ("touch", 0, -1, InvalidParameter, "seed is -1"),
        ("touch", 9, 0, SimulatorRefusal, "no variation 9"),
        ("nowhere", 0, 0, SimulatorRefusal, "no_such_file"),
        ("impossible", 0, 0, SimulatorRefusal, "failed 2 times .*No path to waypoint 1"),
        ("unplaceable", 0, 0, SimulatorFault, "BoundaryError: it does not fit"),
    ],
)
def test_reset_that_cannot_be_says_why_and_the_next_can(
    world: RlbenchWorld, task: str, variation: int, seed: int, error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        world.reset(task, variation, seed)
    assert world.reset("touch", 0, 0)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("crash", "ended by SIGKILL .*the physics engine is unhappy"),
        ("invalid", "InvalidActionError: A path could not be found"),
        ("quit", "ended with 1 .*the button that ends everything"),
        ("not_finite", "joint_positions is not finite"),
        ("hang", "did not answer 'step' within"),
    ],
)
def test_failure_loses_the_episode_and_a_reset_begins_another(
    world: RlbenchWorld, task: str, words: str
) -> None:
    world.reset(task, 0, 1)
    for _ in range(2):
        world.advance(STEP, gripper_open=True)
    with pytest.raises(WorldError, match=words):
        world.advance(STEP, gripper_open=True)
    assert world.state().time_s == pytest.approx(0.1)  # what was seen last can still be shown
    assert world.snapshot().images
    with pytest.raises(WorldError, match=words):
        world.advance(STEP, gripper_open=True)
    world.reset("touch", 0, 1)
    world.advance(STEP, gripper_open=True)
    assert world.state().time_s == pytest.approx(0.05)


def test_simulator_that_does_not_start_is_the_fault_of_no_scene(
    rig: CameraRig, tmp_path: Path
) -> None:
    options = replace(OPTIONS, patience=replace(OPTIONS.patience, launch_s=0.3))
    hangs = installation(tmp_path, DOUBLE_HANGS_AT_LAUNCH="1")
    world = RlbenchWorld(rig, TASKS, hangs, options)
    for _ in range(2):
        with pytest.raises(WorldDown, match="did not answer 'launch' within"):
            world.reset("touch", 0, 1)


def test_simulator_that_dies_between_two_episodes_costs_neither(world: RlbenchWorld) -> None:
    world.reset("touch", 0, 1)
    pid = world._simulator._process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT) is not None
    assert world.reset("touch", 0, 2)


def test_world_without_an_expert_resets_without_a_demonstration(
    rig: CameraRig, tmp_path: Path
) -> None:
    options = replace(OPTIONS, expert=False)
    world = RlbenchWorld(rig, TASKS, installation(tmp_path), options)
    assert world.reset("impossible", 0, 1)  # nobody tried
    with pytest.raises(NotReady, match="rlbench_expert"):
        world.expert_chunk(20)
    world.close()
    with pytest.raises(WorldError, match="call reset first"):
        world.state()


def test_expert_does_the_task_however_it_is_asked(world: RlbenchWorld) -> None:
    for follower in (ExpertFollower(), TargetFollower(execution_horizon=20)):
        done = roll_out(world, "touch", 3, follower, max_steps=150)
        assert done.success, follower


def path(*corners: np.ndarray, steps: int = 25) -> np.ndarray:
    """From corner to corner, standing at each as RLBench's planner does."""
    ease = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, steps))[1:, None]
    parts = [corners[0][None]]
    for a, b in pairwise(corners):
        parts.append(a + ease * (b - a))
    return np.concatenate(parts)


def test_expert_does_not_look_beyond_a_corner_before_the_arm_is_there() -> None:
    """There and back on the same way: the nearest step alone would turn back too early."""
    far = Q_START + 0.5
    q = path(Q_START, far, Q_START)
    expert = DemonstrationExpert(q, np.ones(len(q), bool))
    reached = False
    at = Q_START
    for _ in range(200):
        target = expert.chunk(20).q[-1]
        if not reached:
            assert (target >= at - 1e-9).all()  # not on the way back yet
        at = at + np.clip(target - at, -0.03, 0.03)
        expert.update(at, gripper_open=True)
        reached |= bool(np.abs(at - far).max() < 0.02)
    assert reached
    np.testing.assert_allclose(at, Q_START, atol=0.02)


def test_expert_waits_for_the_gripper_and_not_for_time() -> None:
    q = path(Q_START, Q_START + 0.3, Q_START + 0.6)
    closes = 25
    q = np.insert(q, closes, q[closes - 1], axis=0)
    is_open = np.arange(len(q)) < closes
    expert = DemonstrationExpert(q, is_open)
    for step in range(closes):
        expert.update(q[step], gripper_open=True)
    for _ in range(50):
        expert.update(q[closes - 1], gripper_open=True)
        chunk = expert.chunk(20)
    np.testing.assert_allclose(chunk.q[-1], q[closes])
    assert not chunk.gripper_open.any()
    expert.update(q[closes - 1], gripper_open=False)
    assert (expert.chunk(20).q[-1] > q[closes] + 0.05).all()


def test_expert_of_an_arm_that_has_not_begun_does_not_go_on() -> None:
    q = path(Q_START, Q_START + 0.5)
    expert = DemonstrationExpert(q, np.ones(len(q), bool))
    for _ in range(100):
        expert.update(Q_START, gripper_open=True)
    assert np.abs(expert.chunk(1).q - Q_START).max() < 0.02
    assert np.abs(expert.chunk(20).q[-1] - Q_START).max() > 0.3
    with pytest.raises(InvalidParameter, match="at least 1"):
        expert.chunk(0)


@pytest.fixture
def demonstrator(rig: CameraRig, tmp_path: Path) -> Iterator[RlbenchDemonstrator]:
    made = RlbenchDemonstrator(rig, "FAST", 400, TASKS, installation(tmp_path))
    yield made
    made.close()


def test_demonstrations_of_the_planner_become_a_training_set(
    demonstrator: RlbenchDemonstrator, rig: CameraRig, tmp_path: Path
) -> None:
    key = DemonstrationSeed("touch", 5)
    training_set = TrainingSet.create(tmp_path / "set", TrainingSetInfo(0.05, rig))
    made = demonstrator.attempt(key)
    assert made == Attempt("touch", 5, 60, "")
    with training_set.writer("touch", 0, 0) as writer:
        demonstrator.record(key, writer)
    demonstrator.attempt(DemonstrationSeed("touch", 6))
    with training_set.writer("touch", 0, 1) as writer:
        demonstrator.record(key, writer)  # not the newest: done again
    first, again = training_set.load("touch", 0), training_set.load("touch", 1)
    assert first.descriptions == ("touch the thing", "reach for it")
    assert (first.seed, len(first), first.instruction) == (5, 60, "touch the thing")
    np.testing.assert_array_equal(first.q, again.q)
    np.testing.assert_allclose(first.q[0], Q_START)
    assert np.isnan(first.q_command[0]).all() and not np.isnan(first.q_command[1:]).any()
    np.testing.assert_array_equal(first.gripper_command, np.arange(60) < 30)
    np.testing.assert_array_equal(first.images["front"][0], picture("front", 0, SIZE_PX))
    drawn = draw_targets(
        {name: first.images[name][0] for name in rig.cameras},
        first.q[20],
        True,
        rig.views(first.q[0]),
        replace(Policy(), image_size_px=SIZE_PX),
    )
    assert any((drawn[name] != first.images[name][0]).any() for name in drawn)


@pytest.mark.parametrize(
    ("task", "words"),
    [("impossible", "No path to waypoint 1"), ("unplaceable", "BoundaryError")],
)
def test_seed_that_the_planner_fails_with_is_an_attempt_that_failed(
    demonstrator: RlbenchDemonstrator, task: str, words: str
) -> None:
    made = demonstrator.attempt(DemonstrationSeed(task, 1))
    assert not made.success and words in made.failure


def test_simulator_that_does_not_start_is_no_failed_attempt(
    rig: CameraRig, tmp_path: Path
) -> None:
    """Else a seed after the other would be written down as one that cannot be done."""
    fates = tmp_path / "launches"
    there = installation(tmp_path, DOUBLE_LAUNCHES=str(fates))
    demonstrator = RlbenchDemonstrator(rig, "FAST", 400, TASKS, there)
    fates.write_text("fails fails fails fails fails well")
    with pytest.raises(WorldDown, match="could not connect to display"):
        demonstrator.attempt(DemonstrationSeed("touch", 5))
    assert demonstrator.attempt(DemonstrationSeed("touch", 5)).success  # at the third launch
    demonstrator.close()


def test_demonstration_that_is_too_long_has_failed(rig: CameraRig, tmp_path: Path) -> None:
    demonstrator = RlbenchDemonstrator(rig, "FAST", 59, TASKS, installation(tmp_path))
    made = demonstrator.attempt(DemonstrationSeed("touch", 5))
    assert made.failure == "the demonstration has 60 steps, more than 59"
    demonstrator.close()


def test_planner_is_not_asked_through_ros(tmp_path: Path) -> None:
    plan = CollectionPlan(("push_button",), 1, world=WorldName.RLBENCH)
    with pytest.raises(InvalidParameter, match="--through-ros works with world mujoco only"):
        collect(plan, tmp_path / "set", tmp_path, Console(), through_ros=True)


def test_the_papers_25_tasks_can_be_chosen_by_name() -> None:
    tasks = load_tasks(ROOT / "config" / "tasks" / "rlbench.yaml")
    assert len(tasks) == 25
    assert tasks["push_button"].instruction == "push the maroon button"
    assert all(task.file.islower() and task.instruction for task in tasks.values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tasks: []", "must map names"),
        ("tasks: {a: {rlbench_file: a}}", r"task 'a': lacks \['instruction'\]"),
        ("tasks: {a: {rlbench_file: '', instruction: b}}", "'rlbench_file' must be text"),
    ],
)
def test_malformed_list_of_tasks_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "tasks.yaml").write_text(text)
    with pytest.raises(InvalidParameter, match=words):
        load_tasks(tmp_path / "tasks.yaml")
