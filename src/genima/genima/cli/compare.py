# SPDX-License-Identifier: Apache-2.0
"""`genima compare`: evaluations of the same episodes side by side."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of genima eval; the others are compared with the first."),
    ],
    plot: Annotated[
        Path | None,
        typer.Option(help="Picture of the successes by factor and agent to write, such as f.png."),
    ] = None,
) -> None:
    """Compare evaluations episode by episode, and say whether they differ by more than chance."""
    from rich.console import Console

    from genima.evaluation.comparison import read_evaluations
    from genima.evaluation.comparison_table import print_comparison

    evaluations = read_evaluations(folders)
    print_comparison(evaluations, Console())
    if plot is not None:
        from genima.evaluation.factor_plot import save_factor_plot

        save_factor_plot(evaluations, plot)
        print(f"plot: {plot}")
