# SPDX-License-Identifier: Apache-2.0
"""`genima execute "INSTRUCTION"`."""

import os
from typing import Annotated

import typer


def run(
    instruction: Annotated[str, typer.Argument(help='For example "push the maroon button".')],
    time_limit: Annotated[
        float, typer.Option(help="Give up after so many seconds; 0 for no limit.", min=0.0)
    ] = 0.0,
    namespace: Annotated[str, typer.Option(help="What is in front of the topics.")] = "",
) -> None:
    """Give the running controller an instruction; Ctrl-C takes it back and stops the arm."""
    from genima.launching.ament import executable

    program = executable("genima_controller_node", "execute", os.environ)
    options = ["--time-limit", str(time_limit), "--namespace", namespace]
    os.execv(program, [str(program), instruction, *options])
