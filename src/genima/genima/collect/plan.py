# SPDX-License-Identifier: Apache-2.0
"""What is to be collected: everything that the demonstrations depend on, and how many of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from genima.errors import InvalidDataset, InvalidParameter
from genima.evaluation.plan import ImageQuality, WorldName
from genima.evaluation.plan_checks import (
    changes,
    chosen_values,
    plain_values,
    require_known,
    require_least,
    require_named_once,
)

FIRST_EVALUATION_SEED = 100_000
"""Seeds from here on are for evaluation; a demonstration of one would be known to the learner."""


@dataclass(frozen=True, order=True)
class DemonstrationSeed:
    """A task, and the seed that its objects are placed by."""

    task: str
    seed: int

    def __str__(self) -> str:
        return f"{self.task} seed {self.seed}"


@dataclass(frozen=True)
class CollectionPlan:
    """Tasks, seeds and what is recorded.

    Attributes:
        tasks: Names of the tasks, in the order in which they are collected.
        episodes: Demonstrations of each task.
        seed: First seed that is tried for each task; where the expert fails, the next is taken.
        world: Which simulator.
        image_quality: How much work goes into an image; as where a policy is evaluated.
        max_steps: Policy steps after which the expert has failed.
        starts_beside: Share of the seeds with which the hand begins some centimetres beside the
            first place that the expert goes to, 0 to 1.
    """

    tasks: tuple[str, ...]
    episodes: int
    seed: int = 0
    world: WorldName = WorldName.MUJOCO
    image_quality: ImageQuality = ImageQuality.SHADOWS
    max_steps: int = 400
    starts_beside: float = 0.0

    def __post_init__(self) -> None:
        require_named_once(self.tasks)
        require_least(self, {"episodes": 1, "seed": 0, "max_steps": 1})
        if not 0.0 <= self.starts_beside <= 1.0:
            raise InvalidParameter(
                f"starts_beside is {self.starts_beside}; give a share from 0 to 1"
            )
        if self.starts_beside and self.world is not WorldName.MUJOCO:
            raise InvalidParameter(
                f"world {self.world.value!r} begins episodes as it does; leave starts_beside out, "
                "or give --world mujoco"
            )

    def require_tasks(self, known: tuple[str, ...]) -> None:
        """Refuse tasks that the world does not have.

        Raises:
            UnknownTask: One is not among `known`; the message lists those there are.
        """
        require_known(self.tasks, known, self.world.value)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        return plain_values(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "CollectionPlan":
        """The plan that `to_json` wrote.

        Raises:
            InvalidDataset: Keys are missing or unknown.
            InvalidParameter: A value is out of its range.
        """
        choices: dict[str, type[Enum]] = {"world": WorldName, "image_quality": ImageQuality}
        return cls(**chosen_values(cls, values, choices, InvalidDataset))

    def difference(self, there: "CollectionPlan") -> str:
        """What keeps this plan from going on with `there`, as `seed is 0 there and 5 here`.

        Empty where nothing does: more episodes and more tasks leave what is there as it is.
        """
        here, other = self.to_json(), there.to_json()
        if self.episodes >= there.episodes:
            other["episodes"] = here["episodes"]
        if set(self.tasks) >= set(there.tasks):
            other["tasks"] = here["tasks"]
        return changes(here, other)
