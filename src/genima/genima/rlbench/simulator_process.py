# SPDX-License-Identifier: Apache-2.0
"""The process that RLBench runs in: started, asked, watched, and killed where it goes wrong.

Whatever goes wrong with it is one error that says how; afterwards the process is gone, and `start`
makes a new one.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import Enum
from typing import Any

from genima.arrays import Array
from genima.errors import MissingDependency, WorldError
from genima.launching.processes import die_with, signal_group
from genima.rlbench.display import Display
from genima.rlbench.installation import Installation
from genima.rlbench.last_words import LastWords
from genima.rlbench_server.wire import Closed, Connection, Late, Message, WireError

_HELLO_LIMIT_S = 60.0
_END_LIMIT_S = 10.0
#: For what a killed process has said to be read [s]; children that hide may hold its output.
_WORDS_LIMIT_S = 1.0


class Cause(Enum):
    """What can go wrong with a simulator."""

    ENDED = "it has ended"
    SILENT = "it did not answer in time"
    GARBAGE = "it sent what is no message"
    FAILED = "an error of RLBench"


class SimulatorFault(WorldError):
    """The simulator is gone, for a cause; a new one may be started."""

    def __init__(self, cause: Cause, sentence: str) -> None:
        super().__init__(sentence)
        self.cause = cause


class SimulatorRefusal(WorldError):
    """RLBench does not do that; it is as good as before."""


class SimulatorProcess:
    """One simulator. Used from one thread, with which the process ends.

    Args:
        installation: What is started.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._display: Display | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._words: LastWords | None = None

    @property
    def running(self) -> bool:
        """Whether there is a process that can be asked; one may end while nobody looks."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Of the process, if there is one."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process and wait until it has said hello; RLBench is not launched yet.

        Raises:
            MissingDependency: The interpreter or a display is missing.
            SimulatorFault: It does not start.
        """
        self.kill()
        self._display = Display(self._installation)
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours)
        try:
            with theirs:
                self._process = self._spawn(theirs.fileno(), self._display.name)
        except OSError as error:
            self.kill()
            raise MissingDependency(
                f"cannot start {self._installation.python}: {error.strerror}; set "
                "GENIMA_RLBENCH_PYTHON to the Python that RLBench is installed for"
            ) from error
        hello = self._receive("start", _HELLO_LIMIT_S)
        if hello.kind != "hello":
            raise self.fault(Cause.GARBAGE, f"it greeted with {hello.kind!r}")

    def request(
        self,
        kind: str,
        values: Mapping[str, Any],
        arrays: Mapping[str, Array],
        limit_s: float,
    ) -> Message:
        """Ask for something and wait until it is done.

        Args:
            kind: What is asked for.
            values: Plain values.
            arrays: Arrays.
            limit_s: How long it may take [s].

        Raises:
            SimulatorRefusal: It is not possible; the process goes on.
            SimulatorFault: The process has failed and is gone.
        """
        self._send(kind, values, arrays, limit_s)
        return self._settled(kind, self._receive(kind, limit_s))

    def stream(self, kind: str, values: Mapping[str, Any], limit_s: float) -> Iterator[Message]:
        """Ask for something that comes in parts; the last message is that it is done.

        Args:
            kind: What is asked for.
            values: Plain values.
            limit_s: How long each part may take [s].

        Raises:
            SimulatorRefusal: It is not possible; the process goes on.
            SimulatorFault: The process has failed and is gone.
        """
        self._send(kind, values, {}, limit_s)
        while True:
            message = self._receive(kind, limit_s)
            if message.kind != "observation":
                yield self._settled(kind, message)
                return
            yield message

    def kill(self) -> None:
        """End the process and its display, whatever they do."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            signal_group(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_LIMIT_S)
        if self._display is not None:
            self._display.close()
        self._connection = self._process = self._display = self._words = None

    def fault(self, cause: Cause, what: str) -> SimulatorFault:
        """Kill the process, which has done `what`; the error to raise."""
        words = self._words
        self.kill()
        said = words.text(_WORDS_LIMIT_S) if words and cause is not Cause.FAILED else ""
        ending = f"; its last words: {said}" if said else ""
        return SimulatorFault(cause, f"RLBench's simulator was given up: {what}{ending}")

    def _spawn(self, fd: int, display: str) -> "subprocess.Popen[bytes]":
        words = self._words = LastWords()
        try:
            return subprocess.Popen(
                self._installation.command(fd),
                env=self._installation.server_environment(display),
                stdin=subprocess.DEVNULL,
                stdout=words.end,
                stderr=subprocess.STDOUT,
                pass_fds=(fd,),
                start_new_session=True,  # Ctrl-C comes through us, once
                preexec_fn=die_with(os.getpid()),
            )
        finally:
            words.begin()

    def _send(
        self, kind: str, values: Mapping[str, Any], arrays: Mapping[str, Array], limit_s: float
    ) -> None:
        if self._connection is None:
            raise WorldError("the simulator is not running; reset the world")
        try:
            self._connection.send(kind, values, arrays, limit_s)
        except Closed:
            raise self.fault(Cause.ENDED, f"it {self._how_it_ended()}") from None
        except Late:
            raise self.fault(Cause.SILENT, _late(kind, limit_s)) from None

    def _receive(self, kind: str, limit_s: float) -> Message:
        assert self._connection is not None
        try:
            return self._connection.receive(limit_s)
        except Closed:
            how = f"it {self._how_it_ended()} during {kind!r}"
            raise self.fault(Cause.ENDED, how) from None
        except Late:
            raise self.fault(Cause.SILENT, _late(kind, limit_s)) from None
        except WireError as error:
            raise self.fault(Cause.GARBAGE, f"it sent what is no message: {error}") from None

    def _settled(self, kind: str, message: Message) -> Message:
        if message.kind == "done":
            return message
        if message.kind == "refused":
            raise SimulatorRefusal(str(message.values.get("sentence")))
        if message.kind == "failed":
            error, text = message.values.get("error"), message.values.get("text")
            raise self.fault(Cause.FAILED, f"{kind!r} failed with {error}: {text}")
        raise self.fault(Cause.GARBAGE, f"it answered {kind!r} with {message.kind!r}")

    def _how_it_ended(self) -> str:
        assert self._process is not None
        try:
            code = self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def _late(kind: str, limit_s: float) -> str:
    return f"it did not answer {kind!r} within {limit_s:g} s"
