# SPDX-License-Identifier: Apache-2.0
"""A training set on disk: RLBench's folders, and `metadata.json` for what RLBench lacks.

```
<root>/metadata.json                                  cameras, step, image size, layouts
<root>/<task>/variation<V>/variation_descriptions.pkl
<root>/<task>/variation<V>/episodes/episode<N>/
    <camera>_rgb/<step>.png
    low_dim_obs.pkl                                   joints and commands
    metadata.json                                     stamps, success, seed, instruction, cameras
```
"""

import re
from dataclasses import dataclass
from pathlib import Path

from genima.data import episode_files
from genima.data.demonstration import Demonstration
from genima.data.demonstration_writer import DemonstrationWriter
from genima.data.training_set_info import SET_FORMAT, SET_VERSION, TrainingSetInfo, read_json
from genima.errors import InvalidDataset
from genima.files import json_bytes, write_file

METADATA = "metadata.json"


@dataclass(frozen=True, order=True)
class DemonstrationKey:
    """Which demonstration of a training set."""

    task: str
    variation: int
    episode: int

    def __str__(self) -> str:
        return f"{self.task}/variation{self.variation}/episode{self.episode}"


class TrainingSet:
    """Demonstrations on disk. Several processes may write different episodes at once.

    Args:
        root: Its folder.
        info: What its episodes have in common.
    """

    def __init__(self, root: Path, info: TrainingSetInfo) -> None:
        self.root = root
        self.info = info

    @classmethod
    def create(cls, root: Path, info: TrainingSetInfo) -> "TrainingSet":
        """Begin a new set.

        Raises:
            InvalidDataset: There is one already, or the folder cannot be written.
        """
        if (root / METADATA).exists():
            raise InvalidDataset(
                f"{root} holds a data set already; name another folder, or go on with that one"
            )
        try:
            root.mkdir(parents=True, exist_ok=True)
            write_file(root / METADATA, json_bytes(info.to_json()))
        except OSError as error:
            raise InvalidDataset(
                f"cannot write to {root}: {error.strerror}; name another folder"
            ) from error
        return cls(root, info)

    @classmethod
    def open(cls, root: Path) -> "TrainingSet":
        """Open a set to read it or to add to it.

        Raises:
            InvalidDataset: It is no training set of ours.
        """
        file = root / METADATA
        if not file.exists():
            raise InvalidDataset(
                f"{root} is no training set: it has no {METADATA}; make one with "
                "'./genima collect' or './genima dataset import'"
            )
        content = read_json(file, SET_FORMAT, SET_VERSION)
        return cls(root, TrainingSetInfo.from_json(content, str(file)))

    @classmethod
    def open_or_create(cls, root: Path, info: TrainingSetInfo) -> "TrainingSet":
        """Go on with a set, or begin it.

        Raises:
            InvalidDataset: The set that is there differs in cameras, rate or image size.
        """
        if not (root / METADATA).exists():
            return cls.create(root, info)
        there = cls.open(root)
        difference = there.info.difference(info)
        if difference:
            raise InvalidDataset(
                f"{root} holds a data set that cannot be gone on with: the new episodes would "
                f"have {difference}; name another folder"
            )
        return there

    def tasks(self) -> list[str]:
        """Names of its tasks, sorted."""
        folders = (path for path in self.root.iterdir() if not path.name.startswith("."))
        return sorted(path.name for path in folders if any(path.glob("variation*/episodes")))

    def variations(self, task: str) -> list[int]:
        """Numbers of a task's variations that there are, sorted."""
        return _numbered(self.root / task, "variation")

    def episodes(self, task: str, variation: int = 0) -> list[int]:
        """Numbers of the finished episodes, sorted."""
        return _numbered(self._episodes_folder(task, variation), "episode")

    def keys(self) -> list[DemonstrationKey]:
        """All finished demonstrations, in order."""
        return [
            DemonstrationKey(task, variation, episode)
            for task in self.tasks()
            for variation in self.variations(task)
            for episode in self.episodes(task, variation)
        ]

    def folder(self, task: str, episode: int, variation: int = 0) -> Path:
        """Where an episode is, or would be."""
        return self._episodes_folder(task, variation) / f"episode{episode}"

    def load(self, task: str, episode: int, variation: int = 0) -> Demonstration:
        """Read a demonstration; its images are read when they are asked for.

        Raises:
            InvalidDataset: There is no such episode, or one of its files is damaged.
        """
        folder = self.folder(task, episode, variation)
        if not folder.is_dir():
            raise InvalidDataset(
                f"{self.root} has no episode {episode} of {task}, variation {variation}; there "
                f"are episodes {self.episodes(task, variation)}"
            )
        return episode_files.read_episode(folder)

    def writer(self, task: str, variation: int, episode: int) -> DemonstrationWriter:
        """Begin to write an episode. What a killed writer left of it is removed.

        Raises:
            InvalidDataset: The episode exists.
        """
        return DemonstrationWriter(
            self.folder(task, episode, variation), self.info, task, variation
        )

    def write(self, demonstration: Demonstration, episode: int) -> None:
        """Write a demonstration that has its images.

        Raises:
            InvalidDataset: The episode exists, or does not fit the set.
        """
        with self.writer(demonstration.task, demonstration.variation, episode) as writer:
            for t in range(len(demonstration)):
                writer.add_images({name: f[t] for name, f in demonstration.images.items()})
            writer.finish(demonstration)

    def _episodes_folder(self, task: str, variation: int) -> Path:
        return self.root / task / f"variation{variation}" / "episodes"


def _numbered(folder: Path, prefix: str) -> list[int]:
    if not folder.is_dir():
        return []
    matches = (re.fullmatch(rf"{prefix}(\d+)", path.name) for path in folder.iterdir())
    return sorted(int(match[1]) for match in matches if match)
