# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a comparison: a table, how the evaluations differ, and where."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genima.evaluation.comparison import Evaluated, Pairs, pairs
from genima.evaluation.plan import EpisodeKey
from genima.evaluation.plan_checks import changes

#: Differences of less than this chance are called such.
_SIGNIFICANT = 0.05
#: Episodes that are listed at most.
_MOST_LISTED = 8


def print_comparison(evaluations: Sequence[Evaluated], console: Console) -> None:
    """Print all there is to see.

    Args:
        evaluations: Of the same episodes; the others are compared with the first.
        console: Where to.
    """
    names = _short([one.path for one in evaluations])
    first, *others = evaluations
    console.print(_table(evaluations, names))
    console.print(
        "gained and lost: episodes that only this one, or only the first one has done; "
        "p: McNemar's exact test, two-sided",
        style="dim",
        highlight=False,
    )
    for name, other in zip(names[1:], others, strict=True):
        _print_differences(first, other, names[0], name, console)


def _table(evaluations: Sequence[Evaluated], names: Sequence[str]) -> Table:
    table = Table()
    table.add_column("task", no_wrap=True)
    table.add_column("of", justify="right")
    table.add_column(Text(names[0], overflow="fold"), justify="right")
    for name in names[1:]:
        table.add_column(Text(name, overflow="fold"), justify="right")
        table.add_column("gained, lost", justify="right")
        table.add_column("p", justify="right", no_wrap=True)
    plan = evaluations[0].plan
    for task in plan.tasks:
        keys = [key for key in plan.keys if key.task == task]
        table.add_row(task, *_cells(evaluations, keys))
    if len(plan.tasks) > 1:
        table.add_section()
        table.add_row("all", *_cells(evaluations, plan.keys))
    return table


def _cells(evaluations: Sequence[Evaluated], keys: Sequence[EpisodeKey]) -> list[Text]:
    first, *others = evaluations
    cells = [Text(str(len(keys))), _rate(first, keys)]
    for other in others:
        found = pairs(first, other, keys)
        cells += [
            _rate(other, keys),
            Text(f"+{len(found.gained)} -{len(found.lost)}"),
            Text(f"{found.p:.3f}" if found.p >= 0.001 else "< 0.001", style=_style(found)),
        ]
    return cells


def _rate(one: Evaluated, keys: Sequence[EpisodeKey]) -> Text:
    count = one.successes(keys)
    return Text(f"{count} {count / len(keys):4.0%}", no_wrap=True)


def _style(found: Pairs) -> str:
    if found.p >= _SIGNIFICANT:
        return ""
    return "bold green" if len(found.gained) > len(found.lost) else "bold red"


def _print_differences(
    first: Evaluated, other: Evaluated, first_name: str, name: str, console: Console
) -> None:
    lines = [f"{name} against {first_name}:"]
    settings = changes(first.plan.to_json(), other.plan.to_json())
    lines.append(f"  settings: {settings or 'the same'}")
    found = pairs(first, other, first.plan.keys)
    for what, keys in (("gained", found.gained), ("lost", found.lost)):
        if keys:
            lines.append(f"  {what}: {_listed(keys)}")
    if found.elsewhere:
        lines.append(
            f"  not the same scenes: {_listed(found.elsewhere)}; RLBench's planner failed with "
            "other scenes of these seeds before"
        )
    if found.broken:
        lines.append(f"  errors of the suite or the simulator in one: {_listed(found.broken)}")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _listed(keys: Sequence[EpisodeKey]) -> str:
    shown = ", ".join(f"{key.task} {key.seed}" for key in keys[:_MOST_LISTED])
    more = len(keys) - _MOST_LISTED
    return shown + (f" and {more} more" if more > 0 else "")


def _short(paths: Sequence[Path]) -> list[str]:
    """Names of folders, as short as tells them apart."""
    names = [path.resolve().name for path in paths]
    if len(set(names)) == len(names):
        return names
    return [os.path.relpath(path) for path in paths]
