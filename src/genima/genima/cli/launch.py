# SPDX-License-Identifier: Apache-2.0
"""`genima launch FILE [name:=value ...]`."""

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer


def run(
    file: Annotated[str, typer.Argument(help="Launch file, or the name of an installed one.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="name:=value ...", metavar="[NAME:=VALUE]...")
    ] = None,
    show_args: Annotated[
        bool, typer.Option("--show-args", "-s", help="List the arguments of the file and exit.")
    ] = False,
) -> None:
    """Run a launch file; hands over to `ros2 launch` where that exists."""
    from genima.launching import evaluate, launch, parse_file

    # Also for nodes that are not the suite's, and do not set it themselves.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    path = find_file(file)
    if shutil.which("ros2"):
        options = ["--show-args"] if show_args else []
        os.execvp("ros2", ["ros2", "launch", *options, str(path), *(arguments or [])])
    launch_file = parse_file(path)
    if show_args:
        from genima.launching.evaluator import arguments as declared

        for arg in declared(launch_file):
            about = "required" if arg.default is None else f"default: {arg.default.text!r}"
            print(f"{arg.name}:={'' if not arg.description else ' ' + arg.description} ({about})")
        return
    nodes = evaluate(launch_file, parse_arguments(arguments or []), os.environ)
    raise typer.Exit(launch(nodes))


def find_file(name: str) -> Path:
    """The file itself or, for a bare name, the launch file that `genima_bringup` installs."""
    from genima.launching.ament import share_directory

    path = Path(name)
    if path.exists() or path.name != name:
        return path
    return share_directory("genima_bringup", os.environ) / "launch" / name


def parse_arguments(words: list[str]) -> dict[str, str]:
    """Turn `name:=value` words into a mapping; a later word wins.

    Raises:
        LaunchError: A word is not of this form.
    """
    from genima.errors import LaunchError

    given = {}
    for word in words:
        name, sign, value = word.partition(":=")
        if not (name and sign):
            raise LaunchError(f"{word!r} is not of the form name:=value.")
        given[name] = value
    return given
