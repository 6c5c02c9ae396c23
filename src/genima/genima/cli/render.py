# SPDX-License-Identifier: Apache-2.0
"""`genima render`: copies of a data set with sphere targets drawn on its images."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    folder: Annotated[Path, typer.Argument(help="A data set in the training format.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Where to put the copy; by default beside the data set."),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            help="rgb: on what the cameras saw, for the diffusion agent. "
            "random: on random backgrounds, for the controller."
        ),
    ] = "rgb",
    textures: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures for the backgrounds; by default procedural ones."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random backgrounds.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that draw.")] = 1,
    policy: Annotated[
        Path | None,
        typer.Option(help="policy.yaml with other cameras, radii or K than the paper's."),
    ] = None,
) -> None:
    """Draw sphere targets into a copy of a data set; the same command again goes on with it."""
    from rich.console import Console

    from genima.data.render_plan import RenderKind, RenderPlan
    from genima.data.render_run import render
    from genima.evaluation.plan_checks import choose
    from genima.policy import Policy, load_policy

    plan = RenderPlan(
        source=folder,
        kind=choose(RenderKind, kind, "kind"),
        policy=load_policy(policy) if policy else Policy(),
        seed=seed,
        textures=textures,
    )
    render(plan, plan.target(out), workers, Console())
