# SPDX-License-Identifier: Apache-2.0
"""The Franka Hand: opened and closed without waiting, its width known all the time."""

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from genima.errors import ArmError
from genima.franka.blocking_hand import BlockingHand
from genima.franka.failures import arm_error
from genima.franka.library import franky

#: How often the width is read [Hz]; the hand itself tells it no oftener than about 30 times.
_RATE_HZ = 20.0
_SPEED_M_S = 0.1
#: From one end to the other takes less than a second [s]; a simulated hand may be slower.
_LONGEST_MOVE_S = 10.0
#: Patience with a movement of a hand that does not work [s].
_LAST_ANSWER_S = 0.5
#: Below this the hand does not know its own range [m].
_LEAST_RANGE_M = 0.01


class _Movement:
    """A call that ends with the movement of the fingers, in a thread of its own.

    franky's own asynchronous calls first wait for the movement before. A simulated hand never
    answers one that was cut short, so the next would wait for ever.

    Args:
        call: Moves the fingers.

    Attributes:
        error: What went wrong, when it is over.
    """

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="fingers", daemon=True)
        self._thread.start()

    def ends_within(self, patience_s: float) -> bool:
        """Wait at most so long [s]; returns whether it is over, well or not."""
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._call()
        except Exception as error:
            self.error = error


class FrankaGripper(BlockingHand):
    """A hand on the network.

    A movement under way is done before the next command is sent, but for a halt.

    Args:
        name: What people call it, such as "follower's gripper"; errors begin with it.
        host: Address of the arm's control box.
        force_n: How hard to grasp [N].
        connect_timeout_s: How long to wait for a connection [s].
    """

    def __init__(
        self, name: str, host: str, force_n: float = 20.0, connect_timeout_s: float = 10.0
    ) -> None:
        super().__init__(name, _RATE_HZ, connect_timeout_s)
        self._host = host
        self._force_n = force_n
        self._movement: _Movement | None = None
        self._turns_moving = 0
        self._width_m = 0.0
        self._max_width_m = 0.0

    @property
    def moving(self) -> bool:
        """Whether a movement is under way."""
        return self._movement is not None

    @property
    def width_m(self) -> float:
        """Distance between the fingers [m]."""
        return self._width_m

    @property
    def opening(self) -> float:
        """The same as a share of the widest, 0 to 1; NaN for a hand that was not homed."""
        if self._max_width_m < _LEAST_RANGE_M:
            return math.nan
        return min(max(self._width_m / self._max_width_m, 0.0), 1.0)

    @property
    def _too_late(self) -> str:
        return (
            f"{self._name} at {self._host}: no connection within {self._connect_timeout_s:g} s; "
            "see whether another program is connected to it, it takes one at a time"
        )

    def _connection(self) -> Callable[[], Any]:
        library = franky()
        return lambda: library.Gripper(self._host)

    def _told(self, error: Exception) -> str:
        return str(arm_error(error, self._name, self._host))

    def _read(self) -> None:
        state = self._device.state
        self._width_m, self._max_width_m = float(state.width), float(state.max_width)
        if self._max_width_m < _LEAST_RANGE_M:
            raise ArmError(
                f"{self._name} at {self._host}: its range is {self._max_width_m} m; "
                "home it in Desk, then recover"
            )
        self._look_at_movement()

    def _look_at_movement(self) -> None:
        """See whether the movement under way is done."""
        movement = self._movement
        if movement is None:
            return
        self._turns_moving += 1
        if movement.ends_within(0.0):
            self._movement = None
            if movement.error is not None:
                raise movement.error
        elif self._turns_moving > _LONGEST_MOVE_S * _RATE_HZ:
            raise ArmError(f"{self._name} at {self._host}: does not come to rest; home it in Desk")

    def _send(self, is_open: bool) -> None:
        if self._movement is not None:
            return
        device, widest, force_n = self._device, self._max_width_m, self._force_n
        if is_open:
            self._movement = _Movement(lambda: device.move(widest, _SPEED_M_S))
        else:
            # Whatever is between the fingers is to be held, so any width counts as a grasp.
            self._movement = _Movement(lambda: device.grasp(0.0, _SPEED_M_S, force_n, 0.0, widest))
        self._sent, self._turns_moving = is_open, 0

    def _stop(self) -> None:
        """End the movement under way; a grasp that is done is left alone: it would let go."""
        with suppress(Exception):  # however it ended, it is over
            self._look_at_movement()
        if self._movement is not None:
            # What was cut short ends with an error, or never.
            self._movement = self._sent = None
            self._device.stop()

    def _disconnect(self) -> None:
        """Wait for the movement under way; one that is never answered keeps the line."""
        movement, self._movement = self._movement, None
        if movement is not None:
            movement.ends_within(_LAST_ANSWER_S if self._failure else _LONGEST_MOVE_S)
