# SPDX-License-Identifier: Apache-2.0
"""Carrying data sets between formats, with a bar for the person who waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from genima.data import import_options
from genima.data.training_set import METADATA, TrainingSet
from genima.data.validation_report import count_of_episodes
from genima.errors import InvalidDataset
from genima.recording.dataset import DATASET_FILE


class ExportFormat(Enum):
    """What a training set can be made into."""

    LEROBOT = "lerobot"
    RLBENCH = "rlbench"


def export_dataset(source: Path, kind: ExportFormat, out: Path, console: Console) -> None:
    """Write a training set in another format, in a new folder.

    Raises:
        InvalidDataset: There is no training set, it cannot be exported, or `out` is not empty.
    """
    from genima.data.export_lerobot import export_lerobot
    from genima.data.export_rlbench import export_rlbench

    training_set = TrainingSet.open(source)
    export = {ExportFormat.LEROBOT: export_lerobot, ExportFormat.RLBENCH: export_rlbench}[kind]
    with _bar("exporting", console) as progress:
        export(training_set, out, progress)
    sentence = f"{out}: exported {count_of_episodes(len(training_set.keys()))}"
    console.print(sentence, markup=False, soft_wrap=True)


def import_dataset(
    source: Path, options: import_options.ImportOptions, out: Path, console: Console
) -> bool:
    """Make a training set of a recording or of a data set of RLBench, in a new folder.

    Returns:
        Whether every episode was taken; those that were not are named on the console.

    Raises:
        InvalidDataset: `source` is neither, no episode can be used, or `out` is not empty.
    """
    from genima.data.import_mcap import import_mcap
    from genima.data.import_rlbench import import_rlbench

    with _bar("importing", console) as progress:
        if (source / DATASET_FILE).exists():
            report = import_mcap(source, out, options, progress)
        elif (source / METADATA).exists():
            raise InvalidDataset(f"{source} is a training set already; it needs no import")
        else:
            report = import_rlbench(source, out, progress)
    for line in report.skipped:
        console.print(f"left out {line}", style="yellow", markup=False, soft_wrap=True)
    left_out = f"; {len(report.skipped)} left out" if report.skipped else ""
    sentence = f"{out}: imported {count_of_episodes(len(report.imported))}{left_out}"
    console.print(sentence, markup=False, soft_wrap=True)
    return not report.skipped


@contextmanager
def _bar(what: str, console: Console) -> Iterator[import_options.Progress]:
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
