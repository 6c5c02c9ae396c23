# SPDX-License-Identifier: Apache-2.0
"""The command line: finds the verbs and turns errors into sentences.

Each file beside this one is a verb: its name is the verb's, its function `run` does it, or its
Typer `app` has verbs of its own. Verb files import nothing heavy at their top, so that
`genima --help` is fast.
"""

import importlib
import os
import pkgutil
import sys
from typing import NoReturn

import typer

from genima import cli
from genima.errors import GenimaError

EXIT_ERROR = 2

_BY_EXTRA = {
    "sim": ("daqp", "fast_simplification", "mink", "mujoco", "trimesh"),
    "robot": ("franky", "libusb_package", "pyrealsense2"),
    "train": ("accelerate", "safetensors", "torch", "transformers"),
    "render": ("pyrender",),
}


def build_app() -> typer.Typer:
    """Make the app with all verbs in alphabetical order."""
    app = typer.Typer(
        help="GENIMA for ROS 2: sphere targets drawn on camera images drive a Franka Panda.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def _verbs_only() -> None:
        """Keep the verb on the command line even while there is only one."""

    for name in sorted(module.name for module in pkgutil.iter_modules(cli.__path__)):
        if name in ("app", "__main__"):
            continue
        verb = importlib.import_module(f"genima.cli.{name}")
        if hasattr(verb, "app"):
            app.add_typer(verb.app, name=name)
            continue
        app.command(name, **getattr(verb, "SETTINGS", {}))(verb.run)
    return app


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        build_app()()
    except GenimaError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        _fail(_what_to_install(error))
    sys.exit(0)


def _what_to_install(error: ModuleNotFoundError) -> str:
    """A sentence for a package that is optional; other errors go on."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in _BY_EXTRA.items():
        if module in modules:
            return (
                f"this needs {module}, which is not installed: use ./genima of a checkout, or "
                f"pip install 'genima[{extra}]'."
            )
    if module == "rclpy" or module.endswith("_msgs") or module == "genima_ros":
        return f"this needs {module} of ROS 2: use ./genima of a checkout, or source ROS 2."
    raise error


def _fail(sentence: str) -> NoReturn:
    red, reset = ("\x1b[31m", "\x1b[0m") if _coloured() else ("", "")
    print(f"{red}{sentence}{reset}", file=sys.stderr)
    sys.exit(EXIT_ERROR)


def _coloured() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
