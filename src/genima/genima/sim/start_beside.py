# SPDX-License-Identifier: Apache-2.0
"""Episodes that begin with the hand a little beside the place that the expert goes to first.

In demonstrations that all begin far away the hand comes to that place exactly, every time, and a
learner may take where the hand is for where it should be: what it gets wrong from afar it never
corrects. From beside it sees what an error looks like, and what mends it.
"""

from collections.abc import Callable

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.errors import Unreachable, WorldError
from genima.geometry import rotation_x, rotation_y, rotation_z
from genima.ik import InverseKinematics
from genima.sim.expert import WaypointExpert
from genima.sim.itinerary import Stop
from genima.sim.panda import ARM_JOINTS
from genima.sim.task import Task

#: How far beside, least and most [m].
NEAREST_M, FARTHEST_M = 0.02, 0.08
#: Largest turn about the vertical, and largest tilt about each horizontal axis [rad].
_YAW_RAD, _TILT_RAD = 0.3, 0.1
_DRAWS = 50


def start_beside(
    task: Task,
    model: mujoco.MjModel,
    data: mujoco.MjData,
    stand_at: Callable[[Float[Array, "7"]], None],
    first: Stop,
    rng: np.random.Generator,
    ik: InverseKinematics,
) -> WaypointExpert:
    """Put the arm beside a place, touching nothing, and return the expert from there.

    Args:
        task: The task; its objects lie in `model` and `data`.
        model: The compiled scene.
        data: The state of the scene; the arm is put elsewhere.
        stand_at: Puts the arm at joint positions [rad].
        first: Beside which to begin.
        rng: Source of the place.
        ik: Inverse kinematics.

    Raises:
        WorldError: There is no room for the arm.
    """
    for _ in range(_DRAWS):
        try:
            stand_at(ik.solve(_beside(first.base_T_tcp, rng), first.q))
            mujoco.mj_forward(model, data)
            if not _touches(model, data):
                return WaypointExpert(task, model, data, ik)
        except Unreachable:
            continue
    raise WorldError(
        f"the arm finds no room beside where it goes first in task {task.name!r}; take another "
        "seed"
    )


def _beside(base_T_tcp: Float[Array, "4 4"], rng: np.random.Generator) -> Float[Array, "4 4"]:
    way = rng.normal(size=3)
    way *= rng.uniform(NEAREST_M, FARTHEST_M) / np.linalg.norm(way)
    yaw, pitch, roll = rng.uniform(-1.0, 1.0, 3) * (_YAW_RAD, _TILT_RAD, _TILT_RAD)
    pose = np.array(base_T_tcp)
    pose[:3, 3] += way
    pose[:3, :3] = rotation_z(yaw) @ rotation_y(pitch) @ rotation_x(roll) @ pose[:3, :3]
    return pose


def _touches(model: mujoco.MjModel, data: mujoco.MjData) -> bool:
    """Whether the arm touches anything that is not the arm."""
    root = model.body_rootid[model.joint(ARM_JOINTS[0]).bodyid[0]]
    arm = model.body_rootid[model.geom_bodyid[data.contact.geom]] == root
    return bool((arm[:, 0] != arm[:, 1]).any())
