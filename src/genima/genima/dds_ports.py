# SPDX-License-Identifier: Apache-2.0
"""Clears what killed programs left of Fast DDS's shared memory, on which others wait for ever."""

import re
import time
from contextlib import suppress
from pathlib import Path

_PORT = re.compile(r"fastrtps_port\d+")
#: How long a program may take to make a port ready; it takes milliseconds [s].
_MAKING_S = 5.0
#: What Boost.Interprocess begins a segment with when it is ready.
_READY = (2).to_bytes(4, "little")


def clear_unfinished_ports(folder: Path = Path("/dev/shm")) -> None:
    """Remove ports whose making was cut off.

    Every participant that opens such a port waits for its maker to go on, without an end: a node
    that was killed at the wrong moment would keep all later ones of its domain from starting.

    Args:
        folder: Where the ports are.
    """
    for path in folder.glob("fastrtps_port*"):
        with suppress(OSError):  # gone meanwhile, or another user's
            if _PORT.fullmatch(path.name) and _is_cut_off(path):
                path.unlink()


def _is_cut_off(port: Path) -> bool:
    with port.open("rb") as file:
        ready = file.read(len(_READY)) == _READY
    return not ready and time.time() - port.stat().st_mtime > _MAKING_S
