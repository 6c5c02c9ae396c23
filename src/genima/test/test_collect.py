# SPDX-License-Identifier: Apache-2.0
"""What is collected: which seeds, and that it is what the world and its cameras measure."""

import itertools
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genima.cameras import square_image
from genima.cli.collect import run as collect_command
from genima.collect.episode import Attempt, record, roll_out, square_rig
from genima.collect.expert_drive import SETTLE_STEPS, drive
from genima.collect.folder import open_folder
from genima.collect.journal import AttemptJournal
from genima.collect.plan import CollectionPlan, DemonstrationSeed
from genima.collect.schedule import MOST_FAILURES_IN_A_ROW, Job, Schedule
from genima.data.training_set import TrainingSet
from genima.data.training_set_info import TrainingSetInfo
from genima.errors import GenimaError, InvalidDataset, InvalidParameter, UnknownTask, WorldError
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.renderer import MujocoRenderer, Quality
from genima.sim.task import K_STEPS, registered_tasks

from .collect_cases import MAX_STEPS, PLAN, SEEDS, small_rig

KEY = DemonstrationSeed("push_button", 0)


def outcome(key: DemonstrationSeed, bad: set[int]) -> Attempt:
    return Attempt(key.task, key.seed, 0, "no") if key.seed in bad else Attempt(*_good(key))


def _good(key: DemonstrationSeed) -> tuple[str, int, int, str]:
    return key.task, key.seed, 100, ""


def work_off(
    schedule: Schedule, workers: int, bad: set[int], order: random.Random
) -> tuple[dict[tuple[str, int], int], set[DemonstrationSeed]]:
    """Do all jobs, in any order that so many workers might do them in."""
    episodes: dict[tuple[str, int], int] = {}
    tried: set[DemonstrationSeed] = set()
    busy: list[Job] = []
    while not schedule.finished:
        while len(busy) < workers and (job := schedule.next_job()) is not None:
            busy.append(job)
        job = busy.pop(order.randrange(len(busy)))
        if order.random() < 0.2:
            schedule.give_back(job)  # its worker has crashed
        elif job.episode is None:
            tried.add(job.key)
            schedule.attempted(job, outcome(job.key, bad))
        else:
            assert (job.key.task, job.episode) not in episodes
            episodes[job.key.task, job.episode] = job.key.seed
            schedule.recorded(job)
    return episodes, tried


