# SPDX-License-Identifier: Apache-2.0
"""Calls that may block for ever, with an end to the waiting."""

import threading
from collections.abc import Callable
from typing import TypeVar

from genima.errors import ArmError

Result = TypeVar("Result")


def within(timeout_s: float, call: Callable[[], Result], too_late: str) -> Result:
    """The result of a call, in a thread of its own.

    A call that is given up stays behind in its thread, which does not keep the process alive; what
    it returns later is dropped.

    Args:
        timeout_s: How long to wait [s].
        call: Makes the result; what it raises is raised here.
        too_late: What to say when it takes longer.

    Raises:
        ArmError: It took longer.
    """
    results: list[Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="within", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if errors:
        raise errors[0]
    if not results:
        raise ArmError(too_late)
    return results[0]
