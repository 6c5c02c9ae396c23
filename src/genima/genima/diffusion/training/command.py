# SPDX-License-Identifier: Apache-2.0
"""What a person sees of `genima train diffusion`."""

from dataclasses import dataclass, replace
from pathlib import Path

import diffusers
import transformers
from rich.console import Console

from genima.diffusion.config import Present
from genima.diffusion.training.config import Precision, TrainConfig, changed, preset
from genima.diffusion.training.questions import parted, questions
from genima.diffusion.training.start import TINY
from genima.diffusion.training.trainer import BEST, Trainer
from genima.diffusion.training.types import TrainingOptions
from genima.diffusion.training.verdict import judge, save_verdict, table_of
from genima.errors import InvalidParameter
from genima.learning.terminal import RunCommand
from genima.learning.types import Report

_VERDICT = "verdict.json"


@dataclass(frozen=True)
class TrainDiffusionCommand(RunCommand):
    """The options of the command line; see there."""

    base: str
    kind: str
    accumulate: int
    precision: str
    gradient_checkpointing: bool
    adam_8bit: bool
    untiled: bool
    virtual_camera: str
    validated: int

    def run(self) -> None:
        """Train, or go on training.

        Raises:
            GenimaError: Something that was given cannot be used.
        """
        self.prepare()
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        console = Console()
        training_set, split, policy = self.load(console)
        policy = replace(policy, image_size_px=training_set.info.image_size_px)
        options = TrainingOptions(
            seed=self.seed,
            workers=self.workers,
            save_every=self.save_every,
            validated=self.validated,
        )
        questions(parted(split.held_out)[1], policy, 1)  # else it would only fail at the end
        trainer = Trainer(self.base, self._config(), policy, split, self.out, options)
        self.attend(trainer, console, _news_line)
        if trainer.finished and trainer.is_main:
            verdict = judge(self.out / BEST, split, policy, self.validated, trainer.device)
            save_verdict(self.out / _VERDICT, verdict)
            console.print(table_of(verdict.rows, verdict.refused))
        console.print(f"policy folder: {self.out}; {best_model(self.out)}", soft_wrap=True)

    def _config(self) -> TrainConfig:
        kind = self.kind or (TINY if self.base == TINY else "controlnet")
        names = [value.value for value in Precision]
        if self.precision and self.precision not in names:
            raise InvalidParameter(f"precision: got {self.precision!r}; there are {names}")
        config = preset(kind)
        draw = replace(config.draw, tiled=config.draw.tiled and not self.untiled)
        if self.virtual_camera:
            draw = replace(draw, present=Present.CELL, virtual_camera=self.virtual_camera)
        return changed(
            config,
            draw=draw,
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


def _news_line(news: Report) -> str:
    text = f"loss {news.loss['loss']:.4f}"
    if news.errors:
        errors = news.errors
        text += (
            f", {errors['error_deg']:.2f} deg in {100 * errors['usable']:.0f} % usable drawings"
        )
    return text
