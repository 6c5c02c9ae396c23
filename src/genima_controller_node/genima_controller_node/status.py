# SPDX-License-Identifier: Apache-2.0
"""What the controller node tells about itself."""

from collections.abc import Sequence

from genima_msgs.msg import ControllerStatus
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.lifecycle import LifecyclePublisher

from genima.control.session_types import SessionState, SessionStatus
from genima.timing import DeadlineLoop
from genima_ros.conversions import time_message
from genima_ros.diagnostics import Health, Level

#: A jump of time that is published at once [s].
_JUMP_S = 1.0
#: Polls after which an unchanged status is published again.
_REPEAT_POLLS = 20
#: A tick that begins this long after its deadline is still in time [s]; skipped ones never are.
_PUNCTUAL_S = 0.005


class ControllerStatusPublisher:
    """Publishes the status when it changes, when time jumps, and every so many polls.

    What an operator at a terminal wants to see of it goes to the log.
    """

    def __init__(self, publisher: LifecyclePublisher, logger: RcutilsLogger) -> None:
        self._publisher = publisher
        self._logger = logger
        self._last = SessionStatus()
        self._last_s = 0.0
        self._polls = _REPEAT_POLLS

    def poll(
        self, status: SessionStatus, now_s: float, target_age_s: float, loop: DeadlineLoop
    ) -> None:
        """Publish if there is something new to say."""
        now_s = max(now_s, 0.0)
        self._polls += 1
        jumped = abs(now_s - self._last_s) >= _JUMP_S
        if status == self._last and not jumped and self._polls < _REPEAT_POLLS:
            return
        if status.state is not self._last.state:
            self._log(status)
        self._last, self._last_s, self._polls = status, now_s, 0
        message = ControllerStatus(
            state=status.state.value,
            reason=status.reason,
            instruction=status.instruction,
            chunks=status.chunks,
            filter_active=status.filter_active,
            target_age_s=target_age_s,
            fit=status.fit,
            overruns=loop.overruns,
            targets_refused=status.targets_refused,
        )
        message.header.stamp = time_message(now_s)
        self._publisher.publish(message)

    def _log(self, status: SessionStatus) -> None:
        if status.state is SessionState.HALTED:
            self._logger.error(f"halted: {status.reason}")
        elif status.state is SessionState.HOLDING:
            self._logger.warning(f"the arm holds: {status.reason}")
        elif status.state is SessionState.AWAITING_APPROVAL:
            self._logger.info(f"the arm waits: {status.reason}")
        elif status.state is SessionState.RUNNING:
            self._logger.info(status.reason or "the arm follows drawn targets")


def health_of(
    status: SessionStatus, loop: DeadlineLoop, waiting: Sequence[str], missed: int = 0
) -> Health:
    """The controller's health: its state, and how well it keeps its rhythm.

    Args:
        status: Of the session.
        loop: The control thread's.
        waiting: Cameras without camera_info.
        missed: How many of the newest deadlines the control thread missed.
    """
    level = {SessionState.HALTED: Level.ERROR, SessionState.HOLDING: Level.WARN}.get(
        status.state, Level.WARN if missed else Level.OK
    )
    words = status.reason or status.state.name.lower()
    if missed:
        words += f"; the control thread missed {missed} deadlines just now"
    ran = loop.lateness.count
    punctual = loop.lateness.share_within(_PUNCTUAL_S) * ran / max(ran + loop.overruns, 1)
    values = {
        "state": status.state.name,
        "tick lateness p99 [ms]": round(1e3 * loop.lateness.percentile_s(99), 2),
        "ticks within 5 ms [%]": round(1e2 * punctual, 2),
        "tick duration p99 [ms]": round(1e3 * loop.durations.percentile_s(99), 2),
        "ticks": ran,
        "overruns": loop.overruns,
        "cameras without camera_info": ", ".join(waiting) or "none",
        "targets refused": status.targets_refused,
    }
    return Health(level, words, values)
