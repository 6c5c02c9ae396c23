# SPDX-License-Identifier: Apache-2.0
"""Simulated arms that speak libfranka's protocol (`franky-sim`), each a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from genima.errors import ArmError, MissingDependency
from genima.launching.processes import die_with

#: Ports of arm and hand; libfranka knows no others, so that every arm has its own address.
_PORTS = (1337, 1338)
_START_LIMIT_S = 60.0
_POLL_S = 0.05
#: State of a socket in /proc/net/tcp.
_LISTEN = "0A"


class SimulatedArm:
    """An FR3 with its hand at a loopback address that nobody else uses.

    To be used in a `with` statement; the process ends with it, or with ours.

    Attributes:
        host: Its address.
    """

    def __init__(self) -> None:
        program = shutil.which("franky-sim") or str(Path(sys.executable).parent / "franky-sim")
        if not Path(program).exists():
            raise MissingDependency("franky-sim is not installed; pip install franky-sim")
        self.host = _free_host()
        self._command = [program, "--simulator", "mujoco", "--hostname", self.host]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "SimulatedArm":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, again if it was killed, and wait until it answers.

        Raises:
            ArmError: It does not start.
        """
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with(os.getpid()),
        )
        end_s = time.monotonic() + _START_LIMIT_S
        while not all(_listens(self.host, port) for port in _PORTS):
            if self._process.poll() is not None or time.monotonic() > end_s:
                self.kill()
                raise ArmError(f"franky-sim did not start at {self.host}; run it by hand to see")
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _free_host() -> str:
    """A loopback address made of our process number, so that two runs do not meet."""
    first, second = os.getpid() // 250 % 250, os.getpid() % 250
    for last in range(2, 255):
        host = f"127.{first + 1}.{second + 1}.{last}"
        if host not in _GIVEN and not _listens(host, _PORTS[0]):
            _GIVEN.add(host)
            return host
    raise ArmError("all loopback addresses of this process are in use; end simulated arms first")


_GIVEN: set[str] = set()


def _listens(host: str, port: int) -> bool:
    """Whether somebody waits for connections there; found out without connecting.

    A connection that says nothing would be taken for a client.
    """
    address = f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[1] == address and row.split()[3] == _LISTEN for row in rows)
