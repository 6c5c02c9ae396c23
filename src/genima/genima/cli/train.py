# SPDX-License-Identifier: Apache-2.0
"""`genima train`: learns the two stages of a policy from demonstrations."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train a stage of a policy on a data set.", no_args_is_help=True)


@app.callback()
def _stages_only() -> None:
    """Keep the name of the stage on the command line even while there is only one."""


@app.command()
def controller(
    data: Annotated[Path, typer.Option(help="A data set in the training format.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the training; the same command again goes on there.")
    ],
    preset: Annotated[
        str, typer.Option(help="paper: Table 4, for a GPU. tiny: for two CPU cores.")
    ] = "tiny",
    view: Annotated[
        str,
        typer.Option(
            help="spheres: on random backgrounds, GENIMA. full_context: on the camera images. "
            "cameras: no spheres, the ACT baseline."
        ),
    ] = "spheres",
    steps: Annotated[int, typer.Option(help="Optimiser steps; 0 for the preset's.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Windows a step; 0 for the preset's.")] = 0,
    held_out: Annotated[
        int, typer.Option(min=1, help="Demonstrations of each task kept for validation.")
    ] = 2,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that draw samples.")] = 1,
    save_every: Annotated[
        int, typer.Option(min=1, help="Steps between two validations with a checkpoint.")
    ] = 1000,
    textures: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures for the backgrounds; by default procedural ones."),
    ] = None,
    backbone: Annotated[
        Path | None, typer.Option(help="torchvision's ResNet18 checkpoint, for preset paper.")
    ] = None,
    text_model: Annotated[
        Path | None, typer.Option(help="Folder of CLIP's text model, for preset paper.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="policy.yaml with other values than the paper's.")
    ] = None,
    wandb: Annotated[
        str, typer.Option(help="Project of Weights & Biases to report to as well.")
    ] = "",
) -> None:
    """Train ACT to follow drawn spheres."""
    from genima.act.command import TrainControllerCommand

    TrainControllerCommand(
        data=data,
        out=out,
        preset=preset,
        view=view,
        steps=steps,
        batch_size=batch_size,
        held_out=held_out,
        seed=seed,
        workers=workers,
        save_every=save_every,
        textures=textures,
        backbone=backbone,
        text_model=text_model,
        policy=policy,
        wandb=wandb,
    ).run()
