# SPDX-License-Identifier: Apache-2.0
"""Pictures of an episode, for people who want to know what is in it."""

from pathlib import Path

from genima.data.contact_sheet import contact_sheet
from genima.data.plots import joint_plots, stamp_plots
from genima.data.training_set import TrainingSet
from genima.errors import InvalidDataset
from genima.limits import JointLimits

_DPI = 120


def draw_pictures(
    training_set: TrainingSet,
    task: str | None,
    variation: int,
    episode: int,
    limits: JointLimits,
    out: Path,
) -> list[Path]:
    """Draw contact sheet, joints and stamps of an episode.

    Args:
        training_set: Where it is.
        task: Its task; may be None if the set has only one.
        variation: Variation of the task.
        episode: Number of the episode.
        limits: Joint limits that are shown.
        out: Folder for the pictures.

    Returns:
        The files.

    Raises:
        InvalidDataset: There is no such episode, it is damaged, or the folder cannot be written.
    """
    task = task or _only_task(training_set)
    demonstration = training_set.load(task, episode, variation)
    title = f"{task}, variation {variation}, episode {episode}"
    figures = {
        "cameras": contact_sheet(demonstration, title),
        "joints": joint_plots(demonstration, limits, title),
        "stamps": stamp_plots(demonstration, title),
    }
    files = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            files.append(out / f"{task}_variation{variation}_episode{episode}_{name}.png")
            figure.savefig(files[-1], dpi=_DPI)
    except OSError as error:
        raise InvalidDataset(
            f"cannot write to {out}: {error.strerror}; name another folder with --out"
        ) from error
    return files


def _only_task(training_set: TrainingSet) -> str:
    tasks = training_set.tasks()
    if len(tasks) != 1:
        raise InvalidDataset(
            f"{training_set.root} has the tasks {tasks}; say with --task which one is meant"
        )
    return tasks[0]
