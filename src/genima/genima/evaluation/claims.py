# SPDX-License-Identifier: Apache-2.0
"""Who of several workers runs which episode: a file for each that was taken.

They hold while an evaluation runs; the next one begins without any.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from genima.evaluation.plan import EpisodeKey


@dataclass(frozen=True)
class Claims:
    """The claims of all workers.

    Attributes:
        path: Their folder.
    """

    path: Path

    def take(self, key: EpisodeKey, worker: int) -> bool:
        """Take an episode; false if somebody else was faster."""
        part = self.path / f".{worker}"
        part.write_text(str(worker))
        try:
            os.link(part, self._file(key))  # is there with its content, or not at all
        except FileExistsError:
            return False
        return True

    def release(self, key: EpisodeKey) -> None:
        """Let somebody else take it."""
        self._file(key).unlink(missing_ok=True)

    def keys(self) -> set[EpisodeKey]:
        """The episodes that were taken."""
        return {_key_of(file) for file in self.path.glob("[!.]*")}

    def all(self) -> Mapping[EpisodeKey, int]:
        """The worker of each episode that was taken."""
        claims = {}
        for file in self.path.glob("[!.]*"):
            with suppress(FileNotFoundError):  # released meanwhile
                claims[_key_of(file)] = int(file.read_text())
        return claims

    def of(self, worker: int) -> set[EpisodeKey]:
        """The episodes that a worker has taken."""
        return {key for key, owner in self.all().items() if owner == worker}

    def _file(self, key: EpisodeKey) -> Path:
        return self.path / f"{key.task}_{key.seed}"


def _key_of(file: Path) -> EpisodeKey:
    task, _, seed = file.name.rpartition("_")
    return EpisodeKey(task, int(seed))
