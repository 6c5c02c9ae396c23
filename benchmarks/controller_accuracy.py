# SPDX-License-Identifier: Apache-2.0
"""How well a trained controller reads drawn spheres, on demonstrations it was not trained with.

Mean joint errors at the last step of a chunk, in degrees: on demonstrated windows, from a start
beside the path, with the hand turned at random by up to 1.6 rad (which only the stripes show), on
motions between random configurations, and with spheres missing in some views.

OMP_NUM_THREADS=1 python benchmarks/controller_accuracy.py --policy DIR --data DIR [--held-out 5]
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from genima.act.checkpoint import ActCheckpoint
from genima.act.language import LanguageEncoder
from genima.act.normalisation import Normaliser
from genima.act.samples import collate, describe
from genima.act.training_data import JITTER_RAD
from genima.act.validation import ChunkErrors, chunk_errors
from genima.act.variation import labelled, straight, turned
from genima.data.demonstration import Demonstration
from genima.data.targets import Window
from genima.data.targets_torch import RandomBackgroundTargets
from genima.data.textures import TextureBank, procedural_bank
from genima.data.training_set import TrainingSet
from genima.learning.split import load_split

Vary = Callable[[Window, np.random.Generator], Window]
console = Console(width=120)


def main(
    policy: Annotated[Path, typer.Option(help="Folder with a trained controller/.")],
    data: Annotated[Path, typer.Option(help="Training set whose last demonstrations are used.")],
    held_out: Annotated[int, typer.Option(help="Of each task, as in the training.")] = 5,
    windows: Annotated[int, typer.Option(help="Windows for each row.")] = 400,
    seed: Annotated[int, typer.Option(help="Of starts, motions and backgrounds.")] = 150_000,
) -> None:
    """Measure one controller in every way."""
    torch.set_num_threads(1)
    checkpoint = ActCheckpoint.load(policy / "controller")
    demonstrations = load_split(TrainingSet.open(data), held_out).held_out
    bank = procedural_bank()
    table = Table(title=f"{policy}: joint errors at the last step [deg]")
    for name in ("windows", *(f"joint {joint}" for joint in range(1, 8)), "mean", "gripper"):
        table.add_column(name, justify="left" if name == "windows" else "right")
    for name, chosen, vary in rows(checkpoint, demonstrations):
        errors = measured(checkpoint, chosen, bank, vary, windows, seed)
        last = errors.joints_deg[-1]
        cells = [f"{value:.2f}" for value in (*last, last.mean())]
        table.add_row(name, *cells, f"{100.0 * errors.gripper_accuracy:.1f} %")
    console.print(table)


def rows(
    checkpoint: ActCheckpoint, demonstrations: list[Demonstration]
) -> list[tuple[str, list[Demonstration], Vary]]:
    """What is measured: a name, the demonstrations, and what is changed about their windows."""
    config = checkpoint.config
    tasks = sorted({demonstration.task for demonstration in demonstrations})
    plain = partial(as_demonstrated, hold_steps=config.hold_steps)
    from_nobody = partial(straight, step_s=checkpoint.policy.step_s)
    cameras = config.cameras
    return [
        ("as demonstrated", demonstrations, plain),
        *(
            (f"  {task}", [one for one in demonstrations if one.task == task], plain)
            for task in tasks
        ),
        ("start beside the path", demonstrations, partial(beside, hold_steps=config.hold_steps)),
        ("hand turned at random", demonstrations, partial(hand_turned, vary=plain)),
        ("motions of nobody", demonstrations, from_nobody),
        *(
            (f"no spheres in {name}", demonstrations, partial(without, vary=plain, views=(view,)))
            for view, name in enumerate(cameras)
        ),
        (
            "no spheres at all",
            demonstrations,
            partial(without, vary=plain, views=tuple(range(len(cameras)))),
        ),
    ]


def measured(
    checkpoint: ActCheckpoint,
    demonstrations: list[Demonstration],
    bank: TextureBank,
    vary: Vary,
    windows: int,
    seed: int,
) -> ChunkErrors:
    """Errors over evenly spread windows."""
    config, policy = checkpoint.config, checkpoint.policy
    truth = partial(describe, radii_m=dict(policy.sphere_radii_m))
    samples = RandomBackgroundTargets(
        demonstrations, policy, bank, seed, vary, truth, config.source_size_px
    )
    indices = np.unique(np.linspace(0, len(samples) - 1, windows).astype(int))
    batches = (
        collate([samples[int(index)] for index in part])
        for part in np.array_split(indices, max(1, len(indices) // 16))
    )
    return chunk_errors(
        checkpoint.network(),
        batches,
        Normaliser(checkpoint.statistics, config.actions),
        LanguageEncoder(config.language, None, checkpoint.goals),
    )


def as_demonstrated(window: Window, rng: np.random.Generator, hold_steps: int) -> Window:
    """The window as it is learned."""
    return labelled(window, hold_steps)


def beside(window: Window, rng: np.random.Generator, hold_steps: int) -> Window:
    """From another start; only the end of the chunk is then what was demonstrated."""
    window = labelled(window, hold_steps)
    return replace(window, q=window.q + rng.uniform(-JITTER_RAD, JITTER_RAD, 7))


def hand_turned(window: Window, rng: np.random.Generator, vary: Vary) -> Window:
    """The window with another last joint."""
    return turned(vary(window, rng), rng)


def without(
    window: Window, rng: np.random.Generator, vary: Vary, views: tuple[int, ...]
) -> Window:
    """Without any sphere in some views."""
    window = vary(window, rng)
    drawn = window.drawn.copy()
    drawn[list(views)] = False
    return replace(window, drawn=drawn)


if __name__ == "__main__":
    typer.run(main)
