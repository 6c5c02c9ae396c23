# SPDX-License-Identifier: Apache-2.0
"""Runs nodes as processes, shows their output and brings all of them to an end."""

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from genima.launching.console import Console, LineBuffer
from genima.launching.node_spec import NodeSpec
from genima.launching.processes import die_with, kill_descendants, signal_group

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stage(Enum):
    """How far the ending of a process has gone."""

    RUNNING = None
    ASKED = signal.SIGINT
    TOLD = signal.SIGTERM
    KILLED = signal.SIGKILL


_NEXT = {
    _Stage.RUNNING: _Stage.ASKED,
    _Stage.ASKED: _Stage.TOLD,
    _Stage.TOLD: _Stage.KILLED,
    _Stage.KILLED: _Stage.KILLED,
}


@dataclass
class _Process:
    spec: NodeSpec
    popen: subprocess.Popen[bytes]
    lines: LineBuffer = field(default_factory=LineBuffer)
    stage: _Stage = _Stage.RUNNING
    escalate_s: float = float("inf")


class Supervisor:
    """One thread, one loop: signals, output and deadlines.

    Must run in a process of its own that has adopted orphans.

    Args:
        nodes: What to run.
        lifeline: File descriptor that reaches its end when the launcher has died.
        scratch: Folder for generated parameter files.
        console: Where output goes.
        clock: Monotonic time [s].
    """

    def __init__(
        self,
        nodes: Sequence[NodeSpec],
        lifeline: int,
        scratch: Path,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nodes = nodes
        self._scratch = scratch
        self._console = console
        self._clock = clock
        self._running: dict[int, _Process] = {}
        self._respawns: list[tuple[float, NodeSpec]] = []
        self._signals = b""
        self._stopping = False
        self._failed = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(lifeline, selectors.EVENT_READ, self._on_lifeline)
        self._watch_signals()

    def run(self) -> int:
        """Run until all nodes have ended.

        Returns:
            0, or 1 if a node failed by itself or had to be killed.
        """
        for node in self._nodes:
            self._start(node)
        while self._running or self._respawns:
            for key, _ in self._selector.select(self._until_next_deadline()):
                key.data(key.fd)
            self._obey_signals()  # after the reading, since it closes what might be read
            self._meet_deadlines()
        kill_descendants()
        return 1 if self._failed else 0

    def _watch_signals(self) -> None:
        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writing)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)  # the number arrives through the pipe
        self._selector.register(reading, selectors.EVENT_READ, self._on_signals)

    def _start(self, spec: NodeSpec) -> None:
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        if self._console.coloured:
            environment["RCUTILS_COLORIZED_OUTPUT"] = "1"
        try:
            popen = subprocess.Popen(
                spec.command(self._scratch),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches it through us alone, once
                preexec_fn=die_with(os.getpid()),
            )
        except OSError as error:
            self._say(f"{spec.label} cannot be started: {error}")
            self._failed = True
            self._stop()
            return
        process = _Process(spec, popen)
        self._running[popen.pid] = process
        assert popen.stdout is not None
        os.set_blocking(popen.stdout.fileno(), False)
        self._selector.register(
            popen.stdout, selectors.EVENT_READ, lambda fd: self._on_output(process, fd)
        )

    def _on_lifeline(self, _fd: int) -> None:
        kill_descendants()
        shutil.rmtree(self._scratch, ignore_errors=True)
        os._exit(1)

    def _on_signals(self, fd: int) -> None:
        self._signals += os.read(fd, 4096)

    def _obey_signals(self) -> None:
        numbers, self._signals = self._signals, b""
        for number in numbers:
            if number == signal.SIGCHLD:
                self._reap()
            elif number in _STOP_SIGNALS:
                self._stop()

    def _on_output(self, process: _Process, fd: int) -> bool:
        """Pass on what can be read at once; return whether there was something."""
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return False
        lines = process.lines.feed(data) if data else process.lines.flush()
        for line in lines:
            self._write(process.spec.label, line)
        if not data:
            self._selector.unregister(fd)
            process.popen.stdout.close()  # type: ignore[union-attr]
        return bool(data)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._running:  # else an orphan that we adopted
                self._on_end(self._running.pop(pid), os.waitstatus_to_exitcode(status))

    def _on_end(self, process: _Process, code: int) -> None:
        process.popen.returncode = code
        signal_group(process.popen.pid, signal.SIGKILL)  # helpers that it left behind
        stdout = process.popen.stdout
        if stdout is not None and not stdout.closed:
            fd = stdout.fileno()
            while self._on_output(process, fd):
                pass
            if not stdout.closed:
                for line in process.lines.flush():
                    self._write(process.spec.label, line)
                self._selector.unregister(fd)
                stdout.close()
        self._decide_what_follows(process, code)

    def _decide_what_follows(self, process: _Process, code: int) -> None:
        spec = process.spec
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._say(f"{spec.label} ended with {how}")
        if self._stopping:
            return
        if spec.respawn:
            self._respawns.append((self._clock() + spec.respawn_delay_s, spec))
        elif code != 0:
            self._failed = True
        if spec.shutdown_on_exit:
            self._say(f"{spec.label} has on_exit=shutdown: ending all nodes")
            self._stop()

    def _stop(self) -> None:
        """End all nodes; called again, lose patience with those that are left."""
        self._stopping = True
        self._respawns.clear()
        for process in self._running.values():
            self._escalate(process)

    def _escalate(self, process: _Process) -> None:
        process.stage = _NEXT[process.stage]
        spec = process.spec
        patience_s = {
            _Stage.ASKED: spec.sigterm_timeout_s,
            _Stage.TOLD: spec.sigkill_timeout_s,
        }
        if process.stage is not _Stage.ASKED:
            self._say(f"{spec.label} is still there: sending {process.stage.value.name}")
        self._failed |= process.stage is _Stage.KILLED
        process.escalate_s = self._clock() + patience_s.get(process.stage, float("inf"))
        signal_group(process.popen.pid, process.stage.value)

    def _meet_deadlines(self) -> None:
        now_s = self._clock()
        for process in list(self._running.values()):
            if process.escalate_s <= now_s:
                self._escalate(process)
        due = [spec for due_s, spec in self._respawns if due_s <= now_s]
        self._respawns = [entry for entry in self._respawns if entry[0] > now_s]
        for spec in due:
            self._say(f"starting {spec.label} again")
            self._start(spec)

    def _until_next_deadline(self) -> float | None:
        deadlines = [process.escalate_s for process in self._running.values()]
        deadlines += [due_s for due_s, _ in self._respawns]
        earliest_s = min(deadlines, default=float("inf"))
        return None if earliest_s == float("inf") else max(0.0, earliest_s - self._clock())

    def _say(self, text: str) -> None:
        self._write("launch", text.encode())

    def _write(self, label: str, line: bytes) -> None:
        try:
            self._console.line(label, line)
        except BrokenPipeError:
            if not self._stopping:
                self._stop()
