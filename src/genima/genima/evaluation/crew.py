# SPDX-License-Identifier: Apache-2.0
"""Workers that run episodes side by side, each in processes of its own, again when one breaks.

A worker is a program that takes one episode after another from a folder and writes down what came
of it. This side only watches the files.
"""

import json
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

from genima.errors import EvaluationError
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.records import ERROR_MARK, EpisodeRecord, Journal
from genima.evaluation.terminal import ProgressDisplay
from genima.launching.graph import last_lines

#: How often the files are looked at [s].
_LOOK_EVERY_S = 0.2
#: Looks without a sign of life before a worker is given up; two minutes.
_PATIENCE_LOOKS = 600
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
) -> None:
    """Run all episodes that remain.

    Args:
        folder: Where; it is nobody else's.
        plan: What the folder holds.
        start: Starts a worker.
        workers: How many work at the same time, at most.
        display: Is told of each episode.

    Raises:
        EvaluationError: A worker breaks down again and again.
    """
    count = min(workers, len(folder.remaining()))
    crew = [_Worker(replace(folder, worker=k), plan, start, display) for k in range(count)]
    news = _News(folder, crew, display)
    with ExitStack() as stack:
        for worker in crew:
            stack.callback(worker.stop)
        while folder.remaining():
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
    if programs:
        try:
            programs[0].wait(timeout=_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            return


class _News:
    """Tells the display what the files say."""

    def __init__(
        self, folder: EvaluationFolder, crew: "list[_Worker]", display: ProgressDisplay
    ) -> None:
        self._folder = folder
        self._crew = crew
        self._display = display
        self._seen = {record.key for record in folder.records()}

    def tell(self) -> None:
        for record in self._folder.records():
            if record.key not in self._seen:
                self._seen.add(record.key)
                self._display.finish(record)
        running = [worker.running() for worker in self._crew]
        self._display.show_running([key for key in running if key is not None])


class _Worker:
    """One worker, as it is seen from here."""

    def __init__(
        self,
        folder: EvaluationFolder,
        plan: EvaluationPlan,
        start: Start,
        display: ProgressDisplay,
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._start = start
        self._display = display
        self._stack = ExitStack()
        self.program: subprocess.Popen[bytes] | None = None
        self._known: set[EpisodeKey] = set()
        self._sign_of_life = 0
        self._silent_looks = 0
        self._breakdowns = 0

    def look(self) -> None:
        """Start it if there is something to do, and see to its end.

        Raises:
            EvaluationError: It breaks down again and again.
        """
        if self.program is None:
            if set(self._folder.remaining()) - set(self._folder.claims.all()):
                self._begin()
            return
        code = self.program.poll()
        if code is not None:
            self._end(f"the nodes have ended with exit code {code}")
        elif self._silent():
            self._end(f"no sign of life for {_LOOK_EVERY_S * _PATIENCE_LOOKS:.0f} s")

    def stop(self) -> None:
        """End it."""
        self.program = None
        self._stack.close()

    def running(self) -> EpisodeKey | None:
        """The episode that it is at."""
        try:
            values = json.loads(self._folder.running_file.read_text())
            return EpisodeKey(values["task"], values["seed"])
        except (OSError, ValueError, KeyError):
            return None

    def _begin(self) -> None:
        self._known = self._folder.claims.of(self._folder.worker)
        self._silent_looks = 0
        self.program = self._stack.enter_context(self._start(self._folder))

    def _end(self, how: str) -> None:
        self.stop()
        remaining = set(self._folder.remaining())
        mine = self._folder.claims.of(self._folder.worker)
        if remaining:
            self._blame(how)
        for key in mine & remaining:
            self._folder.claims.release(key)
        if not remaining - set(self._folder.claims.all()):
            return  # the rest is in other hands
        self._breakdowns = 0 if self._sound(mine) else self._breakdowns + 1
        if self._breakdowns == _MOST_BREAKDOWNS:
            log = self._folder.log_file
            raise EvaluationError(
                f"the nodes ended {self._breakdowns} times in a row without finishing an episode "
                f"({how}); repeat the command to go on once the cause is mended. The end of "
                f"{log}:\n{last_lines(log)}"
            )
        self._display.note(f"{how}; starting the nodes again")

    def _sound(self, mine: set[EpisodeKey]) -> bool:
        """Whether an episode was finished in good order since it began."""
        new = mine - self._known
        return any(r.key in new and not r.is_error for r in self._folder.records())

    def _blame(self, how: str) -> None:
        """Write down the episode in which it ended without a word: it is never run again."""
        key = self.running()
        self._folder.running_file.unlink(missing_ok=True)
        if key is not None and key in self._folder.remaining():
            failed = EpisodeRecord(key.task, key.seed, False, 0, ERROR_MARK + how)
            Journal(self._folder.episodes_file, self._plan).append(failed)

    def _silent(self) -> bool:
        try:
            touched = self._folder.running_file.stat().st_mtime_ns
        except FileNotFoundError:
            touched = 0
        alive = touched != self._sign_of_life
        self._silent_looks = 0 if alive else self._silent_looks + 1
        self._sign_of_life = touched
        return self._silent_looks > _PATIENCE_LOOKS
