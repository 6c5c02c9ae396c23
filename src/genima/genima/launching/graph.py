# SPDX-License-Identifier: Apache-2.0
"""A launch file in processes of its own, as programs run it that need nodes for a while."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from genima.launching.processes import die_with

_LAST_LINES = 8
#: What launchers say of a program that has failed: ours, and ros2's.
_ENDED = re.compile(
    r"^\[launch\] (?P<name>\S+) ended with (?P<how>signal \w+|exit code [1-9]\d*)$"
    r"|^\[ERROR\] \[(?P<ros_name>\S+)\]: process has died \[pid \d+, (?P<ros_how>exit code -?\d+)",
    re.MULTILINE,
)
_COMPLAINT = r"^\[{name}\].* \[(?:ERROR|FATAL)\] \[[\d.]+\] \[\S+\]: (.+)$"


@contextmanager
def launched(
    launch_file: Path,
    arguments: Mapping[str, object],
    log_file: Path,
    domain: int,
    stop_limit_s: float,
    environment: Mapping[str, str] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a launch file; on leaving, however that comes, all its processes end.

    Args:
        launch_file: What to start.
        arguments: Of the launch file.
        log_file: Where what the nodes say is appended.
        domain: ROS domain.
        stop_limit_s: How long the launcher may take to end its nodes [s].
        environment: Variables that are set besides.
    """
    words = [f"{name}:={value}" for name, value in arguments.items()]
    alone = {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    command = [sys.executable, "-m", "genima.cli", "launch", str(launch_file), *words]
    with started(command, log_file, stop_limit_s, alone | dict(environment or {})) as launcher:
        yield launcher


@contextmanager
def started(
    command: Sequence[str], log_file: Path, stop_limit_s: float, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a program; it is interrupted on leaving, and dies with this process in any case.

    Args:
        command: Its words.
        log_file: Where what it says is appended.
        stop_limit_s: How long it may take to end [s].
        environment: Variables that are set besides.
    """
    with log_file.open("ab") as log:
        program = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | dict(environment),
            start_new_session=True,  # Ctrl-C comes through us, once
            preexec_fn=die_with(os.getpid()),
        )
    try:
        yield program
    finally:
        _end(program, stop_limit_s)


def last_lines(log_file: Path) -> str:
    """What the nodes said last."""
    lines = log_file.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_LAST_LINES:])


def first_failure(log: str) -> str:
    """Which program of a graph has failed first, and its last complaint; empty if none has."""
    found = _ENDED.search(log)
    if found is None:
        return ""
    name = found["name"] or found["ros_name"]
    how = f"{name} ended with {found['how'] or found['ros_how']}"
    if "signal" in how or "code -" in how:  # somebody else has ended it
        return how
    complaints = re.findall(_COMPLAINT.format(name=re.escape(name)), log, re.MULTILINE)
    return f"{how}: {complaints[-1]}" if complaints else how


def _end(program: "subprocess.Popen[bytes]", limit_s: float) -> None:
    """Interrupt a launcher, which ends the nodes; kill it, and so them, if it is too slow."""
    if program.poll() is None:
        program.send_signal(signal.SIGINT)
    try:
        program.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
