# SPDX-License-Identifier: Apache-2.0
import numpy as np

from genima.arrays import Array, Float
from genima.errors import WorldError
from genima.evaluation.expert_alone import run_episode
from genima.evaluation.plan import EpisodeKey
from genima.evaluation.trajectory import TrajectoryRecorder
from genima.sim.world import ExpertChunk, WorldState

KEY = EpisodeKey("reach", 3)


class ReachWorld:
    """Joint 1 is to be turned to 1 rad; the expert turns it by 0.1 rad a step."""

    physics_dt_s = 0.01

    def __init__(self, *, breaks: bool = False) -> None:
        self.commands: list[Float[Array, "n 7"]] = []
        self._breaks = breaks

    def reset(self, task: str, variation: int, seed: int) -> tuple[str, ...]:
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
