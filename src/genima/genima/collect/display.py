# SPDX-License-Identifier: Apache-2.0
"""What a person sees while demonstrations are collected: a bar for each task and one for all."""

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from genima.collect.plan import CollectionPlan, DemonstrationSeed

#: A demonstration takes seconds: the rate of a shorter time would jump.
_RATE_WINDOW_S = 300.0


class CollectionDisplay:
    """Bars on a terminal, a plain line for each event elsewhere.

    Args:
        plan: What is collected.
        done: Episodes of each task that an earlier run has recorded.
        failed: Seeds of each task with which the expert has failed.
        console: Where to draw.
    """

    def __init__(
        self,
        plan: CollectionPlan,
        done: Mapping[str, int],
        failed: Mapping[str, int],
        console: Console,
    ) -> None:
        self._console = console
        self._done, self._failed = dict(done), dict(failed)
        self._total = plan.episodes * len(plan.tasks)
        self._bars = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]}", style="yellow"),
            _RateColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            speed_estimate_period=_RATE_WINDOW_S,
        )
        self._rows = {
            name: self._bars.add_task(
                name, total=plan.episodes, completed=done[name], failed=_failures(failed[name])
            )
            for name in plan.tasks
        }
        self._all = self._bars.add_task(
            "all", total=self._total, completed=sum(done.values()), failed=""
        )

    def __enter__(self) -> "CollectionDisplay":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def recorded(self, key: DemonstrationSeed, episode: int) -> None:
        """An episode is on disk."""
        self._done[key.task] += 1
        self._bars.advance(self._rows[key.task])
        self._bars.advance(self._all)
        if not self._console.is_terminal:
            count = f"{sum(self._done.values())}/{self._total}"
            self._print(f"{count} {key.task} episode {episode}: seed {key.seed}")

    def failed(self, key: DemonstrationSeed, why: str) -> None:
        """The expert has failed with a seed."""
        self._failed[key.task] += 1
        failures = _failures(self._failed[key.task])
        self._bars.update(self._rows[key.task], failed=failures)
        if not self._console.is_terminal:
            self._print(f"{key} is left out: {why}")

    def note(self, text: str) -> None:
        """Say something beside the bars."""
        self._print(text, style="yellow")

    def _print(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, soft_wrap=True, highlight=False, markup=False)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(
            "" if speed is None else f"{60.0 * speed:.1f}/min", style="progress.data.speed"
        )


def _failures(count: int) -> str:
    return f"{count} failed" if count else ""
