# SPDX-License-Identifier: Apache-2.0
"""`genima eval`: how often an agent does its tasks."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    tasks: Annotated[str, typer.Option(help="Names of tasks, separated by commas.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; the same command again goes on there.")
    ],
    episodes: Annotated[int, typer.Option(help="Episodes of each task.")] = 25,
    seed: Annotated[
        int, typer.Option(help="Seed of the first episode; the next has the next.")
    ] = 0,
    agent: Annotated[
        str,
        typer.Option(
            help="oracle: the expert's targets, drawn and followed by the robot's nodes. "
            "diffusers: targets drawn by the trained model of --policy. "
            "blank: camera images without targets, for the ACT baseline. "
            "expert: the expert alone moves the arm, in this process, without nodes."
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
        typer.Option(help="Folder of a policy: act loads controller/, diffusers diffusion/."),
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
    max_steps: Annotated[
        int, typer.Option(help="Policy steps (of 0.05 s) after which an episode has failed.")
    ] = 400,
    world: Annotated[str, typer.Option(help="Which simulator: mujoco.")] = "mujoco",
    image_quality: Annotated[
        str, typer.Option(help="Camera images: fast or shadows.")
    ] = "shadows",
    video: Annotated[bool, typer.Option(help="Film each episode.")] = True,
) -> None:
    """Run episodes through the node graph and report the success rates."""
    from rich.console import Console

    from genima.evaluation import plan as choices
    from genima.evaluation.plan_checks import choose
    from genima.evaluation.run import evaluate

    plan = choices.EvaluationPlan(
        tasks=tuple(name.strip() for name in tasks.split(",") if name.strip()),
        episodes=episodes,
        seed=seed,
        agent=choose(choices.Agent, agent, "agent"),
        world=choose(choices.WorldName, world, "world"),
        controller=choose(choices.Controller, controller, "controller"),
        policy=policy,
        weights=choices.digest(Path(policy)) if policy else "",
        check_drawing=check_drawing,
        pacing=choose(choices.Pacing, pacing, "pacing"),
        execution_horizon=execution_horizon,
        first_horizon=first_horizon,
        max_steps=max_steps,
        image_quality=choose(choices.ImageQuality, image_quality, "image_quality"),
    )
    evaluate(plan, out, Console(), video=video)
    print(f"report: {out / 'report.json'}")
