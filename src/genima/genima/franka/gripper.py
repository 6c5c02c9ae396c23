# SPDX-License-Identifier: Apache-2.0
"""The Franka Hand: opened and closed without waiting, its width known all the time."""

import math
import threading
from typing import Any

from genima.errors import ArmError
from genima.franka.failures import arm_error
from genima.franka.library import franky
from genima.franka.patience import within
from genima.timing import DeadlineLoop

#: How often the width is read [Hz]; the hand itself tells it no oftener than about 30 times.
_RATE_HZ = 20.0
_SPEED_M_S = 0.1
#: From one end to the other takes less than a second [s]; a simulated hand may be slower.
_LONGEST_MOVE_S = 10.0
#: A hand answers so soon that a movement was cut short [s]; a simulated one never does.
_LAST_ANSWER_S = 0.5
#: Below this the hand does not know its own range [m].
_LEAST_RANGE_M = 0.01
#: Movements that may not have been answered. franky's thread still waits with them; to destroy
#: them would crash.
_UNFINISHED: list[Any] = []


class FrankaGripper:
    """A hand on the network. All talking to it is done in a thread of its own: it blocks.

    Args:
        name: What people call it, such as "follower's gripper"; errors begin with it.
        host: Address of the arm's control box.
        force_n: How hard to grasp [N].
        connect_timeout_s: How long to wait for a connection [s].
    """

    def __init__(
        self, name: str, host: str, force_n: float = 20.0, connect_timeout_s: float = 10.0
    ) -> None:
        self._name = name
        self._host = host
        self._force_n = force_n
        self._connect_timeout_s = connect_timeout_s
        self._gripper: Any = None
        self._moving: Any = None
        self._turns_moving = 0
        self._wanted: bool | None = None
        self._sent: bool | None = None
        self._halting = False
        self._cut_short: list[Any] = []
        self._width_m = 0.0
        self._max_width_m = 0.0
        self._failure = ""
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    @property
    def fault(self) -> str:
        """Why the hand cannot be used, in a sentence; empty if it can."""
        return self._failure

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

    def connect(self) -> None:
        """Connect and read the first width.

        Raises:
            ArmError: The hand cannot be used; the sentence says why.
            MissingDependency: franky is not installed.
        """
        library = franky()
        too_late = (
            f"{self._name} at {self._host}: no connection within {self._connect_timeout_s:g} s; "
            "see whether another program is connected to it, it takes one at a time"
        )
        try:
            self._gripper = within(
                self._connect_timeout_s, lambda: library.Gripper(self._host), too_late
            )
            self._read()
        except Exception as error:
            self._fail(error)
            raise ArmError(self._failure) from error
        self._failure, self._wanted, self._sent, self._moving = "", None, None, None
        self._halting = False
        self._closing.clear()
        loop = DeadlineLoop(1.0 / _RATE_HZ)
        self._thread = threading.Thread(
            target=lambda: loop.run(self._turn, self._is_over), name=self._name, daemon=True
        )
        self._thread.start()

    def command(self, is_open: bool) -> None:
        """Open or close, as soon as the movement under way is done; the newest command counts."""
        self._wanted = is_open

    def halt(self) -> None:
        """Stop fingers that move, and forget what they were told; what is held stays held."""
        self._wanted, self._halting = None, True

    def close(self) -> None:
        """Disconnect once the movement under way is done; the fingers stay as they are."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._moving is not None and not self._moving.wait(_LONGEST_MOVE_S):
            self._cut_short.append(self._moving)
        self._moving = None
        _UNFINISHED.extend(
            (moving, self._gripper)
            for moving in self._cut_short
            if not moving.wait(_LAST_ANSWER_S)
        )
        self._cut_short, self._gripper = [], None

    def _is_over(self) -> bool:
        return self._closing.is_set() or bool(self._failure)

    def _turn(self) -> None:
        try:
            self._read()
            self._finish()
            if self._halting:
                self._stop()
            wanted = self._wanted
            if self._moving is None and wanted is not None and wanted != self._sent:
                self._send(wanted)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Keep what is wrong as the fault, until it is connected anew."""
        if not isinstance(error, ArmError):
            error = arm_error(error, self._name, self._host)
        self._failure = str(error)

    def _finish(self) -> None:
        """See whether the command under way is done.

        It is waited for: one that is cut short is answered with an error by the hand, and by a
        simulated one never.
        """
        if self._moving is None:
            return
        self._turns_moving += 1
        if self._moving.wait(0.0):
            self._moving.get()  # raises what went wrong
            self._moving = None
        elif self._turns_moving > _LONGEST_MOVE_S * _RATE_HZ:
            self._failure = f"{self._name} at {self._host}: does not come to rest; home it in Desk"

    def _stop(self) -> None:
        """End the movement under way; a grasp that is done is left alone: it would let go."""
        self._halting = False
        if self._moving is not None:
            # Not `stop_async`: franky would first wait for the movement.
            self._gripper.stop()
            self._cut_short.append(self._moving)
            self._moving = self._sent = None

    def _send(self, is_open: bool) -> None:
        if is_open:
            self._moving = self._gripper.move_async(self._max_width_m, _SPEED_M_S)
        else:
            # Whatever is between the fingers is to be held, so any width counts as a grasp.
            widest = self._max_width_m
            self._moving = self._gripper.grasp_async(0.0, _SPEED_M_S, self._force_n, 0.0, widest)
        self._sent, self._turns_moving = is_open, 0

    def _read(self) -> None:
        state = self._gripper.state
        self._width_m, self._max_width_m = float(state.width), float(state.max_width)
        if self._max_width_m < _LEAST_RANGE_M:
            raise ArmError(
                f"{self._name} at {self._host}: its range is {self._max_width_m} m; "
                "home it in Desk, then recover"
            )
