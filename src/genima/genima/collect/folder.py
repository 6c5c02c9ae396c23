# SPDX-License-Identifier: Apache-2.0
"""The folder of a collection: a training set, its plan, and the attempts that were made."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import genima
from genima.cameras import CameraRig
from genima.collect.episode import square_rig
from genima.collect.journal import AttemptJournal
from genima.collect.plan import CollectionPlan
from genima.data.episode_files import METADATA
from genima.data.training_set import TrainingSet
from genima.data.training_set_info import TrainingSetInfo, read_json
from genima.errors import InvalidDataset
from genima.evaluation.plan import WorldName
from genima.files import json_bytes, locked_folder, write_file
from genima.sim.runner import POLICY_STEP_S

_FORMAT = "genima-collection"
_VERSION = 1


@dataclass(frozen=True)
class CollectionFolder:
    """A folder that one process collects into.

    Attributes:
        training_set: The demonstrations.
        journal: The attempts.
    """

    training_set: TrainingSet
    journal: AttemptJournal

    def recorded(self, task: str) -> list[int]:
        """Numbers of a task's episodes that are there."""
        return self.training_set.episodes(task)

    def require_seeds(self, task: str, seeds: list[int]) -> None:
        """Refuse to go on where an episode was made from another seed than it would be now.

        Args:
            task: The task.
            seeds: Seeds of its episodes, by number.

        Raises:
            InvalidDataset: An episode has another seed.
        """
        for episode in self.recorded(task):
            if episode >= len(seeds):
                return
            file = self.training_set.folder(task, episode) / METADATA
            found = json.loads(file.read_text()).get("seed")
            if found != seeds[episode]:
                raise InvalidDataset(
                    f"{file.parent} was made from seed {found}, and would be from "
                    f"{seeds[episode]} now; collect into another folder"
                )

    def clear_unfinished(self) -> None:
        """Remove what killed workers have left."""
        for left_over in self.training_set.root.glob("*/variation*/episodes/.episode*.part"):
            shutil.rmtree(left_over, ignore_errors=True)


@contextmanager
def open_folder(path: Path, plan: CollectionPlan, rig: CameraRig) -> Iterator[CollectionFolder]:
    """Take a folder for a plan: make it, or go on with what the same plan has left there.

    Raises:
        InvalidDataset: The folder cannot be written, belongs to another plan or is in use.
    """
    busy = f"another process is collecting into {path}; wait for it or name another folder"
    instead = "name another folder with --out"
    with locked_folder(path, ".collection.lock", InvalidDataset, busy, instead):
        _claim(path, plan)
        info = TrainingSetInfo(POLICY_STEP_S, square_rig(rig))
        training_set = TrainingSet.open_or_create(path, info)
        write_file(path / "collection.json", json_bytes(_plan_file(plan)))
        folder = CollectionFolder(training_set, AttemptJournal(path / "attempts.jsonl"))
        folder.clear_unfinished()
        yield folder


def _claim(path: Path, plan: CollectionPlan) -> None:
    file = path / "collection.json"
    if not file.exists():
        if (path / "metadata.json").exists():
            raise InvalidDataset(
                f"{path} holds a data set that was not collected here; name another folder "
                "with --out"
            )
        return
    content = read_json(file, _FORMAT, _VERSION)
    there = CollectionPlan.from_json(content["plan"])
    made_with, here = content["made_with"], _made_with(plan.world)
    differences = [plan.difference(there)] + [
        f"{name} is {made_with.get(name)} there and {here[name]} here"
        for name in here
        if made_with.get(name) != here[name]
    ]
    text = ", ".join(filter(None, differences))
    if text:
        raise InvalidDataset(
            f"{path} holds another collection: {text}; repeat its settings to go on with it, or "
            "name another folder with --out"
        )


def _plan_file(plan: CollectionPlan) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "plan": plan.to_json(),
        "made_with": _made_with(plan.world),
    }


def _made_with(world: WorldName) -> dict[str, str]:
    """What the same seed may come out differently with."""
    made_with = {"genima": genima.__version__}
    if world is WorldName.RLBENCH:
        from genima.rlbench.installation import installed

        return made_with | installed().versions()
    return made_with | {"mujoco": version("mujoco")}
