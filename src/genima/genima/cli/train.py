# SPDX-License-Identifier: Apache-2.0
"""`genima train`: learns the two stages of a policy from demonstrations."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train a stage of a policy on a data set.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="A data set in the training format.")]
Out = Annotated[
    Path, typer.Option(help="Folder of the training; the same command again goes on there.")
]
Steps = Annotated[int, typer.Option(help="Optimiser steps; 0 for what preset or kind say.")]
BatchSize = Annotated[int, typer.Option(help="Samples a step; 0 for what preset or kind say.")]
HeldOut = Annotated[
    int, typer.Option(min=1, help="Demonstrations of each task kept for validation.")
]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that make samples.")]
SaveEvery = Annotated[
    int, typer.Option(min=1, help="Steps between two validations with a checkpoint.")
]
PolicyFile = Annotated[
    Path | None, typer.Option(help="policy.yaml with other values than the paper's.")
]
Wandb = Annotated[str, typer.Option(help="Project of Weights & Biases to report to as well.")]


@app.command()
def controller(
    data: Data,
    out: Out,
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
    start_from: Annotated[
        Path | None,
        typer.Option(help="Folder of a trained controller to begin with, rather than at random."),
    ] = None,
    steps: Steps = 0,
    batch_size: BatchSize = 0,
    held_out: HeldOut = 2,
    seed: Seed = 0,
    workers: Workers = 1,
    save_every: SaveEvery = 1000,
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
    policy: PolicyFile = None,
    wandb: Wandb = "",
) -> None:
    """Train ACT to follow drawn spheres."""
    options = dict(locals())
    from genima.act.command import TrainControllerCommand

    TrainControllerCommand(**options).run()


@app.command()
def diffusion(
    data: Data,
    out: Out,
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
    steps: Steps = 0,
    batch_size: BatchSize = 0,
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
    untiled: Annotated[
        bool, typer.Option("--untiled", help="Draw the cameras' images one after the other.")
    ] = False,
    virtual_camera: Annotated[
        str,
        typer.Option(
            help="Camera in whose image the model sees and draws spheres alone, without the scene."
        ),
    ] = "",
    held_out: Annotated[
        int,
        typer.Option(
            min=2, help="Demonstrations of each task by which models are chosen and judged."
        ),
    ] = 5,
    validated: Annotated[
        int, typer.Option(min=1, help="Held-out drawings of each validation.")
    ] = 100,
    seed: Seed = 0,
    workers: Workers = 1,
    save_every: SaveEvery = 500,
    policy: PolicyFile = None,
    wandb: Wandb = "",
) -> None:
    """Train a model to draw targets on camera images."""
    options = dict(locals())
    from genima.diffusion.training.command import TrainDiffusionCommand

    TrainDiffusionCommand(**options).run()
