# SPDX-License-Identifier: Apache-2.0
"""Signals that only say it is time to end, so that the work under way is finished."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CTRL_C_AND_TERM = (signal.SIGINT, signal.SIGTERM)


def note_signals(*numbers: signal.Signals) -> threading.Event:
    """From now on these signals, Ctrl-C and SIGTERM by default, only set the event."""
    noted = threading.Event()
    for number in numbers or _CTRL_C_AND_TERM:
        signal.signal(number, lambda *_: noted.set())
    return noted


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """The same for a while: Ctrl-C and SIGTERM mean afterwards what they meant before."""
    before = [signal.getsignal(number) for number in _CTRL_C_AND_TERM]
    try:
        yield note_signals()
    finally:
        for number, handler in zip(_CTRL_C_AND_TERM, before, strict=True):
            signal.signal(number, handler)
