# SPDX-License-Identifier: Apache-2.0
"""Who does demonstrations: the expert of the embedded world, or another world's own."""

from typing import Protocol

from genima.cameras import CameraRig
from genima.collect.episode import Attempt, Rollout, record, roll_out, square_rig
from genima.collect.plan import DemonstrationSeed
from genima.data.demonstration_writer import DemonstrationWriter
from genima.errors import InvalidCommand, WorldError
from genima.evaluation.plan import WorldName
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.renderer import MujocoRenderer, Quality
from genima.sim.scenery import Scenery


class Demonstrator(Protocol):
    """Does tasks, and writes down how."""

    def attempt(self, key: DemonstrationSeed) -> Attempt:
        """Try to do a task with a seed; what was done is kept until the next attempt."""
        ...

    def record(self, key: DemonstrationSeed, writer: DemonstrationWriter) -> None:
        """Write a demonstration, which is done again if it was not the newest attempt.

        Raises:
            GenimaError: It cannot be done or written.
        """
        ...

    def close(self) -> None:
        """Let go of the simulator."""
        ...


class MujocoDemonstrator:
    """The expert of the embedded world.

    Args:
        rig: Cameras of the scene.
        image_quality: Name of a `Quality`.
        max_steps: Policy steps after which the expert has failed.
        starts_beside: Share of the seeds with which the hand begins beside its first place.
    """

    def __init__(
        self, rig: CameraRig, image_quality: str, max_steps: int, starts_beside: float
    ) -> None:
        self._world = MujocoWorld(rig, scenery=Scenery(starts_beside=starts_beside))
        self._square_rig = square_rig(rig)
        self._renderer = MujocoRenderer(self._world, Quality[image_quality])
        self._max_steps = max_steps
        self._newest: Rollout | None = None

    def attempt(self, key: DemonstrationSeed) -> Attempt:
        """Let the expert do a task."""
        try:
            self._newest = roll_out(self._world, key, self._max_steps)
        except (WorldError, InvalidCommand) as error:
            return Attempt(key.task, key.seed, 0, str(error))
        return Attempt(key.task, key.seed, len(self._newest.steps), "")

    def record(self, key: DemonstrationSeed, writer: DemonstrationWriter) -> None:
        """Render and write what was done."""
        rollout = self._newest
        if rollout is None or rollout.key != key:  # it was tried by somebody else
            rollout = roll_out(self._world, key, self._max_steps)
        record(rollout, self._renderer, self._square_rig, writer)

    def close(self) -> None:
        """Let go of world and graphics."""
        self._renderer.close()
        self._world.close()


def longest_job_s(world: WorldName) -> float:
    """How long a demonstration may take because a world's simulator is slow, not we [s]."""
    if world is WorldName.MUJOCO:
        return 0.0
    from genima.collect.rlbench_demonstrator import LONGEST_JOB_S

    return LONGEST_JOB_S


def make_demonstrator(
    world: WorldName, rig: CameraRig, image_quality: str, max_steps: int, starts_beside: float
) -> Demonstrator:
    """The one of a world; `starts_beside` is of the embedded one alone.

    Raises:
        MissingDependency: Its simulator is not installed.
    """
    if world is WorldName.MUJOCO:
        return MujocoDemonstrator(rig, image_quality, max_steps, starts_beside)
    from genima.collect.rlbench_demonstrator import RlbenchDemonstrator

    return RlbenchDemonstrator(rig, image_quality, max_steps)
