# SPDX-License-Identifier: Apache-2.0
"""What a person sees of `genima train controller`."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from genima.act.config import ActConfig, Input, looking_at, preset
from genima.act.training import Trainer
from genima.act.training_types import TrainingOptions
from genima.act.validation import Validation
from genima.data.textures import folder_bank, procedural_bank
from genima.errors import InvalidParameter
from genima.learning.terminal import RunCommand
from genima.learning.types import Report
from genima.policy import Policy


@dataclass(frozen=True)
class TrainControllerCommand(RunCommand):
    """The options of the command line; see there."""

    preset: str
    view: str
    start_from: Path | None
    textures: Path | None
    backbone: Path | None
    text_model: Path | None

    def run(self) -> None:
        """Train, or go on training.

        Raises:
            GenimaError: Something that was given cannot be used.
        """
        self.prepare()
        console = Console()
        _, split, policy = self.load(console)
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
        self.attend(trainer, console, _news_line)
        if trainer.errors is not None:
            console.print(error_table(trainer.errors))
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


def _news_line(news: Report) -> str:
    text = f"loss {news.loss['loss']:.3f}, joints {news.loss['joints']:.3f}"
    return text + "".join(
        f", {name.removesuffix('_end_deg')} {value:.2f} deg"
        for name, value in news.errors.items()
        if name.endswith("_deg")
    )
