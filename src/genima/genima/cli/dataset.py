# SPDX-License-Identifier: Apache-2.0
"""`genima dataset`: look at data sets, check them, and carry them from one format to another."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Look at data sets, check them, and carry them from one format to another.",
    no_args_is_help=True,
)

_Folder = Annotated[Path, typer.Argument(help="Folder of the data set.")]
_Robot = Annotated[str, typer.Option(help="Whose joint limits hold: panda or fr3.")]
_DEFECTIVE = _INCOMPLETE = 1


@app.command()
def info(folder: _Folder) -> None:
    """Say what a training set or a recorded data set holds."""
    from rich.console import Console

    from genima.data.summary_table import print_summary

    print_summary(folder, Console())


@app.command()
def validate(
    folder: _Folder,
    quick: Annotated[
        bool, typer.Option("--quick", help="Count the images, but do not look into them.")
    ] = False,
    robot: _Robot = "panda",
) -> None:
    """Check a training set; the exit status is 1 if anything is wrong with it."""
    from rich.console import Console

    from genima.data.training_set import TrainingSet
    from genima.data.validation_report import report_validation
    from genima.evaluation.plan_checks import choose
    from genima.limits import RobotModel

    training_set = TrainingSet.open(folder)
    model = choose(RobotModel, robot, "robot")
    if not report_validation(training_set, model, not quick, Console()):
        raise typer.Exit(_DEFECTIVE)


@app.command()
def inspect(
    folder: _Folder,
    episode: Annotated[int, typer.Option(help="Number of the episode.")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    task: Annotated[
        str | None, typer.Option(help="Its task, if the data set has several.")
    ] = None,
    variation: Annotated[int, typer.Option(help="Variation of the task.")] = 0,
    robot: _Robot = "panda",
) -> None:
    """Draw pictures of an episode: what the cameras saw, joints, gripper, stamps."""
    from genima.data.pictures import draw_pictures
    from genima.data.training_set import TrainingSet
    from genima.evaluation.plan_checks import choose
    from genima.limits import RobotModel, limits_of

    training_set, limits = TrainingSet.open(folder), limits_of(choose(RobotModel, robot, "robot"))
    for picture in draw_pictures(training_set, task, variation, episode, limits, out):
        print(picture)


@app.command("export")
def export_(
    folder: _Folder,
    to: Annotated[str, typer.Option(help="Format: lerobot or rlbench.")],
    out: Annotated[Path, typer.Option(help="New folder for the result.")],
) -> None:
    """Write a training set as a LeRobotDataset v3 or as RLBench's own generator would."""
    from rich.console import Console

    from genima.data.exchange import ExportFormat, export_dataset
    from genima.evaluation.plan_checks import choose

    export_dataset(folder, choose(ExportFormat, to, "to"), out, Console())


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A recording, or a data set of RLBench.")],
    to: Annotated[Path, typer.Option(help="New folder for the training set.")],
    step_s: Annotated[
        float, typer.Option("--step", help="Of a recording: seconds between two steps.")
    ] = 0.05,
    size_px: Annotated[
        int, typer.Option("--size", help="Of a recording: side of the images in pixels.")
    ] = 256,
    max_image_error_s: Annotated[
        float | None,
        typer.Option(
            "--max-image-error",
            help="Of a recording: most seconds between a step and its image; by default half "
            "a step.",
        ),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Of a recording: take failed episodes, too.")
    ] = False,
    unlabelled: Annotated[
        bool,
        typer.Option("--unlabelled", help="Of a recording: take episodes without a label, too."),
    ] = False,
    trim: Annotated[
        bool,
        typer.Option(
            "--trim", help="Of a recording: cut off the time before and after the arm moves."
        ),
    ] = False,
) -> None:
    """Make a training set; the exit status is 1 if an episode was left out."""
    from rich.console import Console

    from genima.data.exchange import import_dataset
    from genima.data.import_options import ImportOptions

    options = ImportOptions(step_s, size_px, max_image_error_s, failed, unlabelled, trim)
    if not import_dataset(source, options, to, Console()):
        raise typer.Exit(_INCOMPLETE)
