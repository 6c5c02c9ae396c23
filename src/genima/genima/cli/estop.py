# SPDX-License-Identifier: Apache-2.0
"""`genima estop`."""

import os
from typing import Annotated

import typer


def run(
    namespace: Annotated[str, typer.Option(help="What is in front of the topics.")] = "",
    name: Annotated[
        str, typer.Option(help="Of this stop, no other's; default: host and pid.")
    ] = "",
) -> None:
    """Be an emergency stop: any key in this terminal stops the arm.

    No safety device. Once heard it has to go on: when it ends or falls silent the arm stops, too.
    """
    from genima.launching.ament import executable

    program = executable("genima_controller_node", "estop", os.environ)
    os.execv(program, [str(program), "--namespace", namespace, "--name", name])
