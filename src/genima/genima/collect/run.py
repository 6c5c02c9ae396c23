# SPDX-License-Identifier: Apache-2.0
"""Collects demonstrations from a plan to a training set."""

from collections import Counter
from pathlib import Path

from rich.console import Console

from genima.cameras import load_rig
from genima.collect.display import CollectionDisplay
from genima.collect.episode import Attempt
from genima.collect.folder import CollectionFolder, open_folder
from genima.collect.plan import FIRST_EVALUATION_SEED, CollectionPlan
from genima.collect.pool import Crash, WorkerPool
from genima.collect.schedule import Job, Schedule
from genima.collect.through_ros import RosCollection
from genima.collect.worker import Defect, Reply, WorkerSettings
from genima.data.rig_json import rig_to_json
from genima.errors import CollectionError, InvalidParameter
from genima.evaluation.plan import WorldName
from genima.evaluation.worlds import task_names

#: Times that a job may crash its worker before it is nobody's accident.
_MOST_CRASHES = 3


def collect(
    plan: CollectionPlan,
    path: Path,
    cameras_file: Path,
    console: Console,
    *,
    workers: int = 1,
    through_ros: bool = False,
) -> None:
    """Collect what remains of a plan into a folder.

    Args:
        plan: What to collect.
        path: The folder; made if it does not exist.
        cameras_file: Where the world's cameras are.
        console: Where progress goes.
        workers: Processes that work at once; what is collected does not depend on it.
        through_ros: Have the nodes and the recorder make the episodes; their joints and images
            are the same.

    Raises:
        UnknownTask: The plan names a task that the world does not have.
        InvalidDataset: The folder cannot be used, or holds another collection.
        WorldError: The expert fails with every seed.
        CollectionError: Workers crash again and again, or cannot write.
    """
    if workers < 1:
        raise InvalidParameter(f"workers is {workers}; give a whole number from 1 on")
    if through_ros and plan.world is not WorldName.MUJOCO:
        raise InvalidParameter(
            f"--through-ros works with world mujoco only; {plan.world.value} records what its own "
            "planner does"
        )
    if through_ros and plan.starts_beside:
        raise InvalidParameter(
            "--through-ros records episodes from where the arm always begins; leave "
            "--starts-beside out"
        )
    plan.require_tasks(task_names(plan.world))
    rig = load_rig(cameras_file)
    with open_folder(path, plan, rig) as folder:
        schedule = _schedule(plan, folder)
        done = {name: schedule.done(name) for name in plan.tasks}
        failed = {name: schedule.failed(name) for name in plan.tasks}
        try:
            with CollectionDisplay(plan, done, failed, console) as display:
                collection = _Collection(plan, folder, schedule, display, only_try=through_ros)
                settings = WorkerSettings(
                    path.absolute(),
                    rig_to_json(rig),
                    plan.image_quality.name,
                    plan.max_steps,
                    plan.world,
                    plan.starts_beside,
                )
                if not schedule.finished:
                    with WorkerPool(settings, workers) as pool:
                        collection.run(pool)
                if through_ros:
                    RosCollection(plan, folder, rig, cameras_file, schedule, display).run()
        except KeyboardInterrupt:
            folder.clear_unfinished()
            console.print(_interrupted(plan, schedule, path), soft_wrap=True, highlight=False)
            raise


def _schedule(plan: CollectionPlan, folder: CollectionFolder) -> Schedule:
    recorded = {name: folder.recorded(name) for name in plan.tasks}
    schedule = Schedule(plan, folder.journal.attempts, recorded)
    for name in plan.tasks:
        folder.require_seeds(name, schedule.seeds(name))
    return schedule


class _Collection:
    """The work of one run."""

    def __init__(
        self,
        plan: CollectionPlan,
        folder: CollectionFolder,
        schedule: Schedule,
        display: CollectionDisplay,
        *,
        only_try: bool,
    ) -> None:
        self._folder = folder
        self._schedule = schedule
        self._display = display
        self._next_job = schedule.next_trial if only_try else schedule.next_job
        self._crashes: Counter[Job] = Counter()
        self._warned = False
        self._warn_of(plan.seed + plan.episodes - 1)

    def run(self, pool: WorkerPool) -> None:
        """Give out jobs until all are done."""
        while True:
            while pool.idle and (job := self._next_job()) is not None:
                pool.give(job)
            if not pool.busy:
                return
            for job, reply in pool.replies():
                self._take(job, reply)

    def _take(self, job: Job, reply: Reply | Crash) -> None:
        if isinstance(reply, Crash):
            self._schedule.give_back(job)
            self._note_crash(job, reply)
        elif isinstance(reply, Defect):
            raise CollectionError(f"{job}: {reply.sentence}")
        elif isinstance(reply, Attempt):
            self._take_attempt(job, reply)
        else:
            self._schedule.recorded(job)
            self._display.recorded(job.key, job.episode or 0)

    def _take_attempt(self, job: Job, made: Attempt) -> None:
        self._folder.journal.append(made)
        self._schedule.attempted(job, made)
        if not made.success:
            self._display.failed(job.key, made.failure)
        self._warn_of(job.key.seed)

    def _note_crash(self, job: Job, crash: Crash) -> None:
        self._crashes[job] += 1
        what = f"{crash.worker} {crash.how} while {job}"
        if self._crashes[job] < _MOST_CRASHES:
            self._display.note(f"{what}; it is done again by a new process")
            return
        if job.episode is not None:
            raise CollectionError(
                f"{what}, for the {_MOST_CRASHES}rd time; all other episodes that were recorded "
                "are kept: repeat the command to go on once the cause is mended"
            )
        # Whatever this seed does to the physics: it never gets a number, so no other one moves.
        self._take_attempt(job, Attempt(job.key.task, job.key.seed, 0, what))

    def _warn_of(self, seed: int) -> None:
        if seed >= FIRST_EVALUATION_SEED and not self._warned:
            self._warned = True
            self._display.note(
                f"seeds from {FIRST_EVALUATION_SEED} on are for evaluation: do not train on these "
                "demonstrations what is evaluated with the same seeds"
            )


def _interrupted(plan: CollectionPlan, schedule: Schedule, path: Path) -> str:
    done = sum(schedule.done(name) for name in plan.tasks)
    total = plan.episodes * len(plan.tasks)
    return (
        f"Interrupted. {done} of {total} demonstrations are in {path}; "
        "repeat the command to go on."
    )
