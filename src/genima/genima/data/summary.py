# SPDX-License-Identifier: Apache-2.0
"""What a data set holds, in numbers: a training set or a recorded one."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from genima.data.episode_files import read_facts
from genima.data.training_set import TrainingSet
from genima.errors import InvalidDataset
from genima.recording.dataset import DATASET_FILE
from genima.recording.recording import Recording

METADATA = "metadata.json"


class Kind(Enum):
    """What a folder may hold."""

    TRAINING_SET = "training set"
    RECORDING = "recording"


@dataclass(frozen=True)
class TaskSummary:
    """The episodes of one task.

    Attributes:
        task: Its name, with the variation if it is not 0.
        episodes: How many there are.
        steps: Steps of a training set, or images of one camera of a recording, of all episodes.
        duration_s: How long all of them take [s].
        succeeded: How many are marked as done.
        failed: How many are marked as not done.
        size_bytes: What they take on the disk.
    """

    task: str
    episodes: int
    steps: int
    duration_s: float
    succeeded: int
    failed: int
    size_bytes: int


@dataclass(frozen=True)
class DatasetSummary:
    """A data set.

    Attributes:
        kind: Of which of the two formats it is.
        cameras: A description of each, by name.
        rate_hz: Of the steps, or of the images [Hz]; NaN if it is not known.
        tasks: In the order of their names.
        unreadable: A sentence for each episode that could not be counted.
    """

    kind: Kind
    cameras: dict[str, str]
    rate_hz: float
    tasks: tuple[TaskSummary, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class _Episode:
    task: str
    steps: int
    duration_s: float
    success: bool | None
    size_bytes: int


def summarise(folder: Path) -> DatasetSummary:
    """Count what a folder holds.

    Raises:
        InvalidDataset: It holds neither a training set nor a recording.
    """
    if (folder / DATASET_FILE).exists():
        return _summarise_recording(folder)
    if (folder / METADATA).exists():
        return _summarise_training_set(TrainingSet.open(folder))
    raise InvalidDataset(
        f"{folder} holds no data set: a training set has a {METADATA}, a recording has a "
        f"{DATASET_FILE}; name the folder that holds it"
    )


def _summarise_training_set(training_set: TrainingSet) -> DatasetSummary:
    size_px = training_set.info.image_size_px
    keys = training_set.keys()
    episodes, unreadable = [], []
    for key in keys:
        folder = training_set.folder(key.task, key.episode, key.variation)
        name = key.task if key.variation == 0 else f"{key.task} (variation {key.variation})"
        try:
            facts = read_facts(folder)
        except InvalidDataset as error:
            unreadable.append(str(error))
            continue
        duration_s = facts.steps * training_set.info.step_s
        episodes.append(_Episode(name, facts.steps, duration_s, facts.success, _size(folder)))
    return DatasetSummary(
        Kind.TRAINING_SET,
        {name: f"{size_px}x{size_px} px" for name in training_set.info.cameras},
        1.0 / training_set.info.step_s,
        tuple(_by_task(episodes)),
        tuple(unreadable),
    )


def _summarise_recording(folder: Path) -> DatasetSummary:
    recording = Recording.open(folder)
    episodes = []
    for recorded in recording.episodes():
        info = recorded.info
        counts = [s.count for s in info.streams.values() if s.type.endswith("Image")]
        duration_s = info.ended_s - info.started_s
        steps = max(counts, default=0)
        episodes.append(_Episode(info.task, steps, duration_s, info.success, _size(recorded.path)))
    rates = {
        rate
        for topic, rate in recording.info.rates_hz.items()
        if any(f"/{name}/" in f"/{topic}" for name in recording.info.cameras)
    }
    return DatasetSummary(
        Kind.RECORDING,
        {name: str(facts) for name, facts in recording.info.cameras.items()},
        max(rates, default=math.nan),
        tuple(_by_task(episodes)),
        (),
    )


def _by_task(episodes: list[_Episode]) -> Iterator[TaskSummary]:
    for task in sorted({episode.task for episode in episodes}):
        of_task = [episode for episode in episodes if episode.task == task]
        yield TaskSummary(
            task,
            len(of_task),
            sum(e.steps for e in of_task),
            sum(e.duration_s for e in of_task if math.isfinite(e.duration_s)),
            sum(e.success is True for e in of_task),
            sum(e.success is False for e in of_task),
            sum(e.size_bytes for e in of_task),
        )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
