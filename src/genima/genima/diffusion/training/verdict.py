# SPDX-License-Identifier: Apache-2.0
"""What the best model of a training is worth, on demonstrations that it was not chosen by."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from genima.decode import TargetDecoder
from genima.diffusion.agent import DrawRequest
from genima.diffusion.drawer import Drawer, DrawOptions, load_drawer
from genima.diffusion.learned import LearnedAgent
from genima.diffusion.tile_check import CheckSettings, TileCheck
from genima.diffusion.training.baselines import NearestStep, PresentSpheres
from genima.diffusion.training.blind import Blind
from genima.diffusion.training.metric import DrawingErrors, Draws, errors_of
from genima.diffusion.training.questions import (
    Question,
    parted,
    questions,
    with_other_images,
)
from genima.errors import InvalidDataset
from genima.files import json_bytes, write_file
from genima.learning.split import Split
from genima.limits import RobotModel, limits_of
from genima.policy import Policy

_COLUMNS = (
    "not usable %",
    "refused %",
    "error deg",
    "tip cm",
    "all deg",
    "skill",
    "gripper %",
    "missing %",
)
_STANDING = "best model, where the target is at the arm"


@dataclass(frozen=True, eq=False)
class Verdict:
    """What drawings are worth.

    Attributes:
        rows: Errors where the target is away from the arm, by who drew; of the model also where
            not.
        refused: Of the model's, the share that the node would not let be followed.
    """

    rows: dict[str, DrawingErrors]
    refused: dict[str, float]


def judge(best: Path, split: Split, policy: Policy, count: int, device: str) -> Verdict:
    """Have the best model draw as the node has it draw, and compare it with guesses.

    Args:
        best: Folder of the model.
        split: What it was trained with, and what it is judged by.
        policy: Of both.
        count: How many drawings each of them makes.
        device: Where the model computes.

    Raises:
        GenimaError: The model cannot be used, or there is nothing to judge it by.
    """
    held_out = parted(split.held_out)[1]
    asked = questions(held_out, policy, count)
    model = load_drawer(best, DrawOptions(device=device))
    rows: dict[str, tuple[Draws, list[Question]]] = {
        "best model": (model, asked),
        "best model, images of another episode": (model, with_other_images(asked)),
        "network that sees no images": (Blind(split.train, policy), asked),
        "nearest training step": (NearestStep(split.train, policy), asked),
        "where the arm is": (PresentSpheres(policy), asked),
    }
    with suppress(InvalidDataset):  # the arm never stands
        rows[_STANDING] = (model, questions(held_out, policy, count, away=False))
    errors = {name: errors_of(drawer, each, policy)[0] for name, (drawer, each) in rows.items()}
    refused = {
        name: refused_share(model, each, policy)
        for name, (drawer, each) in rows.items()
        if drawer is model
    }
    return Verdict(errors, refused)


def refused_share(model: Drawer, asked: Sequence[Question], policy: Policy) -> float:
    """The share of a model's drawings that the node would mark as not to be followed.

    Args:
        model: Draws.
        asked: What it is asked; the steps do not follow each other.
        policy: Of both.
    """
    limits, refused = limits_of(RobotModel.PANDA), 0
    for question in asked:
        arm = question.arm
        agent = LearnedAgent(model, question.rig, "")
        request = DrawRequest(question.images, arm.q, arm.gripper_open, question.goal, 0)
        drawing = agent.draw(request)
        check = TileCheck(
            TargetDecoder(question.rig, policy, limits),
            limits,
            policy.horizon_s,
            CheckSettings(),
            model.config.farthest_rad,
        )
        refused += bool(drawing.fault or check(drawing.tile, arm.q, question.goal, 0.0).fault)
    return refused / len(asked)


def table_of(
    rows: Mapping[str, DrawingErrors], refused: Mapping[str, float] | None = None
) -> Table:
    """The errors for people, in degrees and per cent."""
    first = next(iter(rows.values()))
    table = Table(title=f"held-out drawings: {len(first.usable)}, where the target is away")
    table.add_column("drawn by")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for name, errors in rows.items():
        found = errors.summary
        share = (refused or {}).get(name)
        cells = [f"{100 * (1.0 - found['usable']):.1f}", f"{found['error_deg']:.2f}"]
        cells.insert(1, "" if share is None else f"{100 * share:.1f}")
        cells += [f"{found['tip_cm']:.2f}", f"{errors.rank:.2f}"]
        cells.append("" if name == _STANDING else f"{errors.skill:.2f}")
        cells += [f"{100 * found[key]:.1f}" for key in ("gripper_accuracy", "missing")]
        table.add_row(name, *cells)
    each = ", ".join(f"{error:.2f}" for error in first.each_deg)
    table.caption = (
        "refused: not to be followed, as the node would say; error: joints 1 to 6 in the usable "
        "drawings, and the place of the fingertips; all: with 90 for each that is not usable; "
        "skill: 1 less that over the error of drawing where the arm is; missing: a sphere in some "
        f"view. Joints 1 to 7 of the best model, in the usable drawings: {each} deg"
    )
    return table


def save_verdict(file: Path, verdict: Verdict) -> None:
    """Write the numbers; those that are of no drawing are left out."""
    content = {
        name: {
            key: value
            for key, value in {
                "rank": errors.rank,
                "refused": verdict.refused.get(name, math.nan),
                **errors.summary,
            }.items()
            if math.isfinite(value)
        }
        for name, errors in verdict.rows.items()
    }
    write_file(file, json_bytes(content))