@given(
    workers=st.integers(1, 6),
    bad=st.sets(st.integers(10, 30), max_size=12),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_episodes_are_the_lowest_good_seeds_whoever_is_done_first(
    workers: int, bad: set[int], seed: int
) -> None:
    plan = CollectionPlan(tasks=("a", "b"), episodes=5, seed=10)
    episodes, tried = work_off(Schedule(plan, (), {}), workers, bad, random.Random(seed))
    good = [s for s in range(10, 60) if s not in bad][:5]
    assert episodes == {(task, n): s for task in "ab" for n, s in enumerate(good)}
    assert {key.seed for key in tried} == set(range(10, good[-1] + 1))


def test_a_lost_line_of_the_journal_moves_no_episode() -> None:
    plan = CollectionPlan(tasks=("a",), episodes=3)
    known = [outcome(DemonstrationSeed("a", s), {1}) for s in (0, 2, 3)]  # that of seed 1 is lost
    schedule = Schedule(plan, known, {"a": [0]})
    job = schedule.next_job()
    assert job == Job(DemonstrationSeed("a", 1), None)
    schedule.attempted(job, outcome(job.key, {1}))
    assert schedule.seeds("a") == [0, 2, 3]


def test_expert_that_always_fails_ends_the_collection_with_a_sentence() -> None:
    plan = CollectionPlan(tasks=("a",), episodes=1)
    schedule = Schedule(plan, (), {})
    with pytest.raises(WorldError, match="failed with 50 seeds in a row, up to 49 \\(no\\)"):
        work_off(schedule, 1, set(range(1000)), random.Random(1))
    assert schedule.failed("a") == MOST_FAILURES_IN_A_ROW


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> MujocoWorld:
    return MujocoWorld(small_rig(tmp_path_factory.mktemp("rig"))[1])


def test_demonstration_holds_what_world_and_cameras_measure(
    world: MujocoWorld, tmp_path: Path
) -> None:
    rig = square_rig(world.rig)
    training_set = TrainingSet.create(tmp_path / "set", TrainingSetInfo(0.05, rig))
    renderer = MujocoRenderer(world, Quality.FAST)
    rollout = roll_out(world, KEY, MAX_STEPS)
    with training_set.writer(KEY.task, 0, 0) as writer:
        record(rollout, renderer, rig, writer)
    demonstration = training_set.load(KEY.task, 0)
    assert demonstration.seed == KEY.seed and demonstration.success
    assert demonstration.descriptions == registered_tasks()[KEY.task]().descriptions(0)
    np.testing.assert_array_equal(demonstration.stamps_s, np.arange(len(rollout.steps)) * 5 / 100)
    for t, (step, snapshot) in enumerate(zip(rollout.steps, rollout.snapshots, strict=True)):
        np.testing.assert_array_equal(demonstration.q[t], step.state.q)
        np.testing.assert_array_equal(demonstration.dq[t], step.state.dq)
        assert demonstration.gripper_open[t] == step.state.gripper_open
        if step.command is not None:
            np.testing.assert_array_equal(demonstration.q_command[t], step.command.q[1])
        if t % 20 == 0:
            image = square_image(renderer.render(snapshot)["front"], 256)
            np.testing.assert_array_equal(demonstration.images["front"][t], image)
    renderer.close()


@pytest.mark.parametrize("task", sorted(registered_tasks()))
def test_arm_gets_where_an_oracle_would_draw_it_when_it_would(
    world: MujocoWorld, task: str
) -> None:
    """Else a controller would be trained on other targets than it is given."""
    world.reset(task, 0, 5)
    q, drawn = [], []
    for step in drive(world, 400):
        q.append(step.state.q)
        drawn.append(world.expert_chunk(K_STEPS).q[-1])
    apart = np.abs(np.array(q[K_STEPS:]) - np.array(drawn[:-K_STEPS])).max(axis=1)
    assert apart.max() < 0.04


@pytest.mark.parametrize("task", sorted(registered_tasks()))
def test_each_command_goes_on_from_the_one_before(world: MujocoWorld, task: str) -> None:
    rollout = roll_out(world, DemonstrationSeed(task, 5), 400)
    commands = [step.command for step in rollout.steps[1:]]
    for before, after in itertools.pairwise(commands):
        assert before is not None and after is not None
        np.testing.assert_array_equal(after.q[0], before.q[1])
    assert world.reset(task, 0, 5) == rollout.descriptions


def test_at_the_end_the_arm_stands_where_the_expert_wanted_it(world: MujocoWorld) -> None:
    """So the target of the last steps before success is no point short of it."""
    rollout = roll_out(world, DemonstrationSeed("take_lid_off_saucepan", 0), 400)
    q = np.array([step.state.q for step in rollout.steps])
    assert np.abs(q[-1] - q[-1 - SETTLE_STEPS]).max() > 0.1
    assert np.abs(q[-1] - q[-3]).max() < 0.002


def test_plan_can_grow_and_changes_in_nothing_else() -> None:
    assert replace(PLAN, episodes=3).difference(PLAN) == ""
    assert replace(PLAN, tasks=("open_drawer", "push_button")).difference(PLAN) == ""
    assert PLAN.difference(replace(PLAN, episodes=9)) == "episodes is 9 there and 2 here"
    assert replace(PLAN, seed=1, max_steps=9).difference(PLAN) == (
        f"seed is 0 there and 1 here, max_steps is {MAX_STEPS} there and 9 here"
    )
    assert CollectionPlan.from_json(PLAN.to_json()) == PLAN


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks": ()}, "no task is named"),
        ({"tasks": ("a", "a")}, "tasks name 'a' twice"),
        ({"episodes": 0}, "episodes is 0; give a whole number from 1 on"),
        ({"seed": -1}, "seed is -1; give a whole number from 0 on"),
        ({"max_steps": 0}, "max_steps is 0"),
    ],
)
def test_nonsense_in_a_plan_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        replace(PLAN, **changes)


def test_unknown_task_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownTask, match=r"there is no task .* it has: juggle"):
        PLAN.require_tasks(("juggle",))


def test_journal_drops_the_line_that_a_kill_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "attempts.jsonl"
    attempts = [Attempt("a", 0, 90, ""), Attempt("a", 1, 0, "the expert was not done")]
    for made in attempts:
        AttemptJournal(file).append(made)
    with file.open("ab") as end:
        end.write(b'{"task": "a", "se')
    assert AttemptJournal(file).attempts == tuple(attempts)
    assert AttemptJournal(file).attempts == tuple(attempts)


