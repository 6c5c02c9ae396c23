# SPDX-License-Identifier: Apache-2.0
"""Where checks look."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Computer:
    """This computer, or what a test has made of one.

    Attributes:
        root: Stands for `/` where system files are read.
        environment: Environment variables.
    """

    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def path(self, absolute: str) -> Path:
        """A system file, such as `/proc/version`."""
        return self.root / absolute.lstrip("/")

    def read(self, absolute: str) -> str | None:
        """The text of a system file without white space around it; None if it cannot be read."""
        try:
            return self.path(absolute).read_text(errors="replace").strip()
        except OSError:
            return None

    def run(self, command: Sequence[str], limit_s: float) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end.

        Returns:
            What it said; status 127 if it does not exist, 124 if it took too long.
        """
        try:
            return subprocess.run(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit_s,
            )
        except FileNotFoundError:
            return subprocess.CompletedProcess(command, 127, "", f"no program {command[0]}")
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"no end within {limit_s:g} s")
