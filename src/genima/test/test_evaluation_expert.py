# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genima.arrays import Array, Float
from genima.errors import WorldDown, WorldError
from genima.evaluation.expert_alone import run_episode, run_expert
from genima.evaluation.folder import open_folder
from genima.evaluation.plan import Agent, EpisodeKey, EvaluationPlan
from genima.evaluation.running import Running, read_running
from genima.evaluation.trajectory import TrajectoryRecorder
from genima.sim.world import ExpertChunk, WorldState

KEY = EpisodeKey("reach", 3)


class ReachWorld:
    """Joint 1 is to be turned to 1 rad; the expert turns it by 0.1 rad a step."""

    physics_dt_s = 0.01
    longest_job_s = 540.0
    scene = 2

    def __init__(self, *, breaks: bool = False) -> None:
        self.commands: list[Float[Array, "n 7"]] = []
        self._breaks = breaks
        self.on_reset: Callable[[], object] = lambda: None

    def reset(self, task: str, variation: int, seed: int) -> tuple[str, ...]:
        self.on_reset()
        if self._breaks:
            raise WorldError("no place for the block")
        self._q = np.zeros(7)
        return (f"{task} {variation} {seed}",)

    def state(self) -> WorldState:
        return WorldState(self._q, np.zeros(7), True, 0.08, 0.0)

    def advance(self, q_cmd: Float[Array, "n 7"], gripper_open: bool) -> None:
        self.commands.append(q_cmd)
        self._q = q_cmd[-1]

    def success(self) -> bool:
        return bool(self._q[0] > 0.95)

    def expert_chunk(self, horizon_steps: int) -> ExpertChunk:
        q = np.repeat(self._q[np.newaxis], horizon_steps, axis=0)
        q[:, 0] += 0.1
        return ExpertChunk(self._q, q, np.ones(horizon_steps, bool))


def run(
    world: ReachWorld, max_steps: int
) -> tuple[tuple[bool, int, str, str], TrajectoryRecorder]:
    joints, signs = TrajectoryRecorder(0.0, 0.05), list[int]()
    outcome = run_episode(
        world,  # type: ignore[arg-type]
        KEY,
        max_steps,
        0.05,
        joints,
        lambda: signs.append(joints.last_step),
    )
    assert signs == list(range(1, outcome[1] + 1))
    return outcome, joints


def test_expert_works_until_success_in_small_steps() -> None:
    world = ReachWorld()
    outcome, joints = run(world, max_steps=20)
    assert outcome == (True, 10, "", "reach 0 3")
    np.testing.assert_allclose(joints.table(10)[:, 0], np.arange(11) * 0.1, atol=1e-12)
    np.testing.assert_allclose(world.commands[0][:, 0], [0.02, 0.04, 0.06, 0.08, 0.1])


def test_expert_that_is_too_slow_has_failed() -> None:
    outcome, joints = run(ReachWorld(), max_steps=9)
    assert outcome == (False, 9, "max_steps", "reach 0 3")
    assert joints.last_step == 9


def test_world_that_refuses_is_an_error_of_this_episode() -> None:
    outcome, _ = run(ReachWorld(breaks=True), max_steps=9)
    assert outcome == (False, 0, "error: no place for the block", "")


def test_world_that_is_down_ends_the_worker_and_is_no_error_of_an_episode(tmp_path: Path) -> None:
    plan = EvaluationPlan(("reach",), 1, seed=KEY.seed, agent=Agent.EXPERT, max_steps=20)
    world = ReachWorld()

    def go_down() -> None:
        raise WorldDown("no display")

    world.on_reset = go_down
    with open_folder(tmp_path, plan) as folder:
        with pytest.raises(WorldDown, match="no display"):
            run_expert(folder, world)  # type: ignore[arg-type]
        assert folder.remaining() == (KEY,)
        assert not folder.running_file.exists()


def test_worker_says_how_long_a_reset_may_take_and_which_scene_it_got(tmp_path: Path) -> None:
    """Else a planner at work on a hard scene would be taken for one that hangs."""
    plan = EvaluationPlan(("reach",), 1, seed=KEY.seed, agent=Agent.EXPERT, max_steps=20)
    world, said = ReachWorld(), list[Running | None]()
    with open_folder(tmp_path, plan) as folder:
        world.on_reset = lambda: said.append(read_running(folder.running_file))
        run_expert(folder, world)  # type: ignore[arg-type]
        (record,) = folder.records()
    assert said == [Running(KEY, world.longest_job_s)]
    assert record.success and record.scene == world.scene
    assert not folder.running_file.exists()
