# SPDX-License-Identifier: Apache-2.0
"""What a person sees of `genima render`."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from genima.data.render_plan import RenderKind, RenderPlan
from genima.data.render_set import draw_all, open_render
from genima.data.textures import TextureBank, folder_bank, procedural_bank
from genima.errors import InvalidDataset, InvalidParameter


def render(plan: RenderPlan, target: Path, workers: int, console: Console) -> None:
    """Draw what a copy lacks, with a bar.

    Raises:
        InvalidDataset: Nothing, or not everything, could be drawn.
        InvalidParameter: The folder of textures has none, or is not wanted.
    """
    with open_render(plan, target) as jobs:
        bank = _bank(plan, console)
        problems, steps = [], 0
        bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        with bar:
            task = bar.add_task("starting", total=len(jobs))
            try:
                for done in draw_all(jobs, bank, workers):
                    steps += done.steps
                    if done.problem:
                        problems.append(done.problem)
                        console.print(f"[red]{done.key} cannot be drawn: {done.problem}")
                    bar.update(task, advance=1, description=str(done.key))
            except KeyboardInterrupt:
                console.print("stopped; the same command goes on from here")
                raise
    if jobs:
        what = f"{len(jobs) - len(problems)} episodes, {steps} steps drawn"
    else:
        what = "all episodes were there already"
    console.print(f"{what}: {target}", soft_wrap=True, highlight=False)
    if problems:
        raise InvalidDataset(
            f"{len(problems)} of {len(jobs)} episodes could not be drawn; mend or remove them and "
            "give the same command again"
        )


def _bank(plan: RenderPlan, console: Console) -> TextureBank | None:
    if plan.kind is not RenderKind.RANDOM:
        if plan.textures:
            raise InvalidParameter(
                f"textures {plan.textures}: are for --kind random only; leave them out"
            )
        return None
    if plan.textures is None:
        with console.status("preparing backgrounds (once)"):
            return procedural_bank()
    with console.status(f"reading {plan.textures} (once)"):
        bank = folder_bank(plan.textures)
    if bank.unreadable:
        names = ", ".join(bank.unreadable[:5]) + (", ..." if len(bank.unreadable) > 5 else "")
        console.print(
            f"[yellow]{len(bank.unreadable)} of {bank.count + len(bank.unreadable)} pictures in "
            f"{plan.textures} cannot be read and are left out: {names}"
        )
    return bank
