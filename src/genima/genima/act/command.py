# SPDX-License-Identifier: Apache-2.0
"""What a person sees of `genima train controller`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from genima.act.allocation import keep_memory
from genima.act.config import ActConfig, Input, looking_at, preset
from genima.act.training import Trainer
from genima.act.training_data import load_split
from genima.act.training_types import Report, TrainingOptions
from genima.act.validation import Validation
from genima.data.textures import folder_bank, procedural_bank
from genima.data.training_set import TrainingSet
from genima.errors import InvalidParameter, MissingDependency
from genima.interruption import interruptible
from genima.policy import Policy, load_policy

#: Cores that training takes at most where the environment does not say.
_MOST_THREADS = 2
#: Steps between two lines where there is no terminal.
_PLAIN_EVERY = 100


@dataclass(frozen=True)
class TrainControllerCommand:
    """The options of the command line; see there."""

    data: Path
    out: Path
    preset: str
    view: str
    steps: int
    batch_size: int
    held_out: int
    seed: int
    workers: int
    save_every: int
    start_from: Path | None
    textures: Path | None
    backbone: Path | None
    text_model: Path | None
    policy: Path | None
    wandb: str

    def run(self) -> None:
        """Train, or go on training.

        Raises:
            GenimaError: Something that was given cannot be used.
        """
        keep_memory()
        torch.set_num_threads(min(int(os.environ.get("OMP_NUM_THREADS", _MOST_THREADS)), 16))
        console = Console()
        policy = load_policy(self.policy) if self.policy else Policy()
        split = load_split(TrainingSet.open(self.data), self.held_out)
        console.print(
            f"{len(split.train)} demonstrations to learn from, {len(split.held_out)} held out"
        )
        bank = folder_bank(self.textures) if self.textures else procedural_bank()
        options = TrainingOptions(
            seed=self.seed,
            workers=self.workers,
            save_every=self.save_every,
            backbone=self.backbone,
            text_model=self.text_model,
            start_from=self.start_from,
        )
        trainer = Trainer(self._config(policy), policy, split, bank, self.out, options)
        if trainer.progress.step:
            console.print(f"going on from step {trainer.progress.step}")
        with (
            progress_bar(console, _news_line) as show,
            wandb_run(self.wandb, self.out) as report,
        ):

            def tell(news: Report) -> None:
                show(news)
                report(news)

            with interruptible() as interrupted:
                trainer.run(tell, interrupted.is_set)
        if trainer.errors is not None:
            console.print(error_table(trainer.errors))
        if trainer.progress.step < trainer.steps:
            console.print("interrupted; the same command goes on")
        console.print(f"policy folder: {self.out}; the controller is in it", soft_wrap=True)

    def _config(self, policy: Policy) -> ActConfig:
        try:
            what = Input(self.view)
        except ValueError as error:
            names = ", ".join(value.value for value in Input)
            raise InvalidParameter(f"view: got {self.view!r}; there are {names}") from error
        config = looking_at(preset(self.preset), what)
        return replace(
            config,
            cameras=policy.cameras,
            horizon_steps=policy.horizon_steps,
            steps=self.steps or config.steps,
            batch_size=self.batch_size or config.batch_size,
        )


def error_table(errors: Validation) -> Table:
    """Mean joint errors along the chunk, in degrees."""
    clean = errors.clean
    table = Table(title=f"held-out windows: {clean.windows}, mean joint error [deg]")
    table.add_column("step")
    for joint in range(1, 8):
        table.add_column(f"joint {joint}", justify="right")
    table.add_column("mean", justify="right")
    steps = len(clean.joints_deg)
    for step in sorted({1, steps // 4, steps // 2, 3 * steps // 4, steps}):
        row = clean.joints_deg[step - 1]
        table.add_row(str(step), *(f"{value:.2f}" for value in row), f"{row.mean():.2f}")
    if errors.jittered is not None:
        row = errors.jittered.joints_deg[-1]
        cells = [f"{value:.2f}" for value in row]
        table.add_row(f"{steps}, start beside the path", *cells, f"{row.mean():.2f}")
    table.caption = f"gripper right in {100 * clean.gripper_accuracy:.1f} % of the steps"
    return table


@contextmanager
def progress_bar(
    console: Console, describe: Callable[[Any], str]
) -> Iterator[Callable[[Any], None]]:
    """Shows how far a training is; a line now and then where there is no terminal.

    Args:
        console: Where to.
        describe: What to say of a report besides its steps.
    """
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

        def show(news: Any) -> None:
            text = describe(news)
            bar.update(task, completed=news.step, total=news.steps, news=text)
            if not console.is_terminal and news.step % _PLAIN_EVERY == 0:
                print(f"step {news.step} of {news.steps}: {text}", flush=True)

        yield show


def _news_line(news: Report) -> str:
    text = f"loss {news.loss['loss']:.3f}, joints {news.loss['joints']:.3f}"
    if news.errors is not None:
        text += "".join(
            f", {name.removesuffix('_end_deg')} {value:.2f} deg"
            for name, value in news.errors.summary.items()
            if name.endswith("_deg")
        )
    return text


@contextmanager
def wandb_run(project: str, out: Path) -> Iterator[Callable[[Any], None]]:
    """Reports to Weights & Biases if a project is named."""
    if not project:
        yield lambda news: None
        return
    try:
        import wandb
    except ImportError as error:
        raise MissingDependency("--wandb needs the package wandb: pip install wandb") from error
    run: Any = wandb.init(project=project, name=out.name, dir=str(out), resume="allow")

    def report(news: Any) -> None:
        errors = {} if news.errors is None else news.errors.summary
        run.log(news.loss | errors, step=news.step)

    yield report
    run.finish()
