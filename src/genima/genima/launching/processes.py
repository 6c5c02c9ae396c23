# SPDX-License-Identifier: Apache-2.0
"""Linux process trees: who descends from whom, and how to make sure that nobody is left."""

import ctypes
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def die_with(parent: int) -> Callable[[], None]:
    """Make what a child runs before `exec`, so that the kernel kills it when `parent` ends."""

    def tie() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before it was tied to
            os.kill(os.getpid(), signal.SIGKILL)

    return tie


def descendants(root: int) -> set[int]:
    """Ids of all processes below `root`."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                # The command name stands in parentheses and may hold anything, parentheses too.
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(after_name[1]), []).append(int(entry.name))
    found: set[int] = set()
    unseen = [root]
    while unseen:
        below = children.get(unseen.pop(), [])
        found.update(below)
        unseen += below
    return found


def kill_descendants() -> None:
    """Kill and reap all processes below this one, which must have adopted orphans."""
    while True:
        for pid in descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def signal_group(leader: int, number: int) -> None:
    """Send a signal to the process group of `leader`, if it still has members."""
    with suppress(ProcessLookupError):
        os.killpg(leader, number)
