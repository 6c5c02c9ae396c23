# SPDX-License-Identifier: Apache-2.0
"""What a person sees of `genima train diffusion`."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import diffusers
import torch
import transformers
from rich.console import Console
from rich.table import Table

from genima.act.command import progress_bar, wandb_run
from genima.act.training_data import load_split
from genima.data.training_set import TrainingSet
from genima.diffusion.training.baselines import NearestStep, PresentSpheres
from genima.diffusion.training.config import Precision, TrainConfig, changed, preset
from genima.diffusion.training.metric import DrawingErrors, errors_of, questions
from genima.diffusion.training.start import TINY
from genima.diffusion.training.trainer import BEST, Trainer
from genima.diffusion.training.types import Report, TrainingOptions
from genima.errors import InvalidParameter
from genima.interruption import interruptible
from genima.policy import Policy, load_policy

#: Cores that training takes at most where the environment does not say.
_MOST_THREADS = 2


@dataclass(frozen=True)
class TrainDiffusionCommand:
    """The options of the command line; see there."""

    data: Path
    base: str
    out: Path
    kind: str
    steps: int
    batch_size: int
    accumulate: int
    precision: str
    gradient_checkpointing: bool
    adam_8bit: bool
    held_out: int
    validated: int
    seed: int
    workers: int
    save_every: int
    policy: Path | None
    wandb: str

    def run(self) -> None:
        """Train, or go on training.

        Raises:
            GenimaError: Something that was given cannot be used.
        """
        torch.set_num_threads(min(int(os.environ.get("OMP_NUM_THREADS", _MOST_THREADS)), 16))
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        console = Console()
        training_set = TrainingSet.open(self.data)
        policy = load_policy(self.policy) if self.policy else Policy()
        policy = replace(policy, image_size_px=training_set.info.image_size_px)
        split = load_split(training_set, self.held_out)
        console.print(
            f"{len(split.train)} demonstrations to learn from, {len(split.held_out)} held out"
        )
        options = TrainingOptions(
            seed=self.seed,
            workers=self.workers,
            save_every=self.save_every,
            validated=self.validated,
        )
        trainer = Trainer(self.base, self._config(), policy, split, self.out, options)
        if trainer.progress.step:
            console.print(f"going on from step {trainer.progress.step}")
        with (
            progress_bar(console, _news_line) as show,
            wandb_run(self.wandb, self.out) as report,
            interruptible() as interrupted,
        ):

            def tell(news: Report) -> None:
                show(news)
                report(news)

            trainer.run(tell, interrupted.is_set)
        if trainer.errors is not None:
            asked = list(questions(split.held_out, policy, self.validated))
            rows = {"newest weights": trainer.errors}
            for name, baseline in (
                ("nearest training step", NearestStep(split.train, policy)),
                ("where the arm is", PresentSpheres(policy)),
            ):
                rows[name] = errors_of(baseline, asked, policy)[0]
            console.print(error_table(rows))
        if trainer.progress.step < trainer.steps:
            console.print("interrupted; the same command goes on")
        console.print(f"policy folder: {self.out}; {best_model(self.out)}", soft_wrap=True)

    def _config(self) -> TrainConfig:
        kind = self.kind or (TINY if self.base == TINY else "controlnet")
        names = [value.value for value in Precision]
        if self.precision and self.precision not in names:
            raise InvalidParameter(f"precision: got {self.precision!r}; there are {names}")
        return changed(
            preset(kind),
            steps=self.steps,
            batch_size=self.batch_size,
            accumulate=self.accumulate,
            precision=Precision(self.precision) if self.precision else None,
            gradient_checkpointing=self.gradient_checkpointing,
            adam_8bit=self.adam_8bit,
        )


def best_model(out: Path) -> str:
    """Where the best model of a training is."""
    if (out / BEST).is_dir():
        return f"the best model is in {BEST}/"
    return f"there is no model yet; the first validation writes one to {BEST}/"


def error_table(rows: dict[str, DrawingErrors]) -> Table:
    """Errors of several ways to draw the same, in degrees and per cent."""
    table = Table(title=f"held-out drawings: {len(next(iter(rows.values())).usable)}")
    table.add_column("")
    for name in rows:
        table.add_column(name, justify="right")
    summaries = [errors.summary for errors in rows.values()]
    unusable = (f"{100 * (1.0 - s['usable']):.1f}" for s in summaries)
    table.add_row("not usable, %", *unusable, end_section=True)
    table.add_row("of the usable ones:")
    table.add_row("joints 1 to 6, mean, deg", *(f"{s['error_deg']:.2f}" for s in summaries))
    for joint in range(7):
        cells = (f"{errors.each_deg[joint]:.2f}" for errors in rows.values())
        table.add_row(f"joint {joint + 1}, deg", *cells, end_section=joint == 6)
    table.add_row("of all:")
    ranks = (f"{errors.rank:.2f}" for errors in rows.values())
    table.add_row("joints 1 to 6, 90 where not usable, deg", *ranks)
    for key, name in (("gripper_accuracy", "gripper right"), ("missing", "a sphere missing")):
        table.add_row(f"{name}, %", *(f"{100 * s[key]:.1f}" for s in summaries))
    table.add_row("PSNR, dB", *(f"{s['psnr_db']:.1f}" for s in summaries))
    return table


def _news_line(news: Report) -> str:
    text = f"loss {news.loss['loss']:.4f}"
    if news.errors is not None:
        summary = news.errors.summary
        text += f", {summary['error_deg']:.2f} deg, usable {100 * summary['usable']:.0f} %"
    return text
