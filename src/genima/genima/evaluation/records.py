# SPDX-License-Identifier: Apache-2.0
"""What came out of each episode, one JSON line each, on disk before the next one begins."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from io import FileIO
from pathlib import Path

from genima.errors import EvaluationError
from genima.evaluation.plan import EpisodeKey, EvaluationPlan

#: How the reason of an episode begins that the suite is to blame for, not the robot.
ERROR_MARK = "error: "
#: Settings of the plan that go into each line, so that lines of several files can be put together.
_SETTINGS = (
    "world",
    "agent",
    "controller",
    "pacing",
    "execution_horizon",
    "diffusion_steps",
    "max_steps",
    "image_quality",
    "perturb",
    "poses",
)


@dataclass(frozen=True)
class EpisodeRecord:
    """The outcome of one episode.

    Attributes:
        task: Its task.
        seed: Its seed.
        success: Whether the task was done at some step.
        steps: Policy steps until success or the end.
        reason: Why it failed; empty for a success.
        instruction: What the arm was told to do.
        chunks: Chunks that were executed.
        targets_refused: Drawn tiles that were not followed.
        targets_reached: Drawn targets whose time came before the episode ended.
        drawn_error_deg: How far the arm was from them then, at a joint on average [deg]; None
            without any.
        drawn_error_mm: The same of the point between the fingertips [mm].
        wall_s: How long it took [s]; differs from run to run.
        scene: Which scene of its seed; see `World.scene`.
    """

    task: str
    seed: int
    success: bool
    steps: int
    reason: str
    instruction: str = ""
    chunks: int = 0
    targets_refused: int = 0
    targets_reached: int = 0
    drawn_error_deg: float | None = None
    drawn_error_mm: float | None = None
    wall_s: float = 0.0
    scene: int = 0

    @property
    def key(self) -> EpisodeKey:
        """Which episode this was."""
        return EpisodeKey(self.task, self.seed)

    @property
    def is_error(self) -> bool:
        """Whether the suite broke down, rather than the robot failed."""
        return self.reason.startswith(ERROR_MARK)


class Journal:
    """Appends records to a file, beside other workers that do the same.

    A line that was not written to its end is dropped on opening.

    Args:
        path: The file; made if it does not exist.
        plan: Its settings are put into each line.
    """

    def __init__(self, path: Path, plan: EvaluationPlan) -> None:
        self._path = path
        values = plan.to_json()
        self._settings = {name: values[name] for name in _SETTINGS}
        with self._alone():
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                os.truncate(path, len(whole))

    def append(self, record: EpisodeRecord) -> None:
        """Write a record; it is on disk when this returns.

        Raises:
            EvaluationError: The disk is full, or fails; nothing was written.
        """
        text = json.dumps(asdict(record) | self._settings, ensure_ascii=False)
        line = text.encode() + b"\n"
        with self._alone() as file:
            size = os.fstat(file.fileno()).st_size
            try:
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError as error:
                os.truncate(self._path, size)  # others may still write behind it
                raise EvaluationError(
                    f"cannot write to {self._path}: {error.strerror}; make room on that disk and "
                    "repeat the command to go on"
                ) from error

    @contextmanager
    def _alone(self) -> Iterator[FileIO]:
        with self._path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed
            yield file


def read_records(path: Path) -> dict[EpisodeKey, EpisodeRecord]:
    """All records of a file, the first of each episode; what has no end of line yet is left out.

    Raises:
        EvaluationError: A line is not a record.
    """
    if not path.exists():
        return {}
    names = [field.name for field in fields(EpisodeRecord)]
    records: dict[EpisodeKey, EpisodeRecord] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            values = json.loads(line)
            record = EpisodeRecord(**{name: values[name] for name in names if name in values})
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(
                f"{path}:{number} is not the record of an episode ({error!r}); "
                "delete that line to run its episode again"
            ) from error
        records.setdefault(record.key, record)
    return records
