# SPDX-License-Identifier: Apache-2.0
"""`genima doctor [AREA]`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from genima.doctor.area import Area

_MISSING = 1


def run(
    area: Annotated[
        Area | None, typer.Argument(help="What it is to be fit for; all if none is given.")
    ] = None,
    robot_ip: Annotated[str, typer.Option(help="Address of the arm's control box.")] = "",
    robot: Annotated[str, typer.Option(help="panda or fr3.")] = "panda",
    cameras_file: Annotated[
        Path | None, typer.Option(help="Where the cameras are; else the installed cameras.yaml.")
    ] = None,
    realsense_file: Annotated[
        Path | None, typer.Option(help="Serial numbers; else the installed realsense.yaml.")
    ] = None,
    policy_file: Annotated[Path | None, typer.Option(help="policy.yaml of the policy.")] = None,
    data_folder: Annotated[Path, typer.Option(help="Where recordings go.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what this computer lacks and what to do; the exit status is 1 if anything is missing.

    Without AREA all are looked at, and the exit status is that of the suite itself.
    """
    from rich.console import Console

    from genima.doctor import printing
    from genima.doctor.areas import Report, examine
    from genima.doctor.computer import Computer
    from genima.doctor.intended import Intended, robot_named

    computer = Computer()
    intended = Intended(
        robot_named(robot),
        robot_ip,
        cameras_file or _installed("cameras.yaml"),
        realsense_file or _installed("realsense.yaml"),
        policy_file,
        data_folder,
    )
    console = Console(quiet=as_json)
    reports = []
    for each in [area] if area else list(Area):
        console.print(f"{each.value}: {each.purpose}", style="bold")
        findings = []
        for finding in examine(each, computer, intended):
            printing.print_finding(finding, console)
            findings.append(finding)
        reports.append(Report(each, tuple(findings)))
        printing.print_summary(reports[-1], console)
        console.print()
    if as_json:
        print(printing.as_json(reports))
    raise typer.Exit(_MISSING if reports[0].lacks else 0)


def _installed(name: str) -> Path | None:
    """A file of the installed configuration, if there is one."""
    from genima.errors import LaunchError
    from genima.launching.ament import share_directory

    try:
        file = share_directory("genima_bringup", os.environ) / "config" / name
    except LaunchError:
        return None
    return file if file.is_file() else None
