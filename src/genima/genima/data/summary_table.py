# SPDX-License-Identifier: Apache-2.0
"""A data set's numbers as a table on the terminal."""

import math
from pathlib import Path

from rich.console import Console
from rich.table import Table

from genima.data.summary import DatasetSummary, Kind, TaskSummary, summarise


def print_summary(folder: Path, console: Console) -> None:
    """Print what a data set holds.

    Raises:
        InvalidDataset: The folder holds none.
    """
    summary = summarise(folder)
    console.print(f"[bold]{folder}[/bold]: {summary.kind.value}", highlight=False, soft_wrap=True)
    for line in _cameras(summary):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_table(summary))
    for sentence in summary.unreadable:
        console.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)


def _cameras(summary: DatasetSummary) -> list[str]:
    sizes = sorted(set(summary.cameras.values()))
    rate = "" if math.isnan(summary.rate_hz) else f" at {summary.rate_hz:g} Hz"
    if len(sizes) == 1:
        return [f"{', '.join(summary.cameras)}: {sizes[0]}{rate}"]
    return [f"{name}: {size}{rate}" for name, size in summary.cameras.items()]


def _table(summary: DatasetSummary) -> Table:
    table = Table()
    table.add_column("task", overflow="fold")
    counted = "images" if summary.kind is Kind.RECORDING else "steps"
    for heading in ("episodes", counted, "time", "success", "size"):
        table.add_column(heading, justify="right")
    for task in summary.tasks:
        table.add_row(task.task, *_cells(task))
    if len(summary.tasks) != 1:
        table.add_section()
        table.add_row("all", *_cells(_total(summary.tasks)))
    return table


def _total(tasks: tuple[TaskSummary, ...]) -> TaskSummary:
    return TaskSummary(
        "all",
        sum(task.episodes for task in tasks),
        sum(task.steps for task in tasks),
        sum(task.duration_s for task in tasks),
        sum(task.succeeded for task in tasks),
        sum(task.failed for task in tasks),
        sum(task.size_bytes for task in tasks),
    )


def _cells(task: TaskSummary) -> tuple[str, ...]:
    return (
        str(task.episodes),
        str(task.steps),
        _duration(task.duration_s),
        _share(task),
        _size(task.size_bytes),
    )


def _share(task: TaskSummary) -> str:
    labelled = task.succeeded + task.failed
    if not labelled:
        return "-"
    share = f"{task.succeeded / labelled:.0%}"
    return share if labelled == task.episodes else f"{share} of {labelled}"


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"


def _size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"
