# SPDX-License-Identifier: Apache-2.0
"""The X display that CoppeliaSim draws on, even without a window: a virtual one if there is none.

A renderer of CoppeliaSim needs a display also where nothing is shown.
"""

import os
import select
import subprocess

from genima.errors import MissingDependency, WorldError
from genima.launching.processes import die_with
from genima.rlbench.installation import Installation

_SCREEN = "1280x1024x24"
_START_LIMIT_S = 20.0
_END_LIMIT_S = 5.0


class Display:
    """A display for one simulator.

    Args:
        installation: Says in its environment whether there is a display.

    Raises:
        MissingDependency: There is none, and no Xvfb either.
        WorldError: Xvfb does not start.

    Attributes:
        name: As the variable DISPLAY has it.
    """

    def __init__(self, installation: Installation) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.name = installation.environment.get("DISPLAY", "") or self._start(installation)

    def close(self) -> None:
        """End the virtual display, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_END_LIMIT_S)
            self._process = None

    def _start(self, installation: Installation) -> str:
        reading, writing = os.pipe()
        try:
            with os.fdopen(writing, "wb") as end:
                self._process = _xvfb(installation, end.fileno())
            if not select.select([reading], [], [], _START_LIMIT_S)[0]:
                self.close()
                raise WorldError(
                    f"Xvfb named no display within {_START_LIMIT_S:.0f} s; start one by hand "
                    "and set DISPLAY"
                )
            number = os.read(reading, 16).decode(errors="replace").strip()
        finally:
            os.close(reading)
        if not number.isdecimal():
            self.close()
            raise WorldError("Xvfb ended at once; start one by hand and set DISPLAY")
        return f":{number}"


def _xvfb(installation: Installation, fd: int) -> "subprocess.Popen[bytes]":
    """A server that chooses a free number itself, and writes it to `fd`."""
    try:
        return subprocess.Popen(
            ["Xvfb", "-displayfd", str(fd), "-screen", "0", _SCREEN, "-nolisten", "tcp"],
            env=dict(installation.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(fd,),
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )
    except FileNotFoundError as error:
        raise MissingDependency(
            "CoppeliaSim needs an X display, DISPLAY is not set and there is no Xvfb to make one; "
            "sudo apt-get install -y xvfb"
        ) from error
