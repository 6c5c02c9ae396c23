# SPDX-License-Identifier: Apache-2.0
"""The folder of an evaluation: what lies where, and who may write there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from genima.errors import EvaluationError
from genima.evaluation.claims import Claims
from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.records import EpisodeRecord, read_records
from genima.files import locked_folder, write_text

#: What an evaluation leaves besides its reports and records.
_RESULTS = ("trajectories/*.npz", "videos/*.mp4", "tiles/*.png", "plots/*.png", "graph*.log")


@dataclass(frozen=True)
class EvaluationFolder:
    """Names of the files in an evaluation's folder, as one of its workers sees it.

    Attributes:
        path: The folder.
        worker: Which worker, from 0 on.
    """

    path: Path
    worker: int = 0

    @property
    def plan_file(self) -> Path:
        """What is to be run."""
        return self.path / "plan.json"

    @property
    def episodes_file(self) -> Path:
        """One line for each finished episode."""
        return self.path / "episodes.jsonl"

    @property
    def report_file(self) -> Path:
        """What it amounts to; there once all episodes are finished."""
        return self.path / "report.json"

    @property
    def table_file(self) -> Path:
        """The same as a table in Markdown, beside the paper's."""
        return self.path / "report.md"

    @property
    def log_file(self) -> Path:
        """What the worker's nodes said."""
        return self.path / (f"graph_{self.worker}.log" if self.worker else "graph.log")

    @property
    def running_file(self) -> Path:
        """Touched by the worker while it is at work on an episode, which it names."""
        return self.path / f"running_{self.worker}.json"

    @property
    def claims(self) -> Claims:
        """Which worker has taken which episode."""
        return Claims(self.path / ".claims")

    def plot_file(self, name: str) -> Path:
        """A picture of the results."""
        return self.path / "plots" / f"{name}.png"

    def trajectory_file(self, key: EpisodeKey) -> Path:
        """The joint positions that the arm went through."""
        return self.path / "trajectories" / f"{key.task}_{key.seed}.npz"

    def unfinished_video_file(self, key: EpisodeKey) -> Path:
        """The video while it is being written."""
        return self.path / "videos" / f".{key.task}_{key.seed}.mp4"

    def video_file(self, key: EpisodeKey, success: bool) -> Path:
        """The finished video."""
        outcome = "success" if success else "failure"
        return self.path / "videos" / f"{key.task}_{key.seed}_{outcome}.mp4"

    def tile_file(self, task: str) -> Path:
        """A drawn tile of the task's first episode."""
        return self.path / "tiles" / f"{task}.png"

    def read_plan(self) -> EvaluationPlan:
        """The plan of the folder.

        Raises:
            EvaluationError: There is none, or it cannot be read.
        """
        try:
            return EvaluationPlan.from_json(json.loads(self.plan_file.read_text()))
        except (OSError, ValueError) as error:
            raise EvaluationError(
                f"{self.plan_file} cannot be read as a plan: {error}; use a new folder"
            ) from error

    def remaining(self) -> tuple[EpisodeKey, ...]:
        """Episodes of the plan that are not finished, in order."""
        finished = read_records(self.episodes_file)
        return tuple(key for key in self.read_plan().keys if key not in finished)

    def take_next(self) -> EpisodeKey | None:
        """Take the next episode that is neither finished nor taken; None if there is none.

        Raises:
            EvaluationError: Plan or records cannot be read.
        """
        taken = self.claims.keys()
        for key in self.remaining():
            if key not in taken and self.claims.take(key, self.worker):
                return key
        return None

    def records(self) -> list[EpisodeRecord]:
        """Records of the plan's finished episodes, in the order of the plan."""
        finished = read_records(self.episodes_file)
        return [finished[key] for key in self.read_plan().keys if key in finished]


@contextmanager
def open_folder(path: Path, plan: EvaluationPlan) -> Iterator[EvaluationFolder]:
    """Take a folder for a plan: make it, or go on with what the same plan has left there.

    The plan may have grown by more episodes since.

    Raises:
        EvaluationError: The folder cannot be written, belongs to another plan or is in use.
    """
    folder = EvaluationFolder(path)
    busy = f"another evaluation is writing to {path}; wait for it or name another folder"
    with locked_folder(path, ".lock", EvaluationError, busy, "name another folder with --out"):
        for sub in ("trajectories", "videos", "tiles", ".claims"):
            (path / sub).mkdir(exist_ok=True)
        _claim(folder, plan)
        yield folder


def _claim(folder: EvaluationFolder, plan: EvaluationPlan) -> None:
    for pattern in ("running_*.json", "videos/.*.mp4", ".claims/*"):
        for left_over in folder.path.glob(pattern):  # whoever wrote it has been killed
            left_over.unlink()
    before = folder.read_plan() if folder.plan_file.exists() else None
    if before is None or plan.extends(before):
        folder.report_file.unlink(missing_ok=True)  # tells that a smaller plan is finished
        write_text(folder.plan_file, json.dumps(plan.to_json(), indent=2) + "\n")
        return
    difference = plan.difference(before)
    if difference:
        raise EvaluationError(
            f"{folder.path} holds another evaluation: {difference}; repeat its settings to go on "
            "with it, or name another folder with --out"
        )


def clear_finished(path: Path, plan: EvaluationPlan) -> None:
    """Make a folder ready to run a plan anew if it has been finished there; else leave it."""
    folder = EvaluationFolder(path)
    if not folder.report_file.exists() or plan.difference(folder.read_plan()):
        return
    with open_folder(path, plan):
        folder.report_file.unlink()
        folder.episodes_file.unlink()
        folder.table_file.unlink(missing_ok=True)
        for pattern in _RESULTS:
            for result in path.glob(pattern):
                result.unlink()
