# SPDX-License-Identifier: Apache-2.0
"""The thread that ticks in a node that moves an arm; its end is bounded."""

import sys
import threading
from collections.abc import Callable

from genima.errors import NotReady
from genima.timing import DeadlineLoop

#: How often such a node looks at its status [s of wall time].
STATUS_POLL_S = 0.05
#: A hand-over between threads of one process must not cost a control period.
_SWITCH_INTERVAL_S = 0.0005
#: An arm that was told to brake stands sooner [s].
_LONGEST_BRAKING_S = 5.0


class ControlThread:
    """Ticks from `begin` on until it is told to end and the arm stands.

    Args:
        restart: What to start again if it fails.
    """

    def __init__(self, restart: str) -> None:
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self._restart = restart
        self._thread = threading.Thread()
        self._told_to_end = threading.Event()

    @property
    def alive(self) -> bool:
        """Whether it ticks."""
        return self._thread.is_alive()

    def begin(
        self,
        loop: DeadlineLoop,
        tick: Callable[[], None],
        stands: Callable[[], bool],
        on_defect: Callable[[Exception], None],
    ) -> None:
        """Begin to tick.

        Args:
            loop: The rhythm.
            tick: Called each period.
            stands: Whether the arm does.
            on_defect: Told of an exception that a tick has ended with; it was the last one.

        Raises:
            NotReady: The ticks of before did not end: two would send the arm on twice as fast.
        """
        if self.alive:
            raise NotReady(
                f"the control thread of before still runs; end the process and start "
                f"{self._restart} again"
            )
        told_to_end = self._told_to_end = threading.Event()

        def run() -> None:
            try:
                loop.run(tick, lambda: told_to_end.is_set() and stands())
            except Exception as error:
                on_defect(error)

        self._thread = threading.Thread(target=run, name="control", daemon=True)
        self._thread.start()

    def end(self) -> str:
        """Wait until the arm, which was told to brake, stands; why that fails, if it does."""
        self._told_to_end.set()
        self._thread.join(_LONGEST_BRAKING_S)
        if not self.alive:
            return ""
        return (
            f"the control thread does not end within {_LONGEST_BRAKING_S:g} s; the arm is left "
            f"alone all the same, restart {self._restart}"
        )
