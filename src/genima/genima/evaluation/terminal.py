# SPDX-License-Identifier: Apache-2.0
"""What a person sees of an evaluation: a bar while it runs, a table at its end."""

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.records import EpisodeRecord
from genima.sim.scenery import Poses

#: Failures that are listed; the rest stand in the report.
_MOST_FAILURES = 20


class ProgressDisplay:
    """A bar with the present episode, the successes so far and the time left.

    Args:
        plan: What is run.
        done: Episodes that an earlier run has finished.
        console: Where to draw; a plain line for each episode where that is no terminal.
    """

    def __init__(
        self, plan: EvaluationPlan, done: Iterable[EpisodeRecord], console: Console
    ) -> None:
        self._console = console
        self._plan = plan
        self._records = {record.key: record for record in done}
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[successes]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(
            "starting", total=len(plan.keys), completed=len(self._records), successes=self._rate()
        )

    def __enter__(self) -> "ProgressDisplay":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show_running(self, keys: Sequence[EpisodeKey]) -> None:
        """Name the episodes that are being run."""
        names = [f"{key.task} {key.seed}" for key in keys]
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            self._bar.update(self._task, description=names[0] + more)

    def finish(self, record: EpisodeRecord) -> None:
        """An episode is finished."""
        self._records[record.key] = record
        self._bar.update(self._task, advance=1, successes=self._rate())
        if not self._console.is_terminal:
            outcome = "success" if record.success else f"failure ({record.reason})"
            self._console.print(
                f"{len(self._records)}/{len(self._plan.keys)} {record.task} seed {record.seed}: "
                f"{outcome}, {record.steps} steps, {record.wall_s:.1f} s",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )

    def note(self, text: str) -> None:
        """Say something beside the bar."""
        self._console.print(text, style="yellow", soft_wrap=True, highlight=False, markup=False)

    def _rate(self) -> str:
        successes = sum(record.success for record in self._records.values())
        return f"{successes} of {len(self._records)} succeeded"


def print_report(report: Mapping[str, Any], console: Console) -> None:
    """Print the table of a report and its failures."""
    console.print(title(report), highlight=False, soft_wrap=True)
    table = Table()
    table.add_column("task", no_wrap=True)
    for heading in ("done", "rate", "95 % range", "steps", "off by"):  # fits into 80 columns
        table.add_column(heading, justify="right", no_wrap=True)
    for name, task in report["tasks"].items():
        low, high = task["wilson_95"]
        steps, error_deg = task["mean_steps_to_success"], task["drawn_error_deg"]
        table.add_row(
            name,
            f"{task['successes']} of {task['episodes']}",
            f"{task['success_rate']:.1%}",
            f"{100 * low:.0f} to {100 * high:.0f} %",
            "-" if steps is None else f"{steps:.0f}",
            "-" if error_deg is None else f"{error_deg:.2f} deg",
        )
    table.add_section()
    table.add_row("mean", "", f"{report['mean_success_rate']:.1%}", "", "", "")
    console.print(table)
    _print_failures(report, console)


def title(report: Mapping[str, Any]) -> str:
    """What was evaluated, in a line."""
    parts = [report["agent"], report["controller"], report["pacing"]]
    if report["execution_horizon"]:
        parts.append(f"execution horizon {report['execution_horizon']}")
    if report["perturb"]:
        parts.append(f"perturbed {' and '.join(report['perturb'])}")
    if report["poses"] != Poses.RANDOM.value:
        parts.append(f"poses on a {report['poses']}")
    seeds = report["seeds"]
    return ", ".join([*filter(None, parts), f"{report['world']}, seeds {seeds[0]} to {seeds[-1]}"])


def _print_failures(report: Mapping[str, Any], console: Console) -> None:
    failures = [
        f"{name} seed {failure['seed']}, step {failure['steps']}: {failure['reason']}"
        for name, task in report["tasks"].items()
        for failure in task["failures"]
    ]
    if failures:
        console.print("Failures:")
    for line in failures[:_MOST_FAILURES]:
        console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)
    if len(failures) > _MOST_FAILURES:
        console.print(f"  and {len(failures) - _MOST_FAILURES} more in report.json")
    if words := error_words(report):
        console.print(words, style="yellow", soft_wrap=True, highlight=False)


def error_words(report: Mapping[str, Any]) -> str:
    """How many failures are nobody's but the suite's or the simulator's; empty without any."""
    count = sum(task["errors"] for task in report["tasks"].values())
    if not count:
        return ""
    return (
        f"Failures that are errors of the suite or the simulator: {count}. They count, and say "
        "little about the agent; to run such an episode again delete its line in episodes.jsonl "
        "and repeat the command."
    )
