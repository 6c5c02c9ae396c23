# SPDX-License-Identifier: Apache-2.0
"""A launch file in processes of its own, as programs run it that need nodes for a while."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from genima.launching.processes import die_with

_LAST_LINES = 8


@contextmanager
def launched(
    launch_file: Path,
    arguments: Mapping[str, object],
    log_file: Path,
    domain: int,
    stop_limit_s: float,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a launch file; on leaving, however that comes, all its processes end.

    Args:
        launch_file: What to start.
        arguments: Of the launch file.
        log_file: Where what the nodes say is appended.
        domain: ROS domain.
        stop_limit_s: How long the launcher may take to end its nodes [s].
    """
    words = [f"{name}:={value}" for name, value in arguments.items()]
    with log_file.open("ab") as log:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "genima.cli", "launch", str(launch_file), *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ
            | {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
            start_new_session=True,  # Ctrl-C comes through us, once
            preexec_fn=die_with(os.getpid()),
        )
    try:
        yield launcher
    finally:
        _end(launcher, stop_limit_s)


def last_lines(log_file: Path) -> str:
    """What the nodes said last."""
    lines = log_file.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_LAST_LINES:])


def _end(launcher: "subprocess.Popen[bytes]", limit_s: float) -> None:
    """Interrupt the launcher, which ends the nodes; kill it, and so them, if it is too slow."""
    if launcher.poll() is None:
        launcher.send_signal(signal.SIGINT)
    try:
        launcher.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        launcher.kill()
        launcher.wait()
