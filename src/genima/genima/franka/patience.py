# SPDX-License-Identifier: Apache-2.0
"""Calls that may block for ever, with an end to the waiting."""

import threading
from collections.abc import Callable
from typing import TypeVar

from genima.errors import ArmError

Result = TypeVar("Result")


def drop(_: object) -> None:
    """Nothing is to be done about what came too late."""


def within(
    timeout_s: float,
    call: Callable[[], Result],
    too_late: str,
    undo: Callable[[Result], None] = drop,
) -> Result:
    """The result of a call, in a thread of its own.

    A call that is given up stays behind in its thread, which does not keep the process alive.

    Args:
        timeout_s: How long to wait [s].
        call: Makes the result; what it raises is raised here.
        too_late: What to say when it takes longer.
        undo: Given, in the call's thread, a result that came after it was given up.

    Raises:
        ArmError: It took longer.
    """
    results: list[Result] = []
    errors: list[Exception] = []
    given_up = False
    # A result is either taken or undone, never both and never neither.
    lock = threading.Lock()

    def run() -> None:
        try:
            result = call()
        except Exception as error:
            errors.append(error)
            return
        with lock:
            if not given_up:
                results.append(result)
                return
        undo(result)

    thread = threading.Thread(target=run, name="within", daemon=True)
    thread.start()
    thread.join(timeout_s)
    with lock:
        given_up = True
        if errors:
            raise errors[0]
        if not results:
            raise ArmError(too_late)
        return results[0]
