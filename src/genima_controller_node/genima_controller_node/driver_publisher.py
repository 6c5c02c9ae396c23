# SPDX-License-Identifier: Apache-2.0
"""Publishes what the arm's driver sees and does: joints, status."""

from collections.abc import Callable

import numpy as np
from genima_msgs.msg import DriverStatus
from sensor_msgs.msg import JointState

from genima.driver import types
from genima.driver.types import DriverCause, DriverState, DriverTick
from genima.timing import DeadlineLoop
from genima_ros.arm_status import StatusPublisher, Weight, arm_joint_state
from genima_ros.diagnostics import Health, Level
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import JOINT_STATES_PUBLISHER


def _weight(status: types.DriverStatus) -> Weight:
    """An error is what a person has to see to; so is not an arm that is being connected."""
    if status.cause is DriverCause.NONE:
        return Weight.INFO
    stopped = status.state in (DriverState.DISCONNECTED, DriverState.HALTED)
    return Weight.ERROR if stopped else Weight.WARNING


class JointPublisher:
    """Publishes `joint_states`.

    Args:
        node: Publishes.
        period_s: Least time between two of them [s].
    """

    def __init__(self, node: GenimaNode, period_s: float) -> None:
        self._joints = node.advertise(JointState, "joint_states", JOINT_STATES_PUBLISHER)
        # Ticks are not quite regular: one that comes a little early is not to be left out.
        self._period_s = 0.75 * period_s
        self._published_s = -np.inf

    def publish(self, tick: DriverTick, offset_s: float) -> None:
        """Publish what is new in a tick, if it is time.

        Args:
            tick: What was seen.
            offset_s: What the ROS clock is ahead of the driver's [s].
        """
        reading = tick.reading
        # An arm that died is not published again and again as if it stood.
        if reading is None or reading.stamp_s - self._published_s < self._period_s:
            return
        self._published_s = reading.stamp_s
        stamp_s = reading.stamp_s + offset_s
        self._joints.publish(arm_joint_state(reading.q, reading.dq, tick.opening, stamp_s))


class DriverStatusPublisher:
    """Publishes `driver_status`, and logs its changes."""

    def __init__(self, node: GenimaNode, dry_run: bool, now_s: Callable[[], float]) -> None:
        first = types.DriverStatus().state
        self._statuses = StatusPublisher(node, DriverStatus, "driver_status", now_s, first)
        self._dry_run = dry_run

    def poll(self, status: types.DriverStatus, overruns: int) -> None:
        """Publish if there is something new to say."""
        self._statuses.poll(
            status.state,
            status.reason,
            _weight(status),
            lambda: DriverStatus(
                state=status.state.value,
                cause=status.cause.value,
                reason=status.reason,
                dry_run=self._dry_run,
                limited=status.limited,
                trajectories_refused=status.trajectories_refused,
                halts=status.halts,
                overruns=overruns,
            ),
        )


def driver_health(status: types.DriverStatus, loop: DeadlineLoop) -> Health:
    """The driver's health: its state, and how well it keeps its rhythm."""
    values = {
        "state": status.state.name,
        "cause": status.cause.name,
        "limited": status.limited,
        "trajectories refused": status.trajectories_refused,
        "halts": status.halts,
        "tick lateness p99 [ms]": round(1e3 * loop.lateness.percentile_s(99), 2),
        "ticks": loop.lateness.count,
        "overruns": loop.overruns,
    }
    bad = _weight(status) is Weight.ERROR
    level = Level.ERROR if bad else Level.WARN if status.reason else Level.OK
    return Health(level, status.reason or status.state.name.lower(), values)
