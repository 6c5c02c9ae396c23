# SPDX-License-Identifier: Apache-2.0
"""The command line as a person uses it, in this process: what it says and how it ends."""

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from unittest import mock

import pytest

from genima.cli import app


@dataclass
class Run:
    """How a verb has ended."""

    returncode: int
    stdout: str
    stderr: str


def genima(*arguments: object) -> Run:
    """Run a verb without a terminal."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["genima", *map(str, arguments)]),
        mock.patch.dict(os.environ, {"COLUMNS": "100"}),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        pytest.raises(SystemExit) as ended,
    ):
        app.main()
    return Run(ended.value.code or 0, stdout.getvalue(), stderr.getvalue())
