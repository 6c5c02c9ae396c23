# SPDX-License-Identifier: Apache-2.0
"""What is to be collected: everything that the demonstrations depend on, and how many of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

from genima.errors import InvalidDataset, InvalidParameter, UnknownTask
from genima.evaluation.plan import ImageQuality, WorldName, choose

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
    """

    tasks: tuple[str, ...]
    episodes: int
    seed: int = 0
    world: WorldName = WorldName.MUJOCO
    image_quality: ImageQuality = ImageQuality.SHADOWS
    max_steps: int = 400

    def __post_init__(self) -> None:
        if not self.tasks:
            raise InvalidParameter("no task is named; give --tasks A,B")
        doubled = sorted({name for name in self.tasks if self.tasks.count(name) > 1})
        if doubled:
            raise InvalidParameter(f"tasks name {doubled[0]!r} twice; name each task once")
        for name, minimum in {"episodes": 1, "seed": 0, "max_steps": 1}.items():
            if getattr(self, name) < minimum:
                raise InvalidParameter(
                    f"{name} is {getattr(self, name)}; give a whole number from {minimum} on"
                )

    def require_tasks(self, known: tuple[str, ...]) -> None:
        """Refuse tasks that the world does not have.

        Raises:
            UnknownTask: One is not among `known`; the message lists those there are.
        """
        for name in self.tasks:
            if name not in known:
                raise UnknownTask(
                    f"there is no task {name!r} in world {self.world.value!r}; "
                    f"it has: {', '.join(known)}"
                )

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        plain = asdict(self)
        return {
            key: value.value if isinstance(value, Enum) else value for key, value in plain.items()
        } | {"tasks": list(self.tasks)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "CollectionPlan":
        """The plan that `to_json` wrote.

        Raises:
            InvalidDataset: Keys are missing or unknown.
            InvalidParameter: A value is out of its range.
        """
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise InvalidDataset(
                f"a plan has the keys {sorted(known)}, this one has {sorted(values)}; it was "
                "written by another version, use a new folder"
            )
        chosen: dict[str, Any] = {
            "tasks": tuple(values["tasks"]),
            "world": choose(WorldName, values["world"], "world"),
            "image_quality": choose(ImageQuality, values["image_quality"], "image_quality"),
        }
        return cls(**{**values, **chosen})

    def difference(self, there: "CollectionPlan") -> str:
        """What keeps this plan from going on with `there`, as `seed is 0 there and 5 here`.

        Empty where nothing does: more episodes and more tasks leave what is there as it is.
        """
        here, other = self.to_json(), there.to_json()
        if self.episodes >= there.episodes:
            other["episodes"] = here["episodes"]
        if set(self.tasks) >= set(there.tasks):
            other["tasks"] = here["tasks"]
        return ", ".join(
            f"{name} is {_text(other[name])} there and {_text(here[name])} here"
            for name in here
            if here[name] != other[name]
        )


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
