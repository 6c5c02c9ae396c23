# SPDX-License-Identifier: Apache-2.0
"""`genima train`: learns the two stages of a policy from demonstrations."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train a stage of a policy on a data set.", no_args_is_help=True)


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
    start_from: Annotated[
        Path | None,
        typer.Option(help="Folder of a trained controller to begin with, rather than at random."),
    ] = None,
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
        start_from=start_from,
        textures=textures,
        backbone=backbone,
        text_model=text_model,
        policy=policy,
        wandb=wandb,
    ).run()


@app.command()
def diffusion(
    data: Annotated[Path, typer.Option(help="A data set in the training format.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the training; the same command again goes on there.")
    ],
    base: Annotated[
        str,
        typer.Option(
            help="tiny: a small model from scratch. Else folder or hub name of the model to begin "
            "with, such as stabilityai/sd-turbo or stabilityai/sdxl-turbo."
        ),
    ] = "tiny",
    kind: Annotated[
        str,
        typer.Option(
            help="tiny, controlnet (the paper) or pix2pix; by default what fits the base."
        ),
    ] = "",
    steps: Annotated[int, typer.Option(help="Optimiser steps; 0 for the kind's.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Drawings a step; 0 for the kind's.")] = 0,
    accumulate: Annotated[
        int, typer.Option(help="Parts that a batch is computed in, for less memory.")
    ] = 0,
    precision: Annotated[str, typer.Option(help="bf16, fp16 or no; by default the kind's.")] = "",
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Less memory for more time.")
    ] = False,
    adam_8bit: Annotated[
        bool, typer.Option("--adam-8bit", help="Optimiser state in 8 bits; needs bitsandbytes.")
    ] = False,
    held_out: Annotated[
        int, typer.Option(min=1, help="Demonstrations of each task kept for validation.")
    ] = 5,
    validated: Annotated[
        int, typer.Option(min=1, help="Held-out drawings of each validation.")
    ] = 100,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make samples.")] = 1,
    save_every: Annotated[
        int, typer.Option(min=1, help="Steps between two validations with a checkpoint.")
    ] = 500,
    policy: Annotated[
        Path | None, typer.Option(help="policy.yaml with other values than the paper's.")
    ] = None,
    wandb: Annotated[
        str, typer.Option(help="Project of Weights & Biases to report to as well.")
    ] = "",
) -> None:
    """Train a model to draw targets on camera images."""
    from genima.diffusion.training.command import TrainDiffusionCommand

    TrainDiffusionCommand(
        data=data,
        base=base,
        out=out,
        kind=kind,
        steps=steps,
        batch_size=batch_size,
        accumulate=accumulate,
        precision=precision,
        gradient_checkpointing=gradient_checkpointing,
        adam_8bit=adam_8bit,
        held_out=held_out,
        validated=validated,
        seed=seed,
        workers=workers,
        save_every=save_every,
        policy=policy,
        wandb=wandb,
    ).run()
