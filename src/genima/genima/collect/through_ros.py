# SPDX-License-Identifier: Apache-2.0
"""Has the episodes recorded by the nodes and the recorder instead of by workers.

The seeds are tried out as always. What remains to be recorded is written down for the commander, a
program in the graph, and each episode that it has had recorded is imported into the training set.
"""

import os
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from genima.cameras import CameraRig
from genima.collect.display import CollectionDisplay
from genima.collect.expert_drive import SETTLE_STEPS
from genima.collect.folder import CollectionFolder
from genima.collect.plan import CollectionPlan
from genima.collect.recordings import RecordingsFolder, TakeJob, Taken, key_of
from genima.collect.schedule import Job, Schedule
from genima.errors import CollectionError, InvalidDataset
from genima.evaluation.domain import claim_domain
from genima.launching.ament import share_directory
from genima.launching.graph import last_lines, launched

_LOOK_EVERY_S = 0.2
#: How long the launcher may take to end its nodes [s]; longer than it waits for each of them.
_STOP_LIMIT_S = 60.0
#: Times in a row that the graph may end without a usable episode.
_MOST_BREAKDOWNS = 3


class RosCollection:
    """Records what remains, all seeds being known.

    Args:
        plan: What is collected.
        folder: Where to.
        rig: The world's cameras.
        cameras_file: The file that says so.
        schedule: What remains.
        display: Told of each episode.
    """

    def __init__(
        self,
        plan: CollectionPlan,
        folder: CollectionFolder,
        rig: CameraRig,
        cameras_file: Path,
        schedule: Schedule,
        display: CollectionDisplay,
    ) -> None:
        self._plan = plan
        self._training_set = folder.training_set
        self._recordings = RecordingsFolder(folder.training_set.root / "recordings")
        self._rig = rig
        self._cameras_file = cameras_file
        self._schedule = schedule
        self._display = display
        self._rejected: list[Taken] = []

    def run(self) -> None:
        """Record and import everything.

        Raises:
            CollectionError: The graph breaks down again and again.
        """
        self._import_new()  # a killed run may have left something recorded
        self._forget_rejected()
        if self._jobs():
            with claim_domain() as domain:
                self._run_graphs(domain)

    def _run_graphs(self, domain: int) -> None:
        """Start the graph, again where it ends before everything is recorded."""
        breakdowns = 0
        log = self._recordings.log_file
        self._display.note(f"nodes run in ROS domain {domain}, their log is {log}")
        while jobs := self._jobs():
            self._recordings.write_jobs(jobs)
            with self._graph(domain) as launcher:
                done = self._import_until_end(launcher)
            self._forget_rejected()
            breakdowns = 0 if done else breakdowns + 1
            if breakdowns == _MOST_BREAKDOWNS:
                raise CollectionError(
                    f"the nodes ended {breakdowns} times in a row without a usable episode; "
                    "repeat the command to go on once the cause is mended. The end of "
                    f"{log}:\n{last_lines(log)}"
                )

    def _forget_rejected(self) -> None:
        """Have rejected episodes recorded anew; not while the commander writes down others."""
        self._recordings.forget(self._rejected)
        self._rejected.clear()

    def _jobs(self) -> list[TakeJob]:
        return [
            TakeJob(job.key.task, job.key.seed, job.episode, self._plan.max_steps)
            for job in self._schedule.to_record()
            if job.episode is not None
        ]

    def _import_until_end(self, launcher: "subprocess.Popen[bytes]") -> int:
        """Import episodes as they come; returns how many."""
        done = 0
        while True:
            ended = launcher.poll() is not None
            done += self._import_new()
            if ended:
                return done
            try:
                launcher.wait(timeout=_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                continue

    def _import_new(self) -> int:
        wanted = set(self._jobs())
        done = 0
        for made in self._recordings.taken():
            if made.job not in wanted or made in self._rejected:
                continue
            try:
                self._recordings.import_into(self._training_set, made, self._rig)
            except (InvalidDataset, CollectionError) as error:
                self._display.note(f"{key_of(made.job)} is recorded again: {error}")
                self._rejected.append(made)
                continue
            key, episode = key_of(made.job), made.job.episode
            self._schedule.recorded(Job(key, episode))
            self._display.recorded(key, episode)
            done += 1
        return done

    def _graph(self, domain: int) -> AbstractContextManager["subprocess.Popen[bytes]"]:
        file = share_directory("genima_bringup", os.environ) / "launch" / "collect.launch.xml"
        arguments = {
            "recordings_dir": self._recordings.path.absolute(),
            "cameras_file": self._cameras_file.absolute(),
            "image_quality": self._plan.image_quality.value,
            "settle_steps": SETTLE_STEPS,
        }
        return launched(file, arguments, self._recordings.log_file, domain, _STOP_LIMIT_S)
