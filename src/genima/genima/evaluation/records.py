# SPDX-License-Identifier: Apache-2.0
"""What came out of each episode, one JSON line each, on disk before the next one begins."""

import json
import os
from dataclasses import asdict, dataclass, fields
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
    "max_steps",
    "image_quality",
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
        wall_s: How long it took [s]; differs from run to run.
    """

    task: str
    seed: int
    success: bool
    steps: int
    reason: str
    instruction: str = ""
    chunks: int = 0
    targets_refused: int = 0
    wall_s: float = 0.0

    @property
    def key(self) -> EpisodeKey:
        """Which episode this was."""
        return EpisodeKey(self.task, self.seed)

    @property
    def is_error(self) -> bool:
        """Whether the suite broke down, rather than the robot failed."""
        return self.reason.startswith(ERROR_MARK)


class Journal:
    """Appends records to a file. A line that was not written to its end is dropped on opening.

    Args:
        path: The file; made if it does not exist.
        plan: Its settings are put into each line.
    """

    def __init__(self, path: Path, plan: EvaluationPlan) -> None:
        self._path = path
        values = plan.to_json()
        self._settings = {name: values[name] for name in _SETTINGS}
        path.touch()
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(path, len(whole))

    def append(self, record: EpisodeRecord) -> None:
        """Write a record; it is on disk when this returns."""
        line = json.dumps(asdict(record) | self._settings, ensure_ascii=False)
        with self._path.open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


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
            record = EpisodeRecord(**{name: values[name] for name in names})
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(
                f"{path}:{number} is not the record of an episode ({error!r}); "
                "delete that line to run its episode again"
            ) from error
        records.setdefault(record.key, record)
    return records
