# SPDX-License-Identifier: Apache-2.0
"""`genima record`: episodes, one after another."""

import os
from pathlib import Path
from typing import Annotated

import typer


def run(
    out: Annotated[Path, typer.Option(help="Folder of the data set.")],
    task: Annotated[str, typer.Option(help="Short name of the task, for example push_button.")],
    instruction: Annotated[
        str, typer.Option(help='What the robot is told, for example "push the maroon button".')
    ],
    episodes: Annotated[
        int, typer.Option(help="Episodes the data set shall have; 0 for no end.", min=0)
    ] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a data set.")] = False,
    reset_time: Annotated[
        float, typer.Option(help="Seconds to prepare the scene between takes.", min=0.0)
    ] = 10.0,
    launch: Annotated[
        bool,
        typer.Option(help="Start a recorder; --no-launch: use the one that is running."),
    ] = True,
    namespace: Annotated[str, typer.Option(help="What is in front of the topics.")] = "",
    config_dir: Annotated[
        Path | None, typer.Option(help="Folder of recorder.yaml and cameras.yaml.")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Argument(
            help="name:=value ... of the recorder's parameters, such as image_storage:=png",
            metavar="[NAME:=VALUE]...",
        ),
    ] = None,
) -> None:
    """Record demonstrations from the keyboard, or by lines on stdin from a script or a pedal."""
    from genima.cli.launch import parse_arguments
    from genima.errors import InvalidParameter
    from genima.launching.ament import executable, share_directory
    from genima.recording_ui.folder import check_folder

    given = parse_arguments(parameters or [])
    # With equals signs: an instruction may begin with a dash.
    words = [f"--out={out.absolute()}", f"--task={task}", f"--instruction={instruction}"]
    words += [f"--episodes={episodes}", f"--reset-time={reset_time}", f"--namespace={namespace}"]
    if launch:
        check_folder(out.absolute(), resume=resume)
        folder = config_dir or share_directory("genima_bringup", os.environ) / "config"
        words += [f"--config-dir={folder.absolute()}", *["--resume"] * resume]
        words += [f"{name}:={value}" for name, value in given.items()]
    elif resume or config_dir or given:
        raise InvalidParameter(
            "--resume, --config-dir and name:=value are for a recorder that is started here; give "
            "them to the one that is running, or leave --no-launch out"
        )
    program = executable("genima_recorder", "record", os.environ)
    os.execv(program, [str(program), *words])
