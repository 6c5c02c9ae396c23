# SPDX-License-Identifier: Apache-2.0
"""A recorder node of one's own, in a process below this one."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from genima.launching.ament import executable
from genima.launching.node_spec import NodeSpec
from genima.launching.parameters import Value
from genima.launching.processes import die_with

#: How long the node may take to close its take [s], before it is told again, and then killed.
_END_LIMIT_S = 30.0
#: What precedes the text in a line of ROS's log.
_LOG_HEAD = re.compile(r"^\[(?P<level>\w+)\] \[[\d.]+\] \[[\w./]+\]: ")
_ERROR_LEVELS = ("ERROR", "FATAL")
_LAST_LINES = 12


def complaints(log: str) -> str:
    """Warnings and errors of a node's log, each with all that follows it; the last of them."""
    found, bad = [], True  # what comes before any message is the interpreter's
    for line in log.splitlines():
        head = _LOG_HEAD.match(line)
        if head is not None:
            bad = head["level"] in ("WARN", *_ERROR_LEVELS)
        if bad:
            found.append(_LOG_HEAD.sub("", line))
    return "\n".join(found[-_LAST_LINES:])


class RecorderProcess:
    """Starts the node on entering and ends it on leaving, however that comes.

    Args:
        namespace: Of the node.
        params_file: Its parameters.
        parameters: More of them, which win.

    Attributes:
        complaints: On leaving: warnings and errors of the node.
    """

    def __init__(self, namespace: str, params_file: Path, parameters: Mapping[str, Value]) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="genima_record_")
        self._spec = NodeSpec(
            label="recorder",
            executable=executable("genima_recorder", "recorder_node", os.environ),
            name="recorder",
            namespace=f"/{namespace.strip('/')}",
            args=(),
            ros_args=(),
            params=(params_file, *parameters.items()),
            remaps=(),
            shutdown_on_exit=False,
            respawn=False,
            respawn_delay_s=0.0,
            sigterm_timeout_s=_END_LIMIT_S,
            sigkill_timeout_s=_END_LIMIT_S,
        )
        self._log_file = Path(self._scratch.name) / "recorder.log"
        self.complaints = ""

    def __enter__(self) -> "RecorderProcess":
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(
                self._spec.command(Path(self._scratch.name)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C of the terminal is ours alone
                preexec_fn=die_with(os.getpid()),
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                break
            self._process.send_signal(number)
            try:
                self._process.wait(timeout=_END_LIMIT_S)
            except subprocess.TimeoutExpired:
                continue
        self.complaints = complaints(self._log_file.read_text(errors="replace"))
        self._scratch.cleanup()

    @property
    def ended(self) -> bool:
        """Whether the node has ended by itself."""
        return self._process.poll() is not None

    @property
    def ended_well(self) -> bool:
        """Whether the node has ended in good order."""
        return self._process.poll() == 0

    def last_words(self) -> str:
        """Why it ended: its last error with all that follows, or the last lines."""
        lines = self._log_file.read_text(errors="replace").splitlines()
        heads = [_LOG_HEAD.match(line) for line in lines]
        errors = [i for i, head in enumerate(heads) if head and head["level"] in _ERROR_LEVELS]
        begin = errors[-1] if errors else max(0, len(lines) - _LAST_LINES)
        return "\n".join(_LOG_HEAD.sub("", line) for line in lines[begin:])
