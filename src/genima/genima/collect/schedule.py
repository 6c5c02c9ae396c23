# SPDX-License-Identifier: Apache-2.0
"""Which seed becomes which episode, and what is to be done next.

Episode N of a task is its N-th seed, counted from the plan's first, with which the expert
succeeds. That does not depend on how many workers there are or on who is done first: seeds are
tried without images, which is quick, and one is recorded when all below it are known.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from genima.collect.episode import Attempt
from genima.collect.plan import CollectionPlan, DemonstrationSeed
from genima.errors import WorldError

MOST_FAILURES_IN_A_ROW = 50


@dataclass(frozen=True)
class Job:
    """What a worker is to do.

    Attributes:
        key: Task and seed.
        episode: Number of the episode to record; None to try the seed out.
    """

    key: DemonstrationSeed
    episode: int | None

    def __str__(self) -> str:
        return f"{'trying' if self.episode is None else 'recording'} {self.key}"


class Schedule:
    """Hands out jobs.

    Args:
        plan: What is to be collected.
        attempts: Seeds that were tried before.
        recorded: Episodes of each task that are on disk.
    """

    def __init__(
        self,
        plan: CollectionPlan,
        attempts: Iterable[Attempt],
        recorded: Mapping[str, Iterable[int]],
    ) -> None:
        self._tasks = {
            name: _TaskSchedule(name, plan, set(recorded.get(name, ()))) for name in plan.tasks
        }
        for made in attempts:
            if made.task in self._tasks:
                self._tasks[made.task].attempts[made.seed] = made

    @property
    def finished(self) -> bool:
        """Whether everything is on disk."""
        return all(task.finished for task in self._tasks.values())

    def next_job(self) -> Job | None:
        """Something to do now; None while there is nothing before others are done.

        Raises:
            WorldError: The expert has failed too often in a row.
        """
        for task in self._tasks.values():
            job = task.next_job()
            if job is not None:
                task.out.add(job)
                return job
        return None

    def next_trial(self) -> Job | None:
        """A seed to try out now, whatever there is to record.

        Raises:
            WorldError: The expert has failed too often in a row.
        """
        for task in self._tasks.values():
            job = task.next_trial()
            if job is not None:
                task.out.add(job)
                return job
        return None

    def to_record(self) -> list[Job]:
        """Episodes that are neither on disk nor being recorded, as far as seeds are known."""
        return [job for task in self._tasks.values() for job in task.to_record()]

    def attempted(self, job: Job, made: Attempt) -> None:
        """A seed was tried out."""
        task = self._tasks[job.key.task]
        task.out.discard(job)
        task.attempts[made.seed] = made

    def recorded(self, job: Job) -> None:
        """An episode is on disk."""
        task = self._tasks[job.key.task]
        task.out.discard(job)
        if job.episode is not None:
            task.recorded.add(job.episode)

    def give_back(self, job: Job) -> None:
        """A job was not done; it will be handed out again."""
        self._tasks[job.key.task].out.discard(job)

    def seeds(self, task: str) -> list[int]:
        """Seeds of the task's episodes, by number, as far as they are known."""
        return self._tasks[task].seeds()

    def done(self, task: str) -> int:
        """Episodes of a task that are on disk."""
        return len(self._tasks[task].wanted & self._tasks[task].recorded)

    def failed(self, task: str) -> int:
        """Seeds with which the expert of a task failed."""
        return sum(not made.success for made in self._tasks[task].attempts.values())


class _TaskSchedule:
    def __init__(self, name: str, plan: CollectionPlan, recorded: Set[int]) -> None:
        self._name = name
        self._plan = plan
        self.wanted = set(range(plan.episodes))
        self.recorded = set(recorded)
        self.attempts: dict[int, Attempt] = {}
        self.out: set[Job] = set()

    @property
    def finished(self) -> bool:
        return self.recorded >= self.wanted

    def next_job(self) -> Job | None:
        return next(iter(self.to_record()), None) or self.next_trial()

    def to_record(self) -> list[Job]:
        seeds = self.seeds()[: self._plan.episodes]
        jobs = [Job(DemonstrationSeed(self._name, seed), n) for n, seed in enumerate(seeds)]
        return [job for job in jobs if job.episode not in self.recorded and job not in self.out]

    def seeds(self) -> list[int]:
        """Good seeds below the first that is unknown."""
        seeds = []
        seed = self._plan.seed
        while seed in self.attempts:
            if self.attempts[seed].success:
                seeds.append(seed)
            seed += 1
        return seeds

    def next_trial(self) -> Job | None:
        """The lowest seed that nobody tries, where there would be too few without it."""
        if self.finished:
            return None
        trying = {job.key.seed for job in self.out if job.episode is None}
        hoped_for = len(trying) + sum(made.success for made in self.attempts.values())
        if hoped_for >= self._plan.episodes and not self._gap(trying):
            return None
        seed = self._plan.seed
        while seed in self.attempts or seed in trying:
            seed += 1
        self._require_hope(seed)
        return Job(DemonstrationSeed(self._name, seed), None)

    def _gap(self, trying: Set[int]) -> bool:
        """Whether a seed below a known one is unknown, as when a line of the journal was lost."""
        known = [*self.attempts, *trying]
        return bool(known) and max(known) - self._plan.seed + 1 > len(known)

    def _require_hope(self, seed: int) -> None:
        last = [self.attempts.get(seed - k) for k in range(1, MOST_FAILURES_IN_A_ROW + 1)]
        failures = [made.failure for made in last if made is not None and not made.success]
        if len(failures) == MOST_FAILURES_IN_A_ROW:
            raise WorldError(
                f"the expert of {self._name} failed with {MOST_FAILURES_IN_A_ROW} seeds in a row, "
                f"up to {seed - 1} ({failures[0]}); give another --seed or more --max-steps"
            )
