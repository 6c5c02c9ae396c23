# SPDX-License-Identifier: Apache-2.0
"""The demonstrations that a model is trained with and those it is judged by."""

from dataclasses import dataclass

from genima.data.demonstration import Demonstration
from genima.data.training_set import TrainingSet
from genima.errors import InvalidDataset


@dataclass(frozen=True, eq=False)
class Split:
    """Demonstrations to learn from and to judge by.

    Attributes:
        train: To learn from.
        held_out: To judge by; the last of each task.
    """

    train: list[Demonstration]
    held_out: list[Demonstration]


def load_split(training_set: TrainingSet, held_out: int) -> Split:
    """Read a training set; its images stay on disk.

    Args:
        training_set: Where from.
        held_out: How many demonstrations of each task are kept for judging.

    Raises:
        InvalidDataset: A task has too few demonstrations.
    """
    split = Split([], [])
    for task in training_set.tasks():
        keys = [
            (variation, episode)
            for variation in training_set.variations(task)
            for episode in training_set.episodes(task, variation)
        ]
        if len(keys) <= held_out:
            raise InvalidDataset(
                f"{training_set.root}: {task} has {len(keys)} demonstrations, of which {held_out} "
                "would be held out; collect more, or hold fewer out"
            )
        loaded = [training_set.load(task, episode, variation) for variation, episode in keys]
        split.train.extend(loaded[: len(keys) - held_out])
        split.held_out.extend(loaded[len(keys) - held_out :])
    return split
