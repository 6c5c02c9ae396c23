# SPDX-License-Identifier: Apache-2.0
"""Worker processes: given jobs, watched, and replaced where one crashes."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType

from genima.collect.demonstrator import longest_job_s
from genima.collect.schedule import Job
from genima.collect.worker import Reply, WorkerSettings, work
from genima.launching.one_core import ONE_CORE

#: How long a process may take to end [s]; a simulator of its own takes some of it.
_END_LIMIT_S = 15.0
#: Longer than any episode takes [s], besides what its simulator may need; who takes more hangs.
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Crash:
    """A worker has ended without an answer.

    Attributes:
        worker: Its name.
        how: How it ended, in words.
    """

    worker: str
    how: str


class WorkerPool:
    """Runs worker processes; use it as a context, at whose end all of them are gone.

    Args:
        settings: Of all workers.
        count: How many there are.
        patience_s: A worker that takes longer for a job is ended, besides what its simulator may
            need [s].
    """

    def __init__(
        self, settings: WorkerSettings, count: int, patience_s: float = _PATIENCE_S
    ) -> None:
        self._settings = settings
        self.job_limit_s = patience_s + longest_job_s(settings.world)
        self._workers = [_Worker(f"worker {k + 1}", settings) for k in range(count)]

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.kill()

    @property
    def idle(self) -> int:
        """How many workers have nothing to do."""
        return len(self._workers) - self.busy

    @property
    def busy(self) -> int:
        """How many workers have a job."""
        return sum(worker.job is not None for worker in self._workers)

    def give(self, job: Job) -> None:
        """Let an idle worker do a job."""
        next(worker for worker in self._workers if worker.job is None).give(job)

    def replies(self) -> Iterator[tuple[Job, Reply | Crash]]:
        """Wait until a worker has answered or crashed; yields each job with what came of it."""
        busy = {worker.connection: worker for worker in self._workers if worker.job is not None}
        began_s = min(worker.began_s for worker in busy.values())
        ready = wait(list(busy), max(0.0, began_s + self.job_limit_s - time.monotonic()))
        if not ready:  # the one that has worked longest; the reply of a dead one is its end
            late = min(busy, key=lambda connection: busy[connection].began_s)
            busy[late].give_up(self.job_limit_s)
            ready = [late]
        for connection in ready:
            worker = busy[connection]  # type: ignore[index]
            job, reply = worker.take_reply()
            if isinstance(reply, Crash):
                self._workers[self._workers.index(worker)] = _Worker(worker.name, self._settings)
            yield job, reply


class _Worker:
    """One process, as its parent sees it."""

    def __init__(self, name: str, settings: WorkerSettings) -> None:
        self.name = name
        self.job: Job | None = None
        self.began_s = 0.0
        self._has_answered = self._dismissed = False
        self._given_up = ""
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        arguments: tuple[Connection, WorkerSettings, int] = (theirs, settings, os.getpid())
        self._process = context.Process(target=work, args=arguments, name=name, daemon=True)
        with _without_interrupts(), _environment(ONE_CORE):
            self._process.start()
        theirs.close()  # so that its end is seen here

    def give(self, job: Job) -> None:
        self.job = job
        self.began_s = time.monotonic()
        try:
            self.connection.send(job)
        except OSError:  # it has crashed meanwhile, which take_reply will see
            return

    def take_reply(self) -> tuple[Job, Reply | Crash]:
        assert self.job is not None
        job, self.job = self.job, None
        try:
            reply: Reply = self.connection.recv()
        except (EOFError, OSError):
            self._process.join(_END_LIMIT_S)
            return job, Crash(self.name, self._given_up or _how_it_ended(self._process.exitcode))
        self._has_answered = True
        return job, reply

    def give_up(self, limit_s: float) -> None:
        """End a process that takes longer than `limit_s`."""
        self._given_up = f"was given up after {limit_s:.0f} s"
        self.end_process()

    def end_process(self) -> None:
        self._process.kill()
        self._process.join(_END_LIMIT_S)

    def dismiss(self) -> None:
        """Let an idle process see that there are no more jobs, and let go of its simulator."""
        if self.job is None and self._has_answered:
            self.connection.close()
            self._dismissed = True

    def kill(self) -> None:
        if self._dismissed:
            self._process.join(_END_LIMIT_S)
        self.end_process()
        self.connection.close()


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "stopped answering"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let a child be born deaf to Ctrl-C; the parent hears it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables that a child reads before its first line runs."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
