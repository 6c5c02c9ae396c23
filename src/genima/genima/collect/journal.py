# SPDX-License-Identifier: Apache-2.0
"""Which seeds were tried and how it went, so that nobody tries them again."""

import json
import os
from dataclasses import asdict, fields
from pathlib import Path

from genima.collect.episode import Attempt
from genima.errors import InvalidDataset


class AttemptJournal:
    """A file of one JSON line for each attempt. What has no end of line yet is dropped on opening.

    Args:
        path: The file; made if it does not exist.

    Raises:
        InvalidDataset: A line is not an attempt.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(path, len(whole))
        self.attempts = tuple(_attempts(path, whole))

    def append(self, attempt: Attempt) -> None:
        """Write an attempt; it is on disk when this returns."""
        line = json.dumps(asdict(attempt), ensure_ascii=False)
        with self._path.open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _attempts(path: Path, content: bytes) -> list[Attempt]:
    names = {field.name for field in fields(Attempt)}
    attempts = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            values = json.loads(line)
            if set(values) != names:
                raise KeyError(f"keys {sorted(values)}")
            attempts.append(Attempt(**values))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidDataset(
                f"{path}:{number} is not an attempt ({error!r}); delete that line to have its "
                "seed tried again"
            ) from error
    return attempts
