# SPDX-License-Identifier: Apache-2.0
"""Looks again and again at what workers have written down; reads it only when there is more."""

from collections.abc import Mapping
from pathlib import Path

from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.records import EpisodeRecord, read_records


class JournalWatch:
    """The records of a plan as they come.

    Args:
        path: The journal; it need not be there yet.
        plan: What is run.
    """

    def __init__(self, path: Path, plan: EvaluationPlan) -> None:
        self._path = path
        self._keys = plan.keys
        self._seen: tuple[int, int] | None = None
        self._records: Mapping[EpisodeKey, EpisodeRecord] = {}
        self._remaining = self._keys

    def records(self) -> Mapping[EpisodeKey, EpisodeRecord]:
        """The finished episodes.

        Raises:
            EvaluationError: A line is not a record.
        """
        self._look()
        return self._records

    def remaining(self) -> tuple[EpisodeKey, ...]:
        """Episodes of the plan that are not finished, in order.

        Raises:
            EvaluationError: A line is not a record.
        """
        self._look()
        return self._remaining

    def _look(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        seen = status.st_size, status.st_mtime_ns
        if seen == self._seen:
            return
        found = read_records(self._path)
        self._records = {key: found[key] for key in self._keys if key in found}
        self._remaining = tuple(key for key in self._keys if key not in found)
        self._seen = seen
