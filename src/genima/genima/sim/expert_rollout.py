# SPDX-License-Identifier: Apache-2.0
"""Episodes without ROS and without images: how good are the experts and their targets?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from genima.arrays import Array, Float
from genima.control import ChunkSplicer
from genima.limits import RobotModel, limits_of
from genima.sim.task import K_STEPS
from genima.sim.world import World

STEP_S = 0.05


class Follower(Protocol):
    """Drives a world's arm by what the world's expert says."""

    def begin(self, world: World) -> None:
        """Start with an episode that has just been reset."""
        ...

    def step(self, world: World) -> None:
        """Go on for one control step."""
        ...


class ExpertFollower:
    """Goes where the expert says, asking it at every step."""

    def begin(self, world: World) -> None:
        """Stand where the arm is."""
        self._q_cmd = world.state().q
        steps = round(STEP_S / world.physics_dt_s)
        self._progress = np.arange(1, steps + 1)[:, None] / steps

    def step(self, world: World) -> None:
        """Take the first step of a fresh chunk."""
        chunk = world.expert_chunk(1)
        world.advance(
            self._q_cmd + (chunk.q[0] - self._q_cmd) * self._progress, bool(chunk.gripper_open[0])
        )
        self._q_cmd = chunk.q[0]


class TargetFollower:
    """Knows only where the expert will be K steps ahead, and goes there in its own way.

    That is what a learner does that reads every drawn target perfectly, or nearly so.

    Args:
        execution_horizon: Control steps of each motion that are executed before the next target.
        noise_rad: Standard deviation of each joint of the target [rad].
        wait_steps: Control steps to stand before the first target is asked for.
        seed: Source of the noise.
    """

    def __init__(
        self,
        execution_horizon: int,
        noise_rad: float = 0.0,
        wait_steps: int = 0,
        seed: int = 0,
    ) -> None:
        self._execution_horizon = execution_horizon
        self._noise_rad = noise_rad
        self._wait_steps = wait_steps
        self._rng = np.random.default_rng(seed)

    def begin(self, world: World) -> None:
        """Stand where the arm is."""
        self._splicer = ChunkSplicer(limits_of(RobotModel.PANDA), world.state().q)
        self._steps = 0

    def step(self, world: World) -> None:
        """Ask for a target where one is due, and go on."""
        now_s = self._steps * STEP_S
        asked = self._steps - self._wait_steps
        if asked >= 0 and asked % self._execution_horizon == 0:
            chunk = world.expert_chunk(K_STEPS)
            q_target = chunk.q[-1] + self._noise()
            self._splicer.move_to(q_target, bool(chunk.gripper_open[-1]), now_s, K_STEPS, STEP_S)
        steps = round(STEP_S / world.physics_dt_s)
        times_s = now_s + np.arange(1, steps + 1) * world.physics_dt_s
        samples = [self._splicer.sample(t_s) for t_s in times_s]
        world.advance(np.stack([sample.q for sample in samples]), samples[-1].gripper_open)
        self._steps += 1

    def _noise(self) -> Float[Array, "7"]:
        return self._rng.normal(0.0, self._noise_rad, 7)


@dataclass(frozen=True)
class Rollout:
    """How an episode went.

    Attributes:
        success: Whether the task was done.
        steps: Control steps it took, or was given.
    """

    success: bool
    steps: int


def follow(world: World, follower: Follower, max_steps: int) -> Iterator[int]:
    """Run an episode that has been reset; yields the number of steps done after each of them.

    Ends with the first step after which the task is done, at the latest after `max_steps`.
    """
    follower.begin(world)
    for step in range(1, max_steps + 1):
        follower.step(world)
        yield step
        if world.success():
            return


def roll_out(
    world: World, task: str, seed: int, follower: Follower, max_steps: int = 400
) -> Rollout:
    """Run a whole episode of a task's variation 0.

    Args:
        world: The world; it is reset.
        task: Name of the task.
        seed: Seed of the episode.
        follower: Who drives.
        max_steps: Control steps after which the episode has failed.
    """
    world.reset(task, 0, seed)
    steps = max(follow(world, follower, max_steps))
    return Rollout(world.success(), steps)
