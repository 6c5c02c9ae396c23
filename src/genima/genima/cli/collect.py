# SPDX-License-Identifier: Apache-2.0
"""`genima collect`: expert demonstrations from a simulated world."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    tasks: Annotated[str, typer.Option(help="Names of tasks, separated by commas.")],
    episodes: Annotated[int, typer.Option(help="Demonstrations of each task.")],
    out: Annotated[
        Path,
        typer.Option(help="Folder of the training set; the same command again goes on there."),
    ],
    seed: Annotated[
        int,
        typer.Option(
            help="First seed that is tried for each task; stay below 100000 for training."
        ),
    ] = 0,
    workers: Annotated[
        int, typer.Option(help="Processes at work at once; the result does not depend on it.")
    ] = 1,
    world: Annotated[str, typer.Option(help="Which simulator: mujoco or rlbench.")] = "mujoco",
    image_quality: Annotated[
        str, typer.Option(help="Camera images: fast or shadows; the same as in evaluations.")
    ] = "shadows",
    max_steps: Annotated[
        int, typer.Option(help="Policy steps (of 0.05 s) after which the expert has failed.")
    ] = 400,
    starts_beside: Annotated[
        float,
        typer.Option(
            help="Share of the demonstrations that begin with the hand some centimetres beside "
            "the first place it goes to, 0 to 1: they show how an error is mended."
        ),
    ] = 0.0,
    through_ros: Annotated[
        bool,
        typer.Option(
            "--through-ros",
            help="Have the nodes and the recorder make the episodes; joints and images are the "
            "same, and the recordings are kept.",
        ),
    ] = False,
    cameras: Annotated[
        Path | None, typer.Option(help="Where the cameras are; the installed file if not given.")
    ] = None,
) -> None:
    """Record demonstrations of a simulated expert in the training format."""
    from rich.console import Console

    from genima.collect.plan import CollectionPlan
    from genima.collect.run import collect
    from genima.evaluation import plan as choices
    from genima.evaluation.plan_checks import choose
    from genima.evaluation.worlds import cameras_file

    plan = CollectionPlan(
        tasks=tuple(name.strip() for name in tasks.split(",") if name.strip()),
        episodes=episodes,
        seed=seed,
        world=choose(choices.WorldName, world, "world"),
        image_quality=choose(choices.ImageQuality, image_quality, "image_quality"),
        max_steps=max_steps,
        starts_beside=starts_beside,
    )
    file = cameras or cameras_file(plan.world)
    collect(plan, out, file, Console(), workers=workers, through_ros=through_ros)
    print(f"training set: {out}")
