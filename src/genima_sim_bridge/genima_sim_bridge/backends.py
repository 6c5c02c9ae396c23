# SPDX-License-Identifier: Apache-2.0
"""The simulators that can be behind the topics of the robot."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genima.arrays import Array, Float
from genima.cameras import CameraRig
from genima.errors import InvalidParameter
from genima.sim.scenery import AS_LEARNT, Poses, Scenery, factors_of
from genima.sim.world import Renderer, World
from genima_sim_bridge.parameters import SimParameters


@dataclass(frozen=True, eq=False)
class Backend:
    """A world and what draws it.

    Attributes:
        world: The world.
        make_renderer: Makes its renderer, in the thread that will use it.
        q_start: Where its arm stands at the beginning of an episode [rad].
    """

    world: World
    make_renderer: Callable[[], Renderer]
    q_start: Float[Array, "7"]


def make_backend(parameters: SimParameters, rig: CameraRig) -> Backend:
    """The simulator that the parameters name; only its own software is needed.

    Raises:
        InvalidParameter: It cannot do what the parameters ask for.
        MissingDependency: It is not installed.
    """
    scenery = Scenery(factors_of(parameters.perturb), Poses(parameters.poses))
    if parameters.backend == "mujoco":
        return _mujoco(parameters, rig, scenery)
    if scenery != AS_LEARNT:
        raise InvalidParameter(
            "perturb and poses need backend mujoco: RLBench's scenes are taken as they are"
        )
    return _rlbench(parameters, rig)


def _mujoco(parameters: SimParameters, rig: CameraRig, scenery: Scenery) -> Backend:
    from genima.sim.mujoco_world import Q_START, MujocoWorld
    from genima.sim.renderer import MujocoRenderer, Quality

    world = MujocoWorld(rig, scenery=scenery)
    quality = Quality[parameters.image_quality.upper()]
    return Backend(world, lambda: MujocoRenderer(world, quality), Q_START)


def _rlbench(parameters: SimParameters, rig: CameraRig) -> Backend:
    from genima.rlbench.installation import installed
    from genima.rlbench.simulator import Q_START, RenderMode, RlbenchOptions
    from genima.rlbench.tasks import load_tasks
    from genima.rlbench.world import RlbenchRenderer, RlbenchWorld

    if parameters.follow_joint_states:
        raise InvalidParameter(
            "follow_joint_states needs backend mujoco: RLBench is slower than a clock"
        )
    if not parameters.tasks_file:
        raise InvalidParameter(
            "parameter 'tasks_file' is empty; name the file that lists RLBench's tasks, such as "
            "config/tasks/rlbench.yaml"
        )
    options = RlbenchOptions(
        RenderMode[parameters.image_quality.upper()], expert=parameters.rlbench_expert
    )
    world = RlbenchWorld(rig, load_tasks(Path(parameters.tasks_file)), installed(), options)
    return Backend(world, RlbenchRenderer, Q_START)
