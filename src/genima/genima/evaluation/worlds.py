# SPDX-License-Identifier: Apache-2.0
"""What there is to know of a world before it is made: its tasks, and where its cameras are."""

import os
from pathlib import Path

from genima.cameras import CameraRig
from genima.evaluation.plan import WorldName
from genima.launching.ament import share_directory
from genima.sim.scenery import Scenery
from genima.sim.world import World


def task_names(world: WorldName) -> tuple[str, ...]:
    """Tasks that a world has.

    Raises:
        LaunchError: They are listed in an installed file, and the workspace is not built.
    """
    if world is WorldName.RLBENCH:
        from genima.rlbench.tasks import installed_tasks

        return tuple(installed_tasks())
    from genima.sim.task import registered_tasks

    return tuple(registered_tasks())


def longest_step_s(world: WorldName) -> float:
    """How long a policy step of a world may take before it is lost, besides its physics [s]."""
    if world is WorldName.RLBENCH:
        from genima.rlbench.simulator import Patience

        return Patience().step_s
    return 0.0


def cameras_file(world: WorldName) -> Path:
    """The file that says where a world's cameras are; that of RLBench is written if need be.

    Raises:
        LaunchError: The workspace is not built.
        MissingDependency: RLBench is not installed.
        WorldError: RLBench does not start.
    """
    if world is WorldName.RLBENCH:
        from genima.rlbench.cameras_command import require_cameras_file

        return require_cameras_file()
    return share_directory("genima_bringup", os.environ) / "config" / "cameras.yaml"


def make_world(world: WorldName, rig: CameraRig, scenery: Scenery) -> World:
    """A world in this process, with an expert; the scenery is the embedded one's.

    Raises:
        MissingDependency: Its simulator is not installed.
    """
    if world is WorldName.RLBENCH:
        from genima.rlbench.installation import installed
        from genima.rlbench.tasks import installed_tasks
        from genima.rlbench.world import RlbenchWorld

        return RlbenchWorld(rig, installed_tasks(), installed())
    from genima.sim.mujoco_world import MujocoWorld

    return MujocoWorld(rig, scenery=scenery)
