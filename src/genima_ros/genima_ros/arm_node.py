# SPDX-License-Identifier: Apache-2.0
"""What nodes have in common that hold an arm: a session that ticks, emergency stops, orders."""

import time
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Future as Order
from typing import Protocol

from genima_msgs.msg import EmergencyStop
from rclpy.task import Future
from std_srvs.srv import Trigger

from genima.errors import GenimaError, NotReady
from genima.timing import DeadlineLoop
from genima_ros.control_thread import STATUS_POLL_S, ControlThread
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import EMERGENCY_STOP


class ArmSession(Protocol):
    """What ticks, from connection to disconnection."""

    @property
    def at_rest(self) -> bool:
        """Whether no arm is being moved."""

    def hear_emergency_stop(self, pressed: bool, source: str) -> None:
        """Take in the state of an emergency stop."""

    def abandon(self, defect: str) -> None:
        """No tick comes any more: leave the arms alone."""

    def close(self) -> None:
        """Disconnect."""


class ArmNode(GenimaNode):
    """A node with a session that one thread ticks.

    Subclasses make `_session` and `_loop` in `configure`, and `hear_emergency_stops` there.

    Args:
        name: Node name.
        schema: Dataclass of its parameters.
        restart: What to start again after a defect.
    """

    _session: ArmSession | None
    _loop: DeadlineLoop

    def __init__(self, name: str, schema: type, restart: str) -> None:
        super().__init__(name, schema)
        self._restart = restart
        self._control = ControlThread(restart)
        self._session = None
        self._active = False

    def hear_emergency_stops(self) -> None:
        """Hear `estop` until `disconnect`, also while the node is not active."""
        self.subscribe(EmergencyStop, "estop", self._on_emergency_stop, EMERGENCY_STOP)

    def begin_ticks(self) -> None:
        """Tick, and look at the status now and then, until `end_ticks`.

        Raises:
            NotReady: The ticks of before did not end.
        """
        session = self._session
        assert session is not None

        def abandon(error: Exception) -> None:
            self.report_defect(error)
            session.abandon(
                f"the control thread has died of a defect ({type(error).__name__}: {error}); "
                f"restart {self._restart}"
            )

        # Both clocks are read at once: what a tick saw and sent is stamped by the session's.
        self._control.begin(
            self._loop,
            lambda: self.tick(self.now_s() - time.monotonic()),
            lambda: session.at_rest,
            abandon,
        )
        self._active = True
        self._status_poll = self.create_timer(STATUS_POLL_S, self.poll_status)

    def end_ticks(self) -> None:
        """Wait until the arm, which was told to brake, stands; then tick no more."""
        self._active = False
        if fault := self._control.end():
            self.get_logger().error(fault)
        self.destroy_timer(self._status_poll)

    def cleanup(self) -> None:
        """Disconnect."""
        if self._session is not None:
            self._session.close()
            self._session = None
        self.disconnect()

    @abstractmethod
    def tick(self, offset_s: float) -> None:
        """One period; the offset is what ROS time is ahead of time.monotonic [s]."""

    @abstractmethod
    def poll_status(self) -> None:
        """Tell what has changed."""

    async def answer(
        self, order: Callable[[], "Order[str]"], response: Trigger.Response
    ) -> Trigger.Response:
        """Have an order carried out while others are heard; say what was done, or why not."""
        try:
            if not self._active:
                raise NotReady(f"{self._restart} is not active; activate it first")
            carried_out = order()
            answered = Future(executor=self.executor)
            carried_out.add_done_callback(lambda _: answered.set_result(None))
            await answered
            response.message = carried_out.result()
            response.success = True
        except GenimaError as error:
            response.message = str(error)
            self.get_logger().error(f"refused: {error}")
        return response

    def _on_emergency_stop(self, message: EmergencyStop) -> None:
        if self._session is not None:
            self._session.hear_emergency_stop(message.pressed, message.source)
