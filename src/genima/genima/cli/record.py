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
    params_file: Annotated[
        Path | None, typer.Option(help="Parameters of the recorder, for example other cameras.")
    ] = None,
    cameras_file: Annotated[
        Path | None, typer.Option(help="Where the cameras are; goes into the data set.")
    ] = None,
) -> None:
    """Record demonstrations from the keyboard, or by lines on stdin from a script or a pedal."""
    from genima.launching.ament import executable, share_directory
    from genima.recording_ui.folder import check_folder

    out = out.absolute()
    config = share_directory("genima_bringup", os.environ) / "config"
    words = ["--out", str(out), "--task", task, "--instruction", instruction]
    words += ["--episodes", str(episodes), "--reset-time", str(reset_time)]
    words += ["--namespace", namespace]
    if launch:
        words += ["--resume"] * resume
        check_folder(out, resume=resume)
        params_file = (params_file or config / "recorder.yaml").absolute()
        cameras_file = (cameras_file or config / "cameras.yaml").absolute()
        words += ["--params-file", str(params_file), "--cameras-file", str(cameras_file)]
    program = executable("genima_recorder", "record", os.environ)
    os.execv(program, [str(program), *words])
