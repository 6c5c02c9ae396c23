# SPDX-License-Identifier: Apache-2.0
"""A ROS domain of one's own, so that graphs on one machine do not meet."""

import errno
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genima.dds_ports import clear_unfinished_ports
from genima.errors import EvaluationError


class DomainsBusy(EvaluationError):
    """All domains are in use, some by evaluations that will end."""


#: Domains that are tried. Up to 101 their ports lie below those that Linux hands out by itself.
_CANDIDATES = range(101, 70, -1)
#: How many graphs can run at the same time.
MOST_DOMAINS = len(_CANDIDATES)


@contextmanager
def claim_domain(candidates: range = _CANDIDATES, folder: Path | None = None) -> Iterator[int]:
    """Hold a domain that nobody else uses.

    Args:
        candidates: Domains to choose from, the preferred one first.
        folder: Where claims are noted; the temporary folder of the machine if None.

    Raises:
        DomainsBusy: All are in use, and some will be given back.
        EvaluationError: All are in use by somebody else.
    """
    folder = folder or Path(tempfile.gettempdir())
    claimed = False
    for domain in candidates:
        try:
            claim = _claim(folder / f"genima_domain_{domain}.lock")
        except PermissionError:  # another user's
            continue
        except BlockingIOError:
            claimed = True
            continue
        try:
            if not _in_use(domain):
                clear_unfinished_ports()
                yield domain
                return
        finally:
            os.close(claim)  # gives the lock back; the kernel does so if we are killed
    kind = DomainsBusy if claimed else EvaluationError
    raise kind(
        f"ROS domains {candidates[-1]} to {candidates[0]} are all in use; "
        "end other evaluations first"
    )


def _claim(path: Path) -> int:
    """Lock a file.

    Raises:
        PermissionError: It is not ours.
        BlockingIOError: Somebody holds it.
    """
    claim = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(claim)
        raise
    return claim


def _in_use(domain: int) -> bool:
    """Whether the port of a domain's first participant is taken (RTPS 2.3, 9.6.1.1)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", 7400 + 250 * domain + 10))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
