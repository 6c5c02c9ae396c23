# SPDX-License-Identifier: Apache-2.0
"""One demonstration: tried out without images, or recorded into a training set."""

from dataclasses import dataclass, replace

import numpy as np

from genima.cameras import CameraRig, square_image
from genima.collect.expert_drive import Step, drive
from genima.collect.plan import DemonstrationSeed
from genima.data.demonstration import Demonstration
from genima.data.demonstration_writer import DemonstrationWriter
from genima.errors import InvalidCommand, WorldError
from genima.policy import Policy
from genima.sim.runner import POLICY_STEP_S
from genima.sim.world import Renderer, World

SOURCE = "genima collect: the expert of the simulated world"


@dataclass(frozen=True)
class Attempt:
    """How the expert did with a seed.

    Attributes:
        task: The task.
        seed: The seed.
        steps: Policy steps of the demonstration; 0 for a failure.
        failure: Why it failed; empty for a success.
    """

    task: str
    seed: int
    steps: int
    failure: str

    @property
    def key(self) -> DemonstrationSeed:
        """What was tried."""
        return DemonstrationSeed(self.task, self.seed)

    @property
    def success(self) -> bool:
        """Whether there is something to record."""
        return not self.failure


def attempt(world: World, key: DemonstrationSeed, max_steps: int) -> Attempt:
    """Let the expert do a task without looking."""
    try:
        world.reset(key.task, 0, key.seed)
        steps = sum(1 for _ in drive(world, max_steps))
    except (WorldError, InvalidCommand) as error:
        return Attempt(key.task, key.seed, 0, str(error))
    return Attempt(key.task, key.seed, steps, "")


def record(
    world: World,
    renderer: Renderer,
    rig: CameraRig,
    key: DemonstrationSeed,
    max_steps: int,
    writer: DemonstrationWriter,
) -> None:
    """Let the expert do a task and write what the arm and the cameras measure at each step.

    Args:
        world: Reset here.
        renderer: Its renderer.
        rig: The cameras as the set stores their images; see `square_rig`.
        key: Task and seed.
        max_steps: Policy steps after which the expert has failed.
        writer: Of the episode.

    Raises:
        WorldError: The expert fails.
    """
    descriptions = world.reset(key.task, 0, key.seed)
    size_px = Policy().image_size_px
    steps: list[Step] = []
    for step in drive(world, max_steps):
        images = renderer.render(world.snapshot())
        writer.add_images({name: square_image(image, size_px) for name, image in images.items()})
        steps.append(step)
    writer.finish(_demonstration(key, descriptions, steps, rig))


def square_rig(rig: CameraRig) -> CameraRig:
    """The rig whose images a policy takes: squares of its size."""
    size_px = Policy().image_size_px
    return CameraRig(
        {
            name: replace(camera, intrinsics=camera.intrinsics.square(size_px))
            for name, camera in rig.cameras.items()
        }
    )


def _demonstration(
    key: DemonstrationSeed, descriptions: tuple[str, ...], steps: list[Step], rig: CameraRig
) -> Demonstration:
    commands = [step.command for step in steps]
    unknown = np.full(7, np.nan)
    return Demonstration(
        task=key.task,
        variation=0,
        descriptions=descriptions,
        seed=key.seed,
        success=True,
        source=SOURCE,
        step_s=POLICY_STEP_S,
        stamps_s=np.array([step.stamp_s for step in steps]),
        q=np.stack([step.state.q for step in steps]),
        dq=np.stack([step.state.dq for step in steps]),
        gripper_open=np.array([step.state.gripper_open for step in steps]),
        q_command=np.stack([unknown if c is None else c.q for c in commands]),
        gripper_command=np.array([c is None or c.gripper_open for c in commands]),
        rig=rig,
        gripper_width_m=np.array([step.state.gripper_width_m for step in steps]),
    )
