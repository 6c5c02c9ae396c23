# SPDX-License-Identifier: Apache-2.0
"""A part of an evaluation that is run on another computer, and what it brings back."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from genima.evaluation.folder import EvaluationFolder, open_folder
from genima.evaluation.means import Means, run_here
from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.records import EpisodeRecord, Journal
from genima.evaluation.terminal import ProgressDisplay
from genima.files import write_file

#: Episodes of a unit at most: a graph takes seconds to start, and a lost unit is run again.
_MOST_EPISODES = 5
_BROUGHT_BACK = ("trajectories/*.npz", "videos/*.mp4", "tiles/*.png")


@dataclass(frozen=True)
class Bundle:
    """What came of a unit.

    Attributes:
        records: One for each of its episodes.
        files: Contents of its files, by their names in the folder.
    """

    records: tuple[EpisodeRecord, ...]
    files: dict[str, bytes]


def units_of(plan: EvaluationPlan, keys: Sequence[EpisodeKey]) -> Iterator[EvaluationPlan]:
    """Cut episodes of a plan into plans of their own: one task and a few seeds in a row each."""
    unit: list[EpisodeKey] = []
    for key in [*keys, None]:
        follows = unit and key == EpisodeKey(unit[-1].task, unit[-1].seed + 1)
        if unit and (not follows or len(unit) == _MOST_EPISODES):
            yield replace(plan, tasks=(unit[0].task,), seed=unit[0].seed, episodes=len(unit))
            unit = []
        if key is not None:
            unit.append(key)


def run_unit(unit: EvaluationPlan, video: bool) -> Bundle:
    """Run a unit in a folder of its own.

    Raises:
        GenimaError: This computer cannot run it.
    """
    means = Means(video=video)
    means.require_fit(unit)
    with tempfile.TemporaryDirectory(prefix="genima_unit_") as scratch:
        path = Path(scratch) / "unit"
        quiet = Console(quiet=True)
        with open_folder(path, unit) as folder, ProgressDisplay(unit, (), quiet) as display:
            run_here(folder, unit, means, display)
        files = [file for pattern in _BROUGHT_BACK for file in sorted(path.glob(pattern))]
        contents = {str(file.relative_to(path)): file.read_bytes() for file in files}
        return Bundle(tuple(folder.records()), contents)


def take_in(folder: EvaluationFolder, plan: EvaluationPlan, bundle: Bundle) -> None:
    """Put what a unit brought back where the plan's own episodes would have put it."""
    first = any(record.seed == plan.seed for record in bundle.records)
    for name, content in bundle.files.items():
        if first or not name.startswith("tiles/"):  # the picture of a task is of its first seed
            write_file(folder.path / name, content)
    journal = Journal(folder.episodes_file, plan)
    for record in bundle.records:
        journal.append(record)
