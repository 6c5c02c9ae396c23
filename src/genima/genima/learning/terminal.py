# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a training, and how it is ended."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from genima.allocation import keep_memory
from genima.data.training_set import TrainingSet
from genima.errors import MissingDependency
from genima.interruption import interruptible
from genima.learning.split import Split, load_split
from genima.learning.training import Training
from genima.learning.types import Report
from genima.policy import Policy, load_policy

#: Cores that training takes at most where the environment does not say.
_MOST_THREADS = 2
#: Steps between two lines where there is no terminal.
_PLAIN_EVERY = 100
Tell = Callable[[Report], None]


@dataclass(frozen=True)
class RunCommand:
    """The options that all trainings have on the command line; see there."""

    data: Path
    out: Path
    steps: int
    batch_size: int
    held_out: int
    seed: int
    workers: int
    save_every: int
    policy: Path | None
    wandb: str

    def prepare(self) -> None:
        """Make the best of a processor."""
        keep_memory()
        torch.set_num_threads(min(int(os.environ.get("OMP_NUM_THREADS", _MOST_THREADS)), 16))

    def load(self, console: Console) -> tuple[TrainingSet, Split, Policy]:
        """Read data and policy.

        Raises:
            GenimaError: They cannot be used.
        """
        training_set = TrainingSet.open(self.data)
        policy = load_policy(self.policy) if self.policy else Policy()
        split = load_split(training_set, self.held_out)
        console.print(
            f"{len(split.train)} demonstrations to learn from, {len(split.held_out)} held out"
        )
        return training_set, split, policy

    def attend(
        self, training: Training[Any, Any], console: Console, describe: Callable[[Report], str]
    ) -> None:
        """Train, show how it goes, and end after the step under way when told to.

        Args:
            training: The run.
            console: Where to show it.
            describe: What to say after a step.
        """
        if training.progress.step:
            console.print(f"going on from step {training.progress.step}")
        with (
            _progress_bar(console, describe) as show,
            _wandb_run(self.wandb, self.out) as report,
            interruptible() as interrupted,
        ):

            def tell(news: Report) -> None:
                show(news)
                report(news)

            training.run(tell, interrupted.is_set)
        if not training.finished:
            console.print("interrupted; the same command goes on")


@contextmanager
def _progress_bar(console: Console, describe: Callable[[Report], str]) -> Iterator[Tell]:
    """Shows how far a training is; a line now and then where there is no terminal."""
    bar = Progress(
        TextColumn("[bold]training"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[news]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("training", news="")

        def show(news: Report) -> None:
            text = describe(news)
            bar.update(task, completed=news.step, total=news.steps, news=text)
            if not console.is_terminal and news.step % _PLAIN_EVERY == 0:
                print(f"step {news.step} of {news.steps}: {text}", flush=True)

        yield show


@contextmanager
def _wandb_run(project: str, out: Path) -> Iterator[Tell]:
    """Reports to Weights & Biases if a project is named."""
    if not project:
        yield lambda news: None
        return
    try:
        import wandb
    except ImportError as error:
        raise MissingDependency("--wandb needs the package wandb: pip install wandb") from error
    run: Any = wandb.init(project=project, name=out.name, dir=str(out), resume="allow")
    yield lambda news: run.log({**news.loss, **news.errors}, step=news.step)
    run.finish()
