# SPDX-License-Identifier: Apache-2.0
"""`genima rlbench`: what the suite needs of an installed RLBench."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Tasks and cameras of RLBench; see docs/rlbench.md.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def tasks() -> None:
    """List the tasks that can be chosen, with what RLBench says first of each."""
    from rich.console import Console
    from rich.table import Table

    from genima.rlbench.tasks import installed_tasks

    table = Table(box=None, header_style="bold")
    table.add_column("task", no_wrap=True)
    table.add_column("instruction", overflow="fold")
    for task in installed_tasks().values():
        file = "" if task.file == task.name else f" ({task.file}.py)"
        table.add_row(f"{task.name}{file}", task.instruction)
    Console().print(table)


@app.command()
def cameras(
    out: Annotated[
        Path | None, typer.Option(help="The file; that which eval and collect take, if not given.")
    ] = None,
) -> None:
    """Start RLBench once and write where its cameras are, for drawing and reading targets."""
    from genima.rlbench.cameras import cameras_file
    from genima.rlbench.cameras_command import write_cameras_of_rlbench

    path = out if out is not None else cameras_file()
    rig = write_cameras_of_rlbench(path)
    print(f"{', '.join(rig.cameras)}: {path}")
