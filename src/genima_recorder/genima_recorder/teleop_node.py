# SPDX-License-Identifier: Apache-2.0
"""A follower arm mirrors a leader: a second arm moved by hand, or whoever sends joint states."""

import time
from concurrent.futures import Future
from functools import partial

from sensor_msgs.msg import JointState
from std_msgs.msg import Float32
from std_srvs.srv import Trigger

from genima.driver.orders import OrderQueue
from genima.errors import GenimaError, NotReady
from genima.teleop.leaders import SentLeader
from genima.teleop.session import TeleopSession
from genima.teleop.types import TeleopState
from genima.timing import DeadlineLoop
from genima_recorder.teleop_parameters import (
    TeleopNodeParameters,
    gains,
    make_follower,
    make_leader,
    mirror_parameters,
)
from genima_recorder.teleop_publisher import TeleopStatusPublisher, TickPublisher
from genima_ros.arm_node import ArmNode
from genima_ros.crowd import crowd
from genima_ros.diagnostics import Health, Level
from genima_ros.lifecycle import run_node
from genima_ros.qos import JOINT_STATES

#: How long to wait for a start or a recovery under way at the end [s].
_LAST_ORDER_S = 3.0


class TeleopNode(ArmNode):
    """Offers `teleop/start`, `teleop/stop` and `teleop/recover`."""

    def __init__(self) -> None:
        super().__init__("teleop", TeleopNodeParameters, "teleoperation")

    def configure(self) -> None:
        """Connect to the arms and the topics; nothing moves."""
        p = self.parameters
        leader = make_leader(p)
        self._session = TeleopSession(
            leader, make_follower(p), mirror_parameters(p), gains(p), self.report_defect
        )
        self._session.connect()
        self._loop = DeadlineLoop(1.0 / p.rate_hz)
        self._ticks = TickPublisher(self, 1.0 / p.rate_hz, leader_too=bool(p.leader_ip))
        self._statuses = TeleopStatusPublisher(self, self.now_s)
        self._led_by: tuple[str, ...] = ()
        if isinstance(leader, SentLeader):
            self._led_by = ("leader/joint_states",)
            hear = partial(self._on_leader, leader)
            self.subscribe(JointState, "leader/joint_states", hear, JOINT_STATES)
        if p.gripper == "topic":
            self.subscribe(Float32, "leader/gripper", self._on_gripper, JOINT_STATES)
        self.hear_emergency_stops()
        self.serve(Trigger, "teleop/start", self._on_start)
        self.serve(Trigger, "teleop/stop", self._on_stop)
        self.serve(Trigger, "teleop/recover", self._on_recover)
        self.report_health(self._health)

    def activate(self) -> None:
        """Make the leader movable by hand and begin to tick."""
        self.begin_ticks()
        try:
            self._session.begin()
        except GenimaError:
            self.end_ticks()
            raise
        self._orders = OrderQueue("teleop orders", self.report_defect)
        self.get_logger().info("active: call teleop/start when both arms stand alike")

    def deactivate(self) -> None:
        """Bring the follower to rest and leave both arms alone."""
        self._session.stop("teleoperation was deactivated")
        self._orders.close(_LAST_ORDER_S)
        self.end_ticks()
        self.poll_status()
        self._session.end()

    def tick(self, offset_s: float) -> None:
        """Send the follower on by one period."""
        tick = self._session.tick()
        self._ticks.publish(tick, self._session.gripper_opening, offset_s)

    def _on_leader(self, leader: SentLeader, message: JointState) -> None:
        try:
            leader.hear(message.name, message.position, time.monotonic())
        except GenimaError as error:
            self.complain("leader/joint_states", error)

    def _on_gripper(self, message: Float32) -> None:
        self._session.hear_gripper(message.data)

    async def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        def start() -> str:
            self._session.start()
            return "the follower moves to the leader, then mirrors it"

        def order() -> "Future[str]":
            if rivals := crowd(self, "joint_trajectory", *self._led_by):
                raise NotReady(rivals)
            self._ticks.forget()
            return self._orders.put(start)

        return await self.answer(order, response)

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._session.stop("stopped by teleop/stop")
        response.message, response.success = "the follower comes to rest", True
        return response

    async def _on_recover(
        self, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        def recover() -> str:
            self._session.recover()
            return "the arms are ready; call teleop/start when they stand alike"

        return await self.answer(lambda: self._orders.put(recover), response)

    def poll_status(self) -> None:
        """Tell what has changed, and look who else leads."""
        if rivals := crowd(self, *self._led_by):
            self._session.halt(rivals)
        self._statuses.poll(self._session.status)

    def _health(self) -> Health:
        status, fault = self._session.status, self._session.fault
        halted = status.state is TeleopState.HALTED
        values = {
            "state": status.state.name,
            "distance of the arms [rad]": round(status.error_rad, 4),
            "age of the leader's state [s]": round(status.leader_age_s, 3),
            "limited": status.limited,
            "tick lateness p99 [ms]": round(1e3 * self._loop.lateness.percentile_s(99), 2),
            "ticks": self._loop.lateness.count,
            "overruns": self._loop.overruns,
        }
        level = Level.ERROR if fault or halted else Level.OK
        return Health(level, fault or status.reason or status.state.name.lower(), values)


def main() -> None:
    """Run the node."""
    run_node(TeleopNode)


if __name__ == "__main__":
    main()
