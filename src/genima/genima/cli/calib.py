# SPDX-License-Identifier: Apache-2.0
"""`genima calib`: where the cameras are, found and checked."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Find where a camera is, and check it.", no_args_is_help=True)

_WRONG = 1

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


_Board = Annotated[Path, typer.Option(help="The .yaml that genima calib board wrote.")]
_CamerasFile = Annotated[
    Path | None, typer.Option(help="cameras.yaml; by default the installed one.")
]
_Namespace = Annotated[str, typer.Option(help="What is in front of the topics.")]


@app.command()
def capture(
    camera: Annotated[str, typer.Option(help="Name of the camera in cameras.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder of the samples; one that exists goes on.")],
    board: _Board = Path("board.yaml"),
    board_frame: Annotated[
        str,
        typer.Option(
            help="What holds the board; by default panda_hand for a camera that stands, and "
            "panda_link0, the table, for one in the hand."
        ),
    ] = "",
    count: Annotated[int, typer.Option(help="Samples that the folder shall have.", min=1)] = 40,
    recording: Annotated[
        Path | None, typer.Option(help="A recorded data set, instead of the live robot.")
    ] = None,
    cameras_file: _CamerasFile = None,
    namespace: _Namespace = "",
) -> None:
    """Take a sample wherever the arm rests for half a second and the board is seen."""
    from genima.cameras import load_rig
    from genima.handeye.board import load_board
    from genima.handeye.capture import camera_of, collect_from_recording, progress_words

    cameras = cameras_file or _installed_cameras()
    if recording is None:
        words = _program_words(camera, cameras, board, board_frame, out, count, namespace)
        os.execv(words[0], words)
    found = camera_of(load_rig(cameras), camera)
    collect_from_recording(
        recording,
        found,
        load_board(board),
        board_frame,
        out,
        count,
        lambda folder: print(progress_words(folder, count)),
    )
    print(f"next: genima calib solve {out}")


@app.command()
def check(
    camera: Annotated[str, typer.Option(help="Name of the camera in cameras.yaml.")],
    samples: Annotated[
        Path | None,
        typer.Argument(help="Folder with samples.yaml; without it the live robot is looked at."),
    ] = None,
    image: Annotated[Path | None, typer.Option(help="One image, with --joints.")] = None,
    joints: Annotated[
        str, typer.Option(help="Its seven joint positions [rad], with commas.")
    ] = "",
    points: Annotated[
        Path | None, typer.Option(help="Points of the robot, marked by hand: a .yaml.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="A .calib, instead of what cameras.yaml says.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("calib_check"),
    limit_px: Annotated[
        float, typer.Option(help="With a larger average error the exit status is 1.")
    ] = 5.0,
    cameras_file: _CamerasFile = None,
    namespace: _Namespace = "",
) -> None:
    """Draw the joints into the image of a camera, and say how far off points of the robot are."""
    from rich.console import Console

    from genima.handeye import check_run

    cameras = cameras_file or _installed_cameras()
    if samples is None and image is None:
        samples = out / "live"
        shutil.rmtree(samples, ignore_errors=True)
        _look(camera, cameras, samples, namespace)
    asked = check_run.CheckRequest(camera, cameras, samples, image, joints, points, calibration)
    if not check_run.run(asked, out, limit_px, Console()):
        raise typer.Exit(_WRONG)


def _look(camera: str, cameras: Path, folder: Path, namespace: str) -> None:
    """Have the live graph's next image and joints put into a folder."""
    from genima.handeye.board import Board, save_board

    folder.mkdir(parents=True)
    board = folder / "board.yaml"
    save_board(Board(), board)
    words = _program_words(camera, cameras, board, "", folder, 1, namespace)
    done = subprocess.run([*words, "--now"], stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


def _program_words(
    camera: str,
    cameras: Path,
    board: Path,
    board_frame: str,
    out: Path,
    count: int,
    namespace: str,
) -> list[str]:
    """The command line of the program on ROS's side."""
    from genima.launching.ament import executable

    program = executable("genima_recorder", "calibration_capture", os.environ)
    words = [f"--camera={camera}", f"--cameras-file={cameras}", f"--board={board}"]
    words += [f"--board-frame={board_frame}", f"--out={out}", f"--count={count}"]
    return [str(program), *words, f"--namespace={namespace}"]


def _installed_cameras() -> Path:
    from genima.launching.ament import share_directory

    return share_directory("genima_bringup", os.environ) / "config" / "cameras.yaml"
