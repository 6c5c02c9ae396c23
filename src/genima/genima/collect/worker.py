# SPDX-License-Identifier: Apache-2.0
"""What a worker process does: tries seeds out and records episodes, one after another."""

import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from genima.collect.episode import Attempt, Rollout, record, roll_out, square_rig
from genima.collect.plan import DemonstrationSeed
from genima.collect.schedule import Job
from genima.data.rig_json import rig_from_json
from genima.data.training_set import TrainingSet
from genima.errors import GenimaError, InvalidCommand, WorldError
from genima.launching.processes import die_with
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.renderer import MujocoRenderer, Quality


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know besides its jobs.

    Attributes:
        root: Folder of the training set.
        rig: The cameras as plain data; processes cannot send rigs to one another.
        image_quality: Name of a `Quality`.
        max_steps: Policy steps after which the expert has failed.
    """

    root: Path
    rig: dict[str, Any]
    image_quality: str
    max_steps: int


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
    worker = _Worker(settings)
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
        self._world = MujocoWorld(rig_from_json(settings.rig, "settings"))
        self._square_rig = square_rig(self._world.rig)
        self._renderer = MujocoRenderer(self._world, Quality[settings.image_quality])
        self._newest: Rollout | None = None

    def reply(self, job: Job) -> Reply:
        try:
            if job.episode is None:
                return self._attempt(job.key)
            self._record(job.key, job.episode)
            return Recorded()
        except GenimaError as error:
            return Defect(str(error))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            return Defect(f"cannot write to {self._settings.root}: {reason}; mend that first")

    def _attempt(self, key: DemonstrationSeed) -> Attempt:
        try:
            self._newest = roll_out(self._world, key, self._settings.max_steps)
        except (WorldError, InvalidCommand) as error:
            return Attempt(key.task, key.seed, 0, str(error))
        return Attempt(key.task, key.seed, len(self._newest.steps), "")

    def _record(self, key: DemonstrationSeed, episode: int) -> None:
        rollout = self._newest
        if rollout is None or rollout.key != key:  # it was tried by somebody else
            rollout = roll_out(self._world, key, self._settings.max_steps)
        with self._training_set.writer(key.task, 0, episode) as writer:
            record(rollout, self._renderer, self._square_rig, writer)
