# SPDX-License-Identifier: Apache-2.0
"""Publishes what the arm's driver sees and does: joints, status."""

from collections.abc import Callable

import numpy as np
from genima_msgs.msg import DriverStatus
from sensor_msgs.msg import JointState

from genima.driver import types
from genima.driver.types import DriverCause, DriverState, DriverTick
from genima.kinematics import JOINT_NAMES
from genima.timing import DeadlineLoop
from genima_ros.conversions import FINGER_JOINTS, joint_state, time_message
from genima_ros.diagnostics import Health, Level
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import JOINT_STATES_PUBLISHER, LATCHED

#: A finger of the Franka Hand travels this far [m]; other grippers are told in its measure.
_FINGER_TRAVEL_M = 0.04
#: Polls after which an unchanged status is published again.
_REPEAT_POLLS = 20


def _is_bad(status: types.DriverStatus) -> bool:
    """Whether a person has to do something; not so while the arm is being connected."""
    stopped = status.state in (DriverState.DISCONNECTED, DriverState.HALTED)
    return stopped and status.cause is not DriverCause.NONE


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

    def publish(self, tick: DriverTick, ros_now_s: float) -> None:
        """Publish what is new in a tick, if it is time.

        Args:
            tick: What was seen.
            ros_now_s: The time of the tick by the ROS clock [s].
        """
        reading = tick.reading
        # An arm that died is not published again and again as if it stood.
        if reading is None or reading.stamp_s - self._published_s < self._period_s:
            return
        self._published_s = reading.stamp_s
        stamp_s = reading.stamp_s + ros_now_s - tick.now_s
        if np.isnan(tick.opening):
            self._joints.publish(joint_state(JOINT_NAMES, reading.q, reading.dq, stamp_s))
            return
        names = (*JOINT_NAMES, *FINGER_JOINTS)
        q = np.append(reading.q, np.full(2, tick.opening * _FINGER_TRAVEL_M))
        self._joints.publish(joint_state(names, q, np.append(reading.dq, np.zeros(2)), stamp_s))


class DriverStatusPublisher:
    """Publishes `driver_status` when it changes and every so many polls, and logs the changes."""

    def __init__(self, node: GenimaNode, dry_run: bool, now_s: Callable[[], float]) -> None:
        self._publisher = node.advertise(DriverStatus, "driver_status", LATCHED)
        self._logger = node.get_logger()
        self._dry_run = dry_run
        self._now_s = now_s
        self._last = types.DriverStatus()
        self._polls = _REPEAT_POLLS

    def poll(self, status: types.DriverStatus, overruns: int) -> None:
        """Publish if there is something new to say."""
        self._polls += 1
        same = (status.state, status.reason) == (self._last.state, self._last.reason)
        if same and self._polls < _REPEAT_POLLS:
            return
        if not same:
            self._log(status)
        self._last, self._polls = status, 0
        message = DriverStatus(
            state=status.state.value,
            cause=status.cause.value,
            reason=status.reason,
            dry_run=self._dry_run,
            limited=status.limited,
            trajectories_refused=status.trajectories_refused,
            halts=status.halts,
            overruns=overruns,
        )
        message.header.stamp = time_message(self._now_s())
        self._publisher.publish(message)

    def _log(self, status: types.DriverStatus) -> None:
        text = f"{status.state.name.lower()}: {status.reason}".removesuffix(": ")
        if _is_bad(status):
            self._logger.error(text)
        elif status.cause is not DriverCause.NONE:
            self._logger.warning(text)
        else:
            self._logger.info(text)


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
    level = Level.ERROR if _is_bad(status) else Level.WARN if status.reason else Level.OK
    return Health(level, status.reason or status.state.name.lower(), values)
