# SPDX-License-Identifier: Apache-2.0
"""Puts a task's objects where the arm can do the task."""

from collections.abc import Iterable
from itertools import repeat

import mujoco
import numpy as np

from genima.errors import Unreachable, WorldError
from genima.ik import InverseKinematics
from genima.sim.expert import WaypointExpert
from genima.sim.task import Task

_PLACEMENTS = 200


def place_feasibly(
    task: Task,
    model: mujoco.MjModel,
    data: mujoco.MjData,
    rng: np.random.Generator,
    ik: InverseKinematics,
) -> WaypointExpert:
    """Put a task's objects where the arm can do the task, and return its expert.

    Args:
        task: The task.
        model: The compiled scene; poses of fixed bodies are written.
        data: A state with the arm at its start; poses of free bodies are written.
        rng: Source of the poses.
        ik: Inverse kinematics.

    Raises:
        WorldError: No placement that can be done was found.
    """
    expert = first_feasible(task, model, data, repeat(rng, _PLACEMENTS), ik)
    if expert is None:
        raise WorldError(
            f"no reachable placement of task {task.name!r} in {_PLACEMENTS} tries; "
            "make the range of its poses smaller."
        )
    return expert


def first_feasible(
    task: Task,
    model: mujoco.MjModel,
    data: mujoco.MjData,
    draws: Iterable[np.random.Generator],
    ik: InverseKinematics,
) -> WaypointExpert | None:
    """The expert of the first placement that the arm can do, None if there is none.

    Args:
        task: The task.
        model: See `place_feasibly`.
        data: See there.
        draws: Source of the poses of each placement to be tried.
        ik: Inverse kinematics.
    """
    for rng in draws:
        task.place(model, data, rng)
        mujoco.mj_forward(model, data)
        if task.success(model, data):
            continue
        try:
            return WaypointExpert(task, model, data, ik)
        except Unreachable:
            continue
    return None
