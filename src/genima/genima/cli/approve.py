# SPDX-License-Identifier: Apache-2.0
"""`genima approve`."""

import os
from typing import Annotated

import typer


def run(
    namespace: Annotated[str, typer.Option(help="What is in front of the topics.")] = "",
) -> None:
    """Show each target before the arm moves, and let it move or not by a key.

    For a controller with approve:=true. Without a terminal it reads lines: approve, reject, quit.
    """
    from genima.launching.ament import executable

    program = executable("genima_controller_node", "approve", os.environ)
    os.execv(program, [str(program), "--namespace", namespace])
