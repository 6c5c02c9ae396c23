# SPDX-License-Identifier: Apache-2.0
"""One demonstration: done by the expert first, then rendered and written."""

from dataclasses import dataclass, replace

import numpy as np

from genima.cameras import CameraRig, square_image
from genima.collect.expert_drive import Step, drive
from genima.collect.plan import DemonstrationSeed
from genima.data.demonstration import Demonstration
from genima.data.demonstration_writer import DemonstrationWriter
from genima.policy import Policy
from genima.sim.runner import POLICY_STEP_S
from genima.sim.world import Renderer, Snapshot, World

SOURCE = "genima collect"


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


@dataclass(frozen=True, eq=False)
class Rollout:
    """What the expert did with a seed, and what a renderer needs to show it.

    Attributes:
        key: Task and seed.
        descriptions: Wordings of the instruction.
        steps: The rows of the demonstration.
        snapshots: The world at each of them.
    """

    key: DemonstrationSeed
    descriptions: tuple[str, ...]
    steps: tuple[Step, ...]
    snapshots: tuple[Snapshot, ...]


def roll_out(world: World, key: DemonstrationSeed, max_steps: int) -> Rollout:
    """Let the expert do a task; takes a small part of the time that images of it take.

    Args:
        world: Reset here.
        key: Task and seed.
        max_steps: Policy steps after which the expert has failed.

    Raises:
        WorldError: The expert fails.
        InvalidCommand: The expert wants more than the arm can do.
    """
    descriptions = world.reset(key.task, 0, key.seed)
    steps, snapshots = [], []
    for step in drive(world, max_steps):
        steps.append(step)
        snapshots.append(world.snapshot())
    return Rollout(key, descriptions, tuple(steps), tuple(snapshots))


def record(
    rollout: Rollout, renderer: Renderer, rig: CameraRig, writer: DemonstrationWriter
) -> None:
    """Render a rollout and write it as an episode.

    Args:
        rollout: What was done.
        renderer: Of its world.
        rig: The cameras as the set stores their images; see `square_rig`.
        writer: Of the episode.
    """
    size_px = Policy().image_size_px
    for snapshot in rollout.snapshots:
        images = renderer.render(snapshot)
        writer.add_images({name: square_image(image, size_px) for name, image in images.items()})
    writer.finish(_demonstration(rollout, rig))


def square_rig(rig: CameraRig) -> CameraRig:
    """The rig whose images a policy takes: squares of its size."""
    size_px = Policy().image_size_px
    return CameraRig(
        {
            name: replace(camera, intrinsics=camera.intrinsics.square(size_px))
            for name, camera in rig.cameras.items()
        }
    )


def _demonstration(rollout: Rollout, rig: CameraRig) -> Demonstration:
    steps = rollout.steps
    commands = [step.command for step in steps]
    unknown = np.full(7, np.nan)
    return Demonstration(
        task=rollout.key.task,
        variation=0,
        descriptions=rollout.descriptions,
        seed=rollout.key.seed,
        success=True,
        source=SOURCE,
        step_s=POLICY_STEP_S,
        stamps_s=np.array([step.stamp_s for step in steps]),
        q=np.stack([step.state.q for step in steps]),
        dq=np.stack([step.state.dq for step in steps]),
        gripper_open=np.array([step.state.gripper_open for step in steps]),
        q_command=np.stack([unknown if c is None else c.q[1] for c in commands]),
        gripper_command=np.array([c is None or c.gripper_open for c in commands]),
        rig=rig,
        gripper_width_m=np.array([step.state.gripper_width_m for step in steps]),
    )
