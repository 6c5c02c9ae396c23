# SPDX-License-Identifier: Apache-2.0
"""Clears what killed programs left of Fast DDS's shared memory, on which others wait for ever."""

import re
import time
from contextlib import suppress
from pathlib import Path

_PORT = re.compile(r"fastrtps_port\d+")
#: How long a program may take to make a port ready; it takes milliseconds [s].
_MAKING_S = 2.0
#: What Boost.Interprocess begins a segment with when it is ready.
_READY = (2).to_bytes(4, "little")


def clear_unfinished_ports(folder: Path = Path("/dev/shm"), making_s: float = _MAKING_S) -> None:
    """Remove ports whose making was cut off.

    Every participant that opens such a port waits for its maker to go on, without an end: a node
    that was killed at the wrong moment would keep all later ones of its domain from starting.

    Args:
        folder: Where the ports are.
        making_s: How long a port may take to be ready; waited for only if one is not [s].
    """
    unfinished = _unfinished(folder)
    if unfinished:
        time.sleep(making_s)
    for path in unfinished & _unfinished(folder):
        with suppress(OSError):  # gone meanwhile, or another user's
            path.unlink()


def _unfinished(folder: Path) -> set[Path]:
    found = set()
    for path in folder.glob("fastrtps_port*"):
        with suppress(OSError), path.open("rb") as file:
            if _PORT.fullmatch(path.name) and file.read(len(_READY)) != _READY:
                found.add(path)
    return found
