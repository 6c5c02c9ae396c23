# SPDX-License-Identifier: Apache-2.0
"""`genima eval`: how often an agent does its tasks."""

from pathlib import Path
from typing import Annotated

import typer

#: Options that say how an evaluation is run, not what: they may change when it goes on.
_FREE = ("out", "resume", "video", "workers", "ray")
#: What an evaluation may have more of when it goes on.
_GROWS = "episodes"


def run(
    ctx: typer.Context,
    out: Annotated[
        Path, typer.Option(help="Folder for the results; the same command again goes on there.")
    ],
    tasks: Annotated[str, typer.Option(help="Names of tasks, separated by commas.")] = "",
    episodes: Annotated[int, typer.Option(help="Episodes of each task.")] = 25,
    seed: Annotated[
        int, typer.Option(help="Seed of the first episode; the next has the next.")
    ] = 0,
    agent: Annotated[
        str,
        typer.Option(
            help="oracle: the expert's targets, drawn and followed by the robot's nodes. "
            "policy: targets drawn by the trained model of --policy. "
            "blank: camera images without targets, for the ACT baseline. "
            "expert: the expert alone moves the arm, without nodes."
        ),
    ] = "oracle",
    controller: Annotated[
        str,
        typer.Option(
            help="What turns drawn targets into motion: geometric, or act, which is trained."
        ),
    ] = "geometric",
    policy: Annotated[
        str,
        typer.Option(
            help="Folder of a policy: act loads controller/, policy diffusion/. Several, "
            "separated by commas, are evaluated one after the other and averaged."
        ),
    ] = "",
    check_drawing: Annotated[
        bool, typer.Option(help="Let act follow only drawings that can be decoded.")
    ] = True,
    pacing: Annotated[
        str,
        typer.Option(
            help="lockstep: the world waits for the nodes, same seed same result; or realtime."
        ),
    ] = "lockstep",
    execution_horizon: Annotated[
        int, typer.Option(help="Steps of each chunk of 20 that are executed.")
    ] = 20,
    first_horizon: Annotated[
        int, typer.Option(help="The same for the first chunk, which shifts all later ones.")
    ] = 0,
    diffusion_steps: Annotated[
        int, typer.Option(help="Denoising steps of agent policy; 0: as many as its model wants.")
    ] = 0,
    max_steps: Annotated[
        int, typer.Option(help="Policy steps (of 0.05 s) after which an episode has failed.")
    ] = 400,
    world: Annotated[str, typer.Option(help="Which simulator: mujoco or rlbench.")] = "mujoco",
    image_quality: Annotated[
        str, typer.Option(help="Camera images: fast or shadows.")
    ] = "shadows",
    perturb: Annotated[
        str,
        typer.Option(
            help="What is different from training, separated by commas: object_color, "
            "distractors, light, table_texture, background_texture, camera_pose."
        ),
    ] = "",
    poses: Annotated[
        str,
        typer.Option(
            help="Where objects are: random, or grid, whose 25 cells the seeds go through."
        ),
    ] = "random",
    video: Annotated[bool, typer.Option(help="Film each episode.")] = True,
    workers: Annotated[
        int, typer.Option(help="Graphs that work side by side, each on one core.")
    ] = 1,
    ray: Annotated[
        str,
        typer.Option(help="Address of a Ray cluster that does the work; local: this computer."),
    ] = "",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with what --out holds, as it was begun; more --episodes may follow.",
        ),
    ] = False,
) -> None:
    """Run episodes through the node graph and report the success rates."""
    from dataclasses import replace

    from rich.console import Console

    from genima.evaluation.checkpoints import evaluate_checkpoints, plans_of
    from genima.evaluation.means import Means
    from genima.evaluation.options import make_plans
    from genima.evaluation.run import evaluate

    means = Means(video=video, workers=workers, ray=ray)
    if resume:
        _require_free(ctx)
        plans = plans_of(out)
        if _is_given(ctx, _GROWS):
            plans = [replace(plan, episodes=episodes) for plan in plans]
    else:
        plans = make_plans({k: v for k, v in ctx.params.items() if k not in _FREE})
    console = Console()
    if len(plans) == 1:
        evaluate(plans[0], out, console, means)
    else:
        evaluate_checkpoints(
            plans, out, console, lambda plan, path: evaluate(plan, path, console, means)
        )
    print(f"report: {out / 'report.json'}, {out / 'report.md'}")


def _require_free(ctx: typer.Context) -> None:
    """Refuse settings beside --resume: they stand in the folder."""
    from genima.errors import InvalidParameter

    for name in ctx.params:
        if name not in (*_FREE, _GROWS) and _is_given(ctx, name):
            raise InvalidParameter(
                f"--resume takes all settings from the folder; leave "
                f"--{name.replace('_', '-')} out, or --resume"
            )


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
