# SPDX-License-Identifier: Apache-2.0
"""What the trainings of both stages have in common."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from genima.act.command import TrainControllerCommand
from genima.cli import train
from genima.diffusion.training.command import TrainDiffusionCommand
from genima.learning.curves import Curves, Panel
from genima.learning.sampler import StepSampler

PANELS = (Panel("training", "loss", {"loss": "loss"}, log=True), Panel("a", "b", {"c": "c"}))


@pytest.mark.parametrize(
    ("verb", "command"),
    [(train.controller, TrainControllerCommand), (train.diffusion, TrainDiffusionCommand)],
)
def test_every_option_of_the_command_line_is_one_of_the_command(
    verb: Callable[..., None], command: Any
) -> None:
    assert set(inspect.signature(verb).parameters) == {field.name for field in fields(command)}


def test_batches_of_an_epoch_are_a_permutation_whatever_the_processes() -> None:
    alone = StepSampler(23, 4, seed=3)
    alone.epoch = 2
    shared = [StepSampler(23, 4, 3, process, 2) for process in range(2)]
    for sampler in shared:
        sampler.epoch = 2
    batches = list(alone)
    assert len(batches) == alone.steps == 5
    assert len({index for batch in batches for index in batch}) == 20
    for whole, *parts in zip(batches, *shared, strict=True):
        assert sorted(whole) == sorted(index for part in parts for index in part)
    alone.first_step = 3
    assert list(alone) == batches[3:]


def test_curves_forget_what_a_killed_run_did_behind_its_checkpoint(tmp_path: Path) -> None:
    curves = Curves(tmp_path, 0, PANELS)
    for step in (1, 2, 3):
        curves.add({"step": step, "loss": 0.5})
    assert [row["step"] for row in Curves(tmp_path, 2, PANELS).rows()] == ["1", "2"]


def test_curves_are_drawn_whatever_was_measured_so_far(tmp_path: Path) -> None:
    curves = Curves(tmp_path, 0, PANELS, others=("other",))
    curves.draw()
    empty = (tmp_path / "curves.png").read_bytes()
    curves.add({"step": 1, "loss": 0.5, "other": 2.0})
    curves.add({"step": 2, "loss": 0.4, "c": 3.0})
    curves.draw()
    assert (tmp_path / "curves.png").read_bytes() != empty
    header, *rows = (tmp_path / "curves.csv").read_text().splitlines()
    assert header == "step,seconds,learning_rate,loss,c,other"
    assert rows == ["1,,,0.5,,2", "2,,,0.4,3,"]
