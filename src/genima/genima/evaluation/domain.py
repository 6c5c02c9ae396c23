# SPDX-License-Identifier: Apache-2.0
"""A ROS domain of one's own, so that graphs on one machine do not meet."""

import errno
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from genima.errors import EvaluationError

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
        EvaluationError: All are in use.
    """
    folder = folder or Path(tempfile.gettempdir())
    for domain in candidates:
        claim = _try_claim(folder / f"genima_domain_{domain}.lock")
        if claim is None:
            continue
        try:
            if not _in_use(domain):
                yield domain
                return
        finally:
            os.close(claim)  # gives the lock back; the kernel does so if we are killed
    raise EvaluationError(
        f"ROS domains {candidates[-1]} to {candidates[0]} are all in use; "
        "end other evaluations first"
    )


def _try_claim(path: Path) -> int | None:
    """Lock a file; None if somebody else holds it."""
    try:
        claim = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:  # another user's
        return None
    with suppress(BlockingIOError):
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return claim
    os.close(claim)
    return None


def _in_use(domain: int) -> bool:
    """Whether the port of a domain's first participant is taken (RTPS 2.3, 9.6.1.1)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", 7400 + 250 * domain + 10))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
