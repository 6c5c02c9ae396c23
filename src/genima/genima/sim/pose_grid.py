# SPDX-License-Identifier: Apache-2.0
"""Objects on a grid over a task's workspace, to see where in it an agent works.

A task knows only how to put its objects anywhere. Of many such placements the one is taken that
has the object nearest to the middle of a cell; all else of it, such as the object's yaw, remains
random.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from genima.arrays import Array, Float, Int
from genima.cameras import CameraRig
from genima.errors import WorldError
from genima.ik import InverseKinematics
from genima.sim.expert import WaypointExpert
from genima.sim.placement import first_feasible
from genima.sim.scene import scene_spec
from genima.sim.scenery import GRID_COLUMNS, GRID_ROWS, cell_of
from genima.sim.task import Task, make_task

_DRAWS = 400
_PLACEMENTS = 60
_MOVED_M = 0.001
_PHYSICS_DT_S = 0.002


@dataclass(frozen=True, eq=False)
class PoseGrid:
    """Where a task's object can be.

    Attributes:
        body: The object: the first one that lies free, or else the first that is put somewhere.
        corners: Its least and greatest x and y in panda_link0 [m], (2, 2).
    """

    body: int
    corners: Float[Array, "2 2"]

    @property
    def middles(self) -> Float[Array, "c 2"]:
        """Middle of each cell [m], row by row: x is the same along a row, y along a column."""
        counts = np.array([GRID_ROWS, GRID_COLUMNS])
        cell = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1) + 0.5
        low, high = self.corners
        middles: Float[Array, "c 2"] = (low + cell / counts * (high - low)).reshape(-1, 2)
        return middles


def make_grid(task: Task, model: mujoco.MjModel, data: mujoco.MjData) -> PoseGrid:
    """The grid of a task; the same for all its episodes. Places the objects many times."""
    places = np.stack([data.xpos[:, :2].copy() for _ in _draws(task, model, data, ())])
    moved = np.flatnonzero((np.ptp(places, axis=0) > _MOVED_M).any(axis=-1))
    free = [body for body in moved if model.body_dofnum[body] == 6]
    body = int([*free, *moved][0])
    seen = places[:, body]
    return PoseGrid(body, np.stack([seen.min(axis=0), seen.max(axis=0)]))


def grid_of(task: str) -> PoseGrid:
    """The grid of a task that is named.

    Raises:
        UnknownTask: There is no such task.
    """
    chosen = make_task(task)
    spec = scene_spec(CameraRig({}), _PHYSICS_DT_S)
    chosen.build(spec)
    model = spec.compile()
    return make_grid(chosen, model, mujoco.MjData(model))


def place_on_grid(
    task: Task,
    model: mujoco.MjModel,
    data: mujoco.MjData,
    entropy: Sequence[int],
    ik: InverseKinematics,
) -> WaypointExpert:
    """Put a task's objects so that one is in the seed's cell, and return the expert.

    Args:
        task: The task.
        model: The compiled scene; poses of fixed bodies are written.
        data: A state with the arm at its start; poses of free bodies are written.
        entropy: Seed and variation of the episode.
        ik: Inverse kinematics.

    Raises:
        WorldError: The arm cannot do the task there.
    """
    grid = make_grid(task, model, data)
    middle = grid.middles[cell_of(entropy[0])]
    places = np.stack(
        [data.xpos[grid.body, :2].copy() for _ in _draws(task, model, data, entropy)]
    )
    nearest: Int[Array, "d"] = np.linalg.norm(places - middle, axis=1).argsort()
    draws = (np.random.default_rng([*entropy, draw]) for draw in nearest[:_PLACEMENTS])
    expert = first_feasible(task, model, data, draws, ik)
    if expert is None:
        raise WorldError(
            f"no reachable placement of task {task.name!r} near x {middle[0]:.2f} m, "
            f"y {middle[1]:.2f} m; take another seed"
        )
    return expert


def _draws(
    task: Task, model: mujoco.MjModel, data: mujoco.MjData, entropy: Sequence[int]
) -> Iterator[None]:
    """Place the objects again and again."""
    for draw in range(_DRAWS):
        task.place(model, data, np.random.default_rng([*entropy, draw]))
        mujoco.mj_kinematics(model, data)
        yield
