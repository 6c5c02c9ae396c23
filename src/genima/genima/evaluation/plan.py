# SPDX-License-Identifier: Apache-2.0
"""What an evaluation is to run: everything that its results depend on, and nothing else."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from genima.errors import EvaluationError, InvalidParameter, PolicyError
from genima.evaluation.plan_checks import (
    changes,
    chosen_values,
    plain_values,
    require_known,
    require_least,
    require_named_once,
)
from genima.policy import Policy
from genima.sim.scenery import AS_LEARNT, Factor, Poses, Scenery, factors_of


class WorldName(Enum):
    """Which simulator."""

    MUJOCO = "mujoco"
    RLBENCH = "rlbench"


class Agent(Enum):
    """What says where the arm should be.

    The expert acts alone, in this process. The oracle draws its targets in the node graph, and the
    drawing model of a policy draws what it has learned. Blank tiles are the camera images without
    a target: for the ACT baseline, and to see whether a controller reads targets at all.
    """

    EXPERT = "expert"
    ORACLE = "oracle"
    BLANK = "blank"
    POLICY = "policy"


class Controller(Enum):
    """What turns drawn targets into motion."""

    GEOMETRIC = "geometric"
    ACT = "act"


class Pacing(Enum):
    """Whether the world waits for its controller or follows the clock."""

    LOCKSTEP = "lockstep"
    REALTIME = "realtime"


class ImageQuality(Enum):
    """How much work goes into a camera image; drawn tiles, and so results, depend on it."""

    FAST = "fast"
    SHADOWS = "shadows"


#: What settings are in plans that were written before there was such a setting.
_ADDED: Mapping[str, Any] = MappingProxyType(
    {"perturb": [], "poses": Poses.RANDOM.value, "diffusion_steps": 0}
)
#: Settings of a plan that are one of a few.
CHOICES: Mapping[str, type[Enum]] = MappingProxyType(
    {
        "agent": Agent,
        "world": WorldName,
        "controller": Controller,
        "pacing": Pacing,
        "image_quality": ImageQuality,
        "poses": Poses,
    }
)


@dataclass(frozen=True, order=True)
class EpisodeKey:
    """Which episode: a task and the seed of its objects' poses."""

    task: str
    seed: int


@dataclass(frozen=True)
class EvaluationPlan:
    """Tasks, seeds and how they are run.

    Attributes:
        tasks: Names of the tasks, in the order in which they are run.
        episodes: Episodes of each task.
        seed: Seed of each task's first episode; the next has the next seed.
        agent: What says where the arm should be.
        world: Which simulator.
        controller: What turns drawn targets into motion; of no account for the expert.
        policy: Folder of the policy, whose `controller/` the controller `act` loads and whose
            `diffusion/` the agent `policy` does; empty for the paper's values and no weights.
        weights: Digest of the policy's files, so that results of two trainings are never mixed.
        check_drawing: Whether the controller `act` follows only drawings that can be decoded.
        pacing: Lockstep is reproducible; of no account for the expert.
        execution_horizon: Steps of each chunk that are executed.
        first_horizon: Steps of the first chunk that are executed, 0 for as many as of the others;
            it shifts all later queries in time.
        diffusion_steps: Denoising steps of the agent `policy`; 0 for as many as its model wants.
        max_steps: Policy steps after which an episode has failed.
        image_quality: How much work goes into a camera image; of no account for the expert.
        perturb: What is different from the scenes of training data.
        poses: Where objects are put.
    """

    tasks: tuple[str, ...]
    episodes: int
    seed: int = 0
    agent: Agent = Agent.ORACLE
    world: WorldName = WorldName.MUJOCO
    controller: Controller = Controller.GEOMETRIC
    policy: str = ""
    weights: str = ""
    check_drawing: bool = True
    pacing: Pacing = Pacing.LOCKSTEP
    execution_horizon: int = 20
    first_horizon: int = 0
    diffusion_steps: int = 0
    max_steps: int = 400
    image_quality: ImageQuality = ImageQuality.SHADOWS
    perturb: tuple[Factor, ...] = ()
    poses: Poses = Poses.RANDOM

    def __post_init__(self) -> None:
        require_named_once(self.tasks)
        least = {
            "episodes": 1,
            "seed": 0,
            "execution_horizon": 1,
            "first_horizon": 0,
            "diffusion_steps": 0,
            "max_steps": 1,
        }
        require_least(self, least)
        longest = Policy().horizon_steps
        for name in ("execution_horizon", "first_horizon"):
            if getattr(self, name) > longest:
                raise InvalidParameter(
                    f"{name} is {getattr(self, name)}; a chunk has {longest} steps, "
                    f"give {least[name]} to {longest}"
                )
        if self.controller is Controller.ACT and not self.policy:
            raise InvalidParameter("controller 'act' needs weights; give --policy FOLDER")
        if self.agent is Agent.POLICY and not self.policy:
            raise InvalidParameter("agent 'policy' needs weights; give --policy FOLDER")
        if self.diffusion_steps and self.agent is not Agent.POLICY:
            raise InvalidParameter(
                f"diffusion_steps is {self.diffusion_steps}, but agent {self.agent.value!r} makes "
                "none; leave it out, or give --agent policy"
            )
        if self.world is not WorldName.MUJOCO and self.scenery != AS_LEARNT:
            raise InvalidParameter(
                f"world {self.world.value!r} takes its scenes as they are; leave perturb and "
                "poses out, or give --world mujoco"
            )

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of each task's episodes."""
        return tuple(range(self.seed, self.seed + self.episodes))

    @property
    def keys(self) -> tuple[EpisodeKey, ...]:
        """All episodes in the order in which they are run."""
        return tuple(EpisodeKey(task, seed) for task in self.tasks for seed in self.seeds)

    @property
    def scenery(self) -> Scenery:
        """How scenes are made."""
        return Scenery(self.perturb, self.poses)

    def require_tasks(self, known: tuple[str, ...]) -> None:
        """Refuse tasks that the world does not have.

        Raises:
            UnknownTask: One is not among `known`; the message lists those there are.
        """
        require_known(self.tasks, known, self.world.value)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        return plain_values(self) | {"perturb": [factor.value for factor in self.perturb]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "EvaluationPlan":
        """The plan that `to_json` wrote, also before there were all of today's settings.

        Raises:
            EvaluationError: Keys are missing or unknown.
            InvalidParameter: A value is out of its range.
        """
        all_values = {**_ADDED, **values}
        chosen = chosen_values(cls, all_values, CHOICES, EvaluationError)
        return cls(**chosen | {"perturb": factors_of(",".join(chosen["perturb"]))})

    def difference(self, other: "EvaluationPlan") -> str:
        """How `other` differs, as `seed is 0 there and 5 here`; empty where it does not."""
        return changes(self.to_json(), other.to_json())

    def extends(self, other: "EvaluationPlan") -> bool:
        """Whether this is `other` with more episodes: its own, and those that follow."""
        return self.episodes > other.episodes and self == replace(other, episodes=self.episodes)


def digest(policy: Path) -> str:
    """Of all files of a policy folder.

    Raises:
        PolicyError: It is no policy folder.
    """
    if not (policy / "policy.yaml").is_file():
        raise PolicyError(f"{policy} is no policy folder: it has no policy.yaml")
    sums = hashlib.sha256()
    folders = [policy / name for name in ("controller", "diffusion")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in sorted([policy / "policy.yaml", *files]):
        sums.update(f"{path.relative_to(policy)} {path.stat().st_size}\n".encode())
        sums.update(path.read_bytes())
    return sums.hexdigest()[:16]
