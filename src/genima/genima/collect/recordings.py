# SPDX-License-Identifier: Apache-2.0
"""Episodes on their way through the recorder: what is to be taken, what was, and its import."""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from genima.cameras import CameraRig
from genima.collect.episode import square_rig
from genima.collect.plan import DemonstrationSeed
from genima.data.import_mcap import import_mcap
from genima.data.training_set import TrainingSet
from genima.errors import CollectionError
from genima.files import json_bytes, write_file
from genima.recording.dataset import CAMERAS_FILE, DATASET_FILE
from genima.sim.runner import POLICY_STEP_S


@dataclass(frozen=True)
class TakeJob:
    """An episode that is to be recorded.

    Attributes:
        task: Its task.
        seed: Its seed.
        episode: Its number in the training set.
        max_steps: Policy steps after which the expert has failed.
    """

    task: str
    seed: int
    episode: int
    max_steps: int


@dataclass(frozen=True)
class Taken:
    """An episode that was recorded.

    Attributes:
        job: What was to be recorded.
        folder: Name of its folder among the recorded episodes.
        descriptions: Wordings of the instruction.
        start_s: Stamp of its first state [s].
        steps: Policy steps that it took.
    """

    job: TakeJob
    folder: str
    descriptions: tuple[str, ...]
    start_s: float
    steps: int


@dataclass(frozen=True)
class RecordingsFolder:
    """Names of the files.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def episodes(self) -> Path:
        """The recorder's data set."""
        return self.path / "episodes"

    @property
    def log_file(self) -> Path:
        """What the nodes said."""
        return self.path / "graph.log"

    @property
    def _jobs_file(self) -> Path:
        return self.path / "jobs.json"

    @property
    def _taken_file(self) -> Path:
        return self.path / "taken.jsonl"

    def write_jobs(self, jobs: Iterable[TakeJob]) -> None:
        """Say what is to be recorded, in this order."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_file(self._jobs_file, json_bytes({"jobs": [asdict(job) for job in jobs]}))

    def remaining(self) -> list[TakeJob]:
        """Jobs of which nothing was recorded yet.

        Raises:
            CollectionError: The jobs cannot be read.
        """
        try:
            jobs = [TakeJob(**job) for job in json.loads(self._jobs_file.read_text())["jobs"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CollectionError(
                f"{self._jobs_file} cannot be read ({error}); name a folder that genima collect "
                "has made"
            ) from error
        done = {made.job for made in self.taken()}
        return [job for job in jobs if job not in done]

    def taken(self) -> list[Taken]:
        """What was recorded; a line that was not written to its end does not count."""
        if not self._taken_file.exists():
            return []
        lines = self._taken_file.read_bytes().split(b"\n")[:-1]
        return [_taken(json.loads(line)) for line in lines if line]

    def note_taken(self, made: Taken) -> None:
        """Write down that an episode was recorded; it is on disk when this returns."""
        with self._taken_file.open("ab") as file:
            file.write(json.dumps(asdict(made)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def forget(self, unusable: Iterable[Taken]) -> None:
        """Have episodes recorded anew, and remove what was recorded of them."""
        bad = list(unusable)
        if not bad:
            return
        kept = [json.dumps(asdict(made)) for made in self.taken() if made not in bad]
        write_file(self._taken_file, "".join(f"{line}\n" for line in kept).encode())
        for made in bad:
            shutil.rmtree(self.episodes / made.folder, ignore_errors=True)

    def import_into(self, training_set: TrainingSet, made: Taken, rig: CameraRig) -> None:
        """Make a demonstration of a recorded episode.

        Args:
            training_set: Where it goes.
            made: The episode.
            rig: The world's cameras; the recording has them less exactly.

        Raises:
            InvalidDataset: The recording is incomplete.
            CollectionError: It is not of the episode that it should be of.
        """
        view, staged = self.path / ".view", self.path / ".staged"
        for left_over in (view, staged):
            shutil.rmtree(left_over, ignore_errors=True)
        view.mkdir()
        for name in (DATASET_FILE, CAMERAS_FILE):
            shutil.copy(self.episodes / name, view / name)
        (view / made.folder).symlink_to((self.episodes / made.folder).absolute())
        import_mcap(view, staged)
        demonstration = TrainingSet.open(staged).load(made.job.task, 0)
        _require_whole(made, demonstration.stamps_s[0], len(demonstration))
        training_set.write(
            replace(
                demonstration,
                seed=made.job.seed,
                source=f"genima collect, through the nodes and recordings/episodes/{made.folder}",
                descriptions=made.descriptions,
                rig=square_rig(rig),
            ),
            made.job.episode,
        )
        for done_with in (view, staged):
            shutil.rmtree(done_with)


def key_of(job: TakeJob) -> DemonstrationSeed:
    """Task and seed of a job."""
    return DemonstrationSeed(job.task, job.seed)


def _taken(values: dict[str, object]) -> Taken:
    job, descriptions = values["job"], values["descriptions"]
    assert isinstance(job, dict) and isinstance(descriptions, list)
    return Taken(
        TakeJob(**job),
        str(values["folder"]),
        tuple(descriptions),
        float(str(values["start_s"])),
        int(str(values["steps"])),
    )


def _require_whole(made: Taken, first_s: float, rows: int) -> None:
    if abs(first_s - made.start_s) > POLICY_STEP_S / 2 or rows != made.steps + 1:
        raise CollectionError(
            f"{made.folder} holds {rows} steps from {first_s:.2f} s on; the episode has "
            f"{made.steps + 1} from {made.start_s:.2f} s on"
        )
