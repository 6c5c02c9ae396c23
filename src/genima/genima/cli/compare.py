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
) -> None:
    """Compare evaluations episode by episode, and say whether they differ by more than chance."""
    from rich.console import Console

    from genima.evaluation.comparison import read_evaluations
    from genima.evaluation.comparison_table import print_comparison

    print_comparison(read_evaluations(folders), Console())
