# SPDX-License-Identifier: Apache-2.0
"""What a worker process does: tries seeds out and records episodes, one after another."""

import os
import signal
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from genima.collect.demonstrator import make_demonstrator
from genima.collect.episode import Attempt
from genima.collect.plan import DemonstrationSeed
from genima.collect.schedule import Job
from genima.data.rig_json import rig_from_json
from genima.data.training_set import TrainingSet
from genima.errors import GenimaError
from genima.evaluation.plan import WorldName
from genima.launching.processes import die_with


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know besides its jobs.

    Attributes:
        root: Folder of the training set.
        rig: The cameras as plain data; processes cannot send rigs to one another.
        image_quality: Name of a `Quality`.
        max_steps: Policy steps after which the expert has failed.
        world: Which simulator.
        starts_beside: Share of the seeds with which the hand begins beside its first place.
    """

    root: Path
    rig: dict[str, Any]
    image_quality: str
    max_steps: int
    world: WorldName = WorldName.MUJOCO
    starts_beside: float = 0.0


@dataclass(frozen=True)
class Recorded:
    """An episode is on disk."""


@dataclass(frozen=True)
class Defect:
    """A job could not be done, and no other job can be done either.

    Attributes:
        sentence: Why.
    """

    sentence: str


Reply = Attempt | Recorded | Defect


def work(connection: Connection, settings: WorkerSettings, parent: int) -> None:
    """Do jobs that come through `connection`, and answer each; ends with the other side.

    Args:
        connection: Brings a `Job`, takes a `Reply`.
        settings: What all jobs have in common.
        parent: Process to end with.
    """
    die_with(parent)()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes through the parent
    with closing(_Worker(settings)) as worker:
        while True:
            try:
                job: Job = connection.recv()
            except EOFError:
                return
            connection.send(worker.reply(job))


class _Worker:
    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._training_set = TrainingSet.open(settings.root)
        self._demonstrator = make_demonstrator(
            settings.world,
            rig_from_json(settings.rig, "settings"),
            settings.image_quality,
            settings.max_steps,
            settings.starts_beside,
        )

    def close(self) -> None:
        self._demonstrator.close()

    def reply(self, job: Job) -> Reply:
        try:
            if job.episode is None:
                return self._demonstrator.attempt(job.key)
            self._record(job.key, job.episode)
            return Recorded()
        except GenimaError as error:
            return Defect(str(error))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            return Defect(f"cannot write to {self._settings.root}: {reason}; mend that first")

    def _record(self, key: DemonstrationSeed, episode: int) -> None:
        with self._training_set.writer(key.task, 0, episode) as writer:
            self._demonstrator.record(key, writer)
