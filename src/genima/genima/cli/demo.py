# SPDX-License-Identifier: Apache-2.0
"""`genima demo`: the four tasks, filmed."""

from pathlib import Path
from typing import Annotated

import typer

TASKS = ("open_drawer", "push_button", "slide_block_to_target", "take_lid_off_saucepan")
"""The tasks that the shipped policy was trained on; all twelve would take a quarter of an hour."""


def run(
    episodes: Annotated[int, typer.Option(help="Episodes of each task.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("outputs/demo"),
    seed: Annotated[int, typer.Option(help="Seed of each task's first episode.")] = 0,
) -> None:
    """Watch the simulated arm follow spheres that the shipped model draws on camera images."""
    import os

    from rich.console import Console

    from genima.evaluation.folder import clear_finished
    from genima.evaluation.means import Means
    from genima.evaluation.plan import Agent, Controller, EvaluationPlan, digest
    from genima.evaluation.run import evaluate
    from genima.launching.ament import share_directory

    policy = share_directory("genima_bringup", os.environ) / "models" / "genima-tiny"
    plan = EvaluationPlan(
        tasks=TASKS,
        episodes=episodes,
        seed=seed,
        agent=Agent.POLICY,
        controller=Controller.ACT,
        policy=str(policy),
        weights=digest(policy),
    )
    clear_finished(out, plan)
    evaluate(plan, out, Console(), Means(video=True))
    print(f"report:       {out / 'report.json'}")
    for what, pattern in (("a video", "videos/*.mp4"), ("a drawn tile", "tiles/*.png")):
        found = sorted(out.glob(pattern))
        if found:
            print(f"{what + ':':<13} {found[0]}")
