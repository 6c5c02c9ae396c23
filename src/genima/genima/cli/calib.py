# SPDX-License-Identifier: Apache-2.0
"""`genima calib`: where the cameras are, found and checked."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Find where a camera is, and check it.", no_args_is_help=True)

_Samples = Annotated[Path, typer.Argument(help="Folder with samples.yaml and its images.")]


@app.command()
def board(
    out: Annotated[Path, typer.Option(help="Page to print, .pdf or .png.")] = Path("board.pdf"),
    squares: Annotated[str, typer.Option(help="In a row x in a column.")] = "7x5",
    square_mm: Annotated[float, typer.Option(help="Side of a square.")] = 36.0,
    marker_mm: Annotated[float, typer.Option(help="Side of a marker.")] = 27.0,
    dictionary: Annotated[str, typer.Option(help="OpenCV's name of the markers.")] = "DICT_4X4_50",
) -> None:
    """Write a board to print at 100 %, and beside it the .yaml that describes it."""
    from genima.errors import InvalidParameter
    from genima.evaluation.plan_checks import choose
    from genima.handeye.board import Board, MarkerDictionary, save_board
    from genima.handeye.printing import print_board

    try:
        columns, rows = (int(word) for word in squares.split("x"))
    except ValueError:
        raise InvalidParameter(f"--squares is {squares!r}; give it as 7x5") from None
    markers = choose(MarkerDictionary, dictionary, "dictionary")
    square_m, marker_m = round(square_mm * 1e-3, 9), round(marker_mm * 1e-3, 9)
    made = Board(columns, rows, square_m, marker_m, markers)
    page = print_board(made, out)
    description = out.with_suffix(".yaml")
    save_board(made, description)
    print(f"{page.path}: print it on {page.paper} at 100 %, and glue it to something flat")
    print(f"{description}: measure the print, and correct square_m there if it differs")


@app.command()
def solve(
    samples: _Samples,
    out: Annotated[
        Path | None,
        typer.Option(help="The .calib file; by default <camera>.calib beside the samples."),
    ] = None,
) -> None:
    """Find the camera from samples, and write it as easy_handeye2 does."""
    from rich.console import Console

    from genima.handeye import report, result_files
    from genima.handeye.samples import load_samples
    from genima.handeye.solve import solve as solve_samples

    console = Console()
    folder = load_samples(samples)
    path = out or samples / f"{folder.setup.camera}.calib"
    solution = solve_samples(folder)
    picture = path.with_suffix(".png")
    result_files.save_solution(solution, path)
    report.save_picture(solution, folder, picture)
    console.print(report.table(solution, [sample.image for sample in folder.samples]))
    for sentence in [result_files.mount_words(solution), *report.sentences(solution)]:
        console.print(sentence, highlight=False, soft_wrap=True)
    console.print(f"written: {path}, {picture}", highlight=False, soft_wrap=True)
    console.print("put it beside cameras.yaml, and there:", highlight=False)
    print(result_files.cameras_yaml_lines(solution, path), end="")
