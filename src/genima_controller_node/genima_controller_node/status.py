# SPDX-License-Identifier: Apache-2.0
"""What the controller node tells about itself."""

from collections.abc import Sequence

from genima_msgs.msg import ControllerStatus
from rclpy.lifecycle import LifecyclePublisher

from genima.control.session import SessionState, SessionStatus
from genima.timing import DeadlineLoop
from genima_ros.conversions import time_message
from genima_ros.diagnostics import Health, Level

#: Longest time between two status messages [s].
_REPEAT_S = 1.0
#: A tick that begins this long after its deadline is still in time [s]; skipped ones never are.
_PUNCTUAL_S = 0.005


class StatusPublisher:
    """Publishes the status when it changes, when time jumps, and once a second."""

    def __init__(self, publisher: LifecyclePublisher) -> None:
        self._publisher = publisher
        self._last: SessionStatus | None = None
        self._last_s = 0.0

    def poll(
        self, status: SessionStatus, now_s: float, target_age_s: float, loop: DeadlineLoop
    ) -> None:
        """Publish if there is something new to say."""
        if status == self._last and abs(now_s - self._last_s) < _REPEAT_S:
            return
        self._last, self._last_s = status, now_s
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
        message.header.stamp = time_message(max(now_s, 0.0))
        self._publisher.publish(message)


def health_of(status: SessionStatus, loop: DeadlineLoop, waiting: Sequence[str]) -> Health:
    """The controller's health: its state, and how well it keeps its rhythm."""
    level = {SessionState.HALTED: Level.ERROR, SessionState.HOLDING: Level.WARN}.get(
        status.state, Level.OK
    )
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
    return Health(level, status.reason or status.state.name.lower(), values)