def test_line_that_is_no_attempt_is_named(tmp_path: Path) -> None:
    file = tmp_path / "attempts.jsonl"
    file.write_text('{"task": "a"}\n')
    with pytest.raises(InvalidDataset, match=r"attempts\.jsonl:1 is not an attempt"):
        AttemptJournal(file)


def test_folder_of_another_plan_is_refused_and_left_as_it_is(
    world: MujocoWorld, tmp_path: Path
) -> None:
    with open_folder(tmp_path / "set", PLAN, world.rig):
        pass
    before = (tmp_path / "set" / "collection.json").read_bytes()
    with (
        pytest.raises(InvalidDataset, match="another collection: seed is 0 there and 7 here"),
        open_folder(tmp_path / "set", replace(PLAN, seed=7), world.rig),
    ):
        pass
    assert (tmp_path / "set" / "collection.json").read_bytes() == before


def test_folder_made_with_another_simulator_is_refused(world: MujocoWorld, tmp_path: Path) -> None:
    with open_folder(tmp_path, PLAN, world.rig):
        pass
    file = tmp_path / "collection.json"
    file.write_text(file.read_text().replace('"mujoco": "', '"mujoco": "0.'))
    with (
        pytest.raises(InvalidDataset, match=r"mujoco is 0\.\S+ there and"),
        open_folder(tmp_path, PLAN, world.rig),
    ):
        pass


def test_folder_of_other_cameras_is_refused(world: MujocoWorld, tmp_path: Path) -> None:
    with open_folder(tmp_path, PLAN, world.rig):
        pass
    camera = world.rig.cameras["front"]
    k = replace(camera.intrinsics, fx=90.0)
    with (
        pytest.raises(InvalidDataset, match="another calibration of"),
        open_folder(tmp_path, PLAN, world.rig.with_intrinsics("front", k)),
    ):
        pass


def test_set_that_was_not_collected_is_not_added_to(world: MujocoWorld, tmp_path: Path) -> None:
    TrainingSet.create(tmp_path, TrainingSetInfo(0.05, square_rig(world.rig)))
    with (
        pytest.raises(InvalidDataset, match="was not collected here"),
        open_folder(tmp_path, PLAN, world.rig),
    ):
        pass


def test_two_collections_into_one_folder_at_once_are_refused(
    world: MujocoWorld, tmp_path: Path
) -> None:
    with (
        open_folder(tmp_path, PLAN, world.rig),
        pytest.raises(InvalidDataset, match="another process is collecting into"),
        open_folder(tmp_path, PLAN, world.rig),
    ):
        pass


def test_episode_of_another_seed_is_not_passed_off_as_this_ones(
    world: MujocoWorld, tmp_path: Path
) -> None:
    with open_folder(tmp_path, PLAN, world.rig) as folder:
        episode = folder.training_set.folder(KEY.task, 1)
        episode.mkdir(parents=True)
        (episode / "metadata.json").write_text('{"seed": 1}')
        with pytest.raises(InvalidDataset, match="made from seed 1, and would be from 2 now"):
            folder.require_seeds(KEY.task, SEEDS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"tasks": "juggle"},
            "there is no task 'juggle' in world 'mujoco'; it has: lamp_on, open_box",
        ),
        ({"tasks": " , "}, "no task is named; give --tasks A,B"),
        ({"seed": -3}, "seed is -3; give a whole number from 0 on"),
        ({"workers": 0}, "workers is 0; give a whole number from 1 on"),
        ({"world": "gazebo"}, "world is 'gazebo'; allowed: mujoco"),
        ({"image_quality": "best"}, "image_quality is 'best'; allowed: fast, shadows"),
        ({"cameras": Path("none.yaml")}, "none.yaml"),
    ],
)
def test_nonsense_on_the_command_line_is_a_sentence_and_makes_no_folder(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    out = tmp_path / "set"
    given = {"tasks": "push_button", "episodes": 1, "out": out} | options
    given["cameras"] = given.get("cameras") or small_rig(tmp_path)[0]
    with pytest.raises(GenimaError, match=re.escape(words)):
        collect_command(**given)
    assert not out.exists()
