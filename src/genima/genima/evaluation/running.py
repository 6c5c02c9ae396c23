# SPDX-License-Identifier: Apache-2.0
"""What a worker says while it is at work: at which episode, and how long it may be silent."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from genima.evaluation.plan import EpisodeKey


@dataclass(frozen=True)
class Running:
    """An episode that is being run.

    Attributes:
        key: Which one.
        quiet_s: How long a single thing that the worker does may take [s]; it gives no sign of
            life meanwhile.
    """

    key: EpisodeKey
    quiet_s: float = 0.0

    def write(self, path: Path) -> None:
        """Say so in a file; touching it later is a sign of life."""
        values = {"task": self.key.task, "seed": self.key.seed, "quiet_s": self.quiet_s}
        path.write_text(json.dumps(values) + "\n")


def read_running(path: Path) -> Running | None:
    """What a worker says; None while it is at no episode, or just about to say it."""
    try:
        values = json.loads(path.read_text())
        return Running(EpisodeKey(values["task"], values["seed"]), values["quiet_s"])
    except (OSError, ValueError, KeyError):
        return None


def touch(path: Path) -> None:
    """Give a sign of life, if an episode is being run."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return
