# SPDX-License-Identifier: Apache-2.0
"""Workers that run episodes side by side, each in processes of its own, again when one breaks.

A worker is a program that takes one episode after another from a folder and writes down what came
of it. This side only watches the files.
"""

import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace

from genima.errors import EvaluationError
from genima.evaluation.domain import DomainsBusy
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.journal_watch import JournalWatch
from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.records import ERROR_MARK, EpisodeRecord, Journal
from genima.evaluation.running import read_running
from genima.evaluation.terminal import ProgressDisplay
from genima.launching.graph import first_failure, last_lines

#: How often the files are looked at [s].
_LOOK_EVERY_S = 0.2
#: How long a worker may give no sign of life, besides what it says that it needs [s]. Counted in
#: looks: a computer that was asleep has not looked.
_PATIENCE_S = 120.0
#: Times in a row that a worker may end without finishing an episode in good order.
_MOST_BREAKDOWNS = 3

#: Starts the program of the worker whose folder this is; it has ended when the context has.
Start = Callable[[EvaluationFolder], AbstractContextManager["subprocess.Popen[bytes]"]]


def run_crew(
    folder: EvaluationFolder,
    plan: EvaluationPlan,
    start: Start,
    workers: int,
    display: ProgressDisplay,
    patience_s: float = _PATIENCE_S,
) -> None:
    """Run all episodes that remain.

    Args:
        folder: Where; it is nobody else's.
        plan: What the folder holds.
        start: Starts a worker.
        workers: How many work at the same time, at most.
        display: Is told of each episode.
        patience_s: How long a worker may give no sign of life, besides what it says it needs [s].

    Raises:
        EvaluationError: A worker breaks down again and again.
    """
    watch = JournalWatch(folder.episodes_file, plan)
    count = min(workers, len(watch.remaining()))
    orders = _Orders(plan, start, watch, display, patience_s)
    crew = [_Worker(replace(folder, worker=k), orders) for k in range(count)]
    news = _News(watch, crew, display)
    with ExitStack() as stack:
        for worker in crew:
            stack.callback(worker.stop)
        while watch.remaining():
            for worker in crew:
                worker.look()
            news.tell()
            _rest(crew)
        news.tell()
        for worker in crew:  # those of graphs end by themselves, the last one after its episode
            worker.stop()


def _rest(crew: "list[_Worker]") -> None:
    """Wait a little, or until a worker has ended."""
    programs = [worker.program for worker in crew if worker.program is not None]
    if not programs:  # all of them wait for a domain
        time.sleep(_LOOK_EVERY_S)
        return
    try:
        programs[0].wait(timeout=_LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return


class _News:
    """Tells the display what the files say."""

    def __init__(
        self, watch: JournalWatch, crew: "list[_Worker]", display: ProgressDisplay
    ) -> None:
        self._watch = watch
        self._crew = crew
        self._display = display
        self._seen = set(watch.records())

    def tell(self) -> None:
        records = self._watch.records()
        for key, record in records.items():
            if key not in self._seen:
                self._seen.add(key)
                self._display.finish(record)
        running = [worker.running() for worker in self._crew]
        self._display.show_running([key for key in running if key is not None])


@dataclass(frozen=True)
class _Orders:
    """What all workers have in common; see `run_crew`."""

    plan: EvaluationPlan
    start: Start
    watch: JournalWatch
    display: ProgressDisplay
    patience_s: float


class _Worker:
    """One worker, as it is seen from here."""

    def __init__(self, folder: EvaluationFolder, orders: _Orders) -> None:
        self._folder = folder
        self._orders = orders
        self._stack = ExitStack()
        self.program: subprocess.Popen[bytes] | None = None
        self._known: set[EpisodeKey] = set()
        self._sign_of_life = 0
        self._silent_s = 0.0
        self._breakdowns = 0
        self._log_begins = 0
        self._waits = False

    def look(self) -> None:
        """Start it if there is something to do, and see to its end.

        Raises:
            EvaluationError: It breaks down again and again.
        """
        if self.program is None:
            if set(self._orders.watch.remaining()) - self._folder.claims.keys():
                self._begin()
            return
        code = self.program.poll()
        if code is not None:
            self._end(self._failure() or f"the nodes have ended with exit code {code}")
        elif self._silent():
            self._end(f"no sign of life for {self._silent_s:.0f} s")

    def stop(self) -> None:
        """End it."""
        self.program = None
        self._stack.close()

    def running(self) -> EpisodeKey | None:
        """The episode that it is at."""
        running = read_running(self._folder.running_file)
        return running.key if running is not None else None

    def _begin(self) -> None:
        self._known = self._folder.claims.of(self._folder.worker)
        self._silent_s = 0.0
        log = self._folder.log_file
        self._log_begins = log.stat().st_size if log.exists() else 0
        try:
            self.program = self._stack.enter_context(self._orders.start(self._folder))
        except DomainsBusy as busy:  # others will end, perhaps those of this very evaluation
            if not self._waits:
                self._orders.display.note(f"{busy}; until then this worker waits")
        self._waits = self.program is None

    def _end(self, how: str) -> None:
        self.stop()
        remaining = set(self._orders.watch.remaining())
        mine = self._folder.claims.of(self._folder.worker)
        if remaining:
            self._blame(how)
        for key in mine & remaining:
            self._folder.claims.release(key)
        if not remaining - self._folder.claims.keys():
            return  # the rest is in other hands
        self._breakdowns = 0 if self._sound(mine) else self._breakdowns + 1
        if self._breakdowns == _MOST_BREAKDOWNS:
            log = self._folder.log_file
            raise EvaluationError(
                f"the nodes ended {self._breakdowns} times in a row without finishing an episode, "
                f"the last time since {how}; mend that and repeat the command to go on. The end "
                f"of {log}:\n{last_lines(log)}"
            )
        self._orders.display.note(f"{how}; starting the nodes again")

    def _failure(self) -> str:
        """What its log says of why it has ended."""
        with self._folder.log_file.open("rb") as log:
            log.seek(self._log_begins)
            return first_failure(log.read().decode(errors="replace"))

    def _sound(self, mine: set[EpisodeKey]) -> bool:
        """Whether an episode was finished in good order since it began."""
        new = mine - self._known
        records = self._orders.watch.records()
        return any(key in new and not record.is_error for key, record in records.items())

    def _blame(self, how: str) -> None:
        """Write down the episode in which it ended without a word: it is never run again."""
        key = self.running()
        self._folder.running_file.unlink(missing_ok=True)
        if key is not None and key in self._orders.watch.remaining():
            failed = EpisodeRecord(key.task, key.seed, False, 0, ERROR_MARK + how)
            Journal(self._folder.episodes_file, self._orders.plan).append(failed)

    def _silent(self) -> bool:
        try:
            touched = self._folder.running_file.stat().st_mtime_ns
        except FileNotFoundError:
            touched = 0
        alive = touched != self._sign_of_life
        self._silent_s = 0.0 if alive else self._silent_s + _LOOK_EVERY_S
        self._sign_of_life = touched
        return self._silent_s > self._orders.patience_s and self._silent_s > self._patience_s()

    def _patience_s(self) -> float:
        running = read_running(self._folder.running_file)
        return self._orders.patience_s + (running.quiet_s if running is not None else 0.0)
