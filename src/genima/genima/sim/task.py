# SPDX-License-Identifier: Apache-2.0
"""What a task is: objects in the scene, a condition for success, and the way an expert does it."""

import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidParameter, UnknownTask

Holds = Callable[[mujoco.MjModel, mujoco.MjData], bool]

K_STEPS = 20
"""Control steps that a drawn target lies ahead.

An expert stays as long at every stop. A shorter stay would let the target run on behind the stop
before the follower is there, and it could come to rest where the target turns back to itself.
"""


@dataclass(frozen=True)
class Waypoint:
    """One stop of an expert's way: the arm stays there for K steps after its measured arrival.

    The exception is a point on a curve, which is only passed.

    Attributes:
        name: What happens here, for logs.
        base_T_tcp: Pose of panda_hand_tcp in panda_link0, (4, 4).
        gripper_open: State of the gripper on the way here and during the stay.
        speed_m_s: Greatest speed of the TCP on the way here [m/s].
        straight: Reach it on a straight line rather than on a straight line of the joints.
        holds: Must be true on the way here; where it stays false, the way is planned afresh.
        passing: Go on without a stay. The last waypoint of a way is never passed.
    """

    name: str
    base_T_tcp: Float[Array, "4 4"]
    gripper_open: bool
    speed_m_s: float = 0.25
    straight: bool = False
    holds: Holds | None = None
    passing: bool = False


class Task(ABC):
    """One task of the world; its file in `genima.sim.tasks` is all there is to it.

    The MuJoCo world frame is panda_link0: robot at the origin, table top at z = 0, the robot looks
    along +x, the workspace is about x 0.15 to 0.65 m and y -0.3 to 0.3 m.
    """

    name: ClassVar[str]
    variations: ClassVar[int] = 1

    @abstractmethod
    def descriptions(self, variation: int) -> tuple[str, ...]:
        """All ways to word the instruction; the first one is the instruction."""

    @abstractmethod
    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the task's bodies, materials and joints to the scene, once per model."""

    @abstractmethod
    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Put the objects at random poses: those of fixed bodies are in `model`."""

    @abstractmethod
    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Whether the task is done in the present state."""

    @abstractmethod
    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """The expert's way from the present poses of the objects to success."""

    def react(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:  # noqa: B027
        """Let the objects do what they do by themselves; called after every control step.

        For what has no mechanics in the model: a latch that opens, a lamp that lights.
        """

    def require_variation(self, variation: int) -> None:
        """Refuse a variation that the task does not have.

        Raises:
            InvalidParameter: `variation` is out of range.
        """
        if not 0 <= variation < self.variations:
            raise InvalidParameter(
                f"task {self.name!r} has no variation {variation}; "
                f"give one from 0 to {self.variations - 1}."
            )


def registered_tasks() -> dict[str, type[Task]]:
    """All tasks by name: every concrete `Task` in a module of `genima.sim.tasks`."""
    package = importlib.import_module("genima.sim.tasks")
    found: dict[str, type[Task]] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            if (
                inspect.isclass(value)
                and issubclass(value, Task)
                and not inspect.isabstract(value)
            ):
                found[value.name] = value
    return dict(sorted(found.items()))


def make_task(name: str) -> Task:
    """A task by its name.

    Raises:
        UnknownTask: There is no such task.
    """
    tasks = registered_tasks()
    if name not in tasks:
        raise UnknownTask(f"there is no task {name!r}; this world has {', '.join(tasks)}.")
    return tasks[name]()
