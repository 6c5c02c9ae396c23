# SPDX-License-Identifier: Apache-2.0
"""A Franka arm follows `joint_trajectory`, whatever comes or fails to come."""

import time

from genima_msgs.msg import GripperCommand
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from genima.driver import DriverCause, DriverSession
from genima.driver.types import Trajectory
from genima.errors import GenimaError, NotReady
from genima.timing import DeadlineLoop
from genima_controller_node.driver_parameters import (
    DriverNodeParameters,
    driver_parameters,
    gains,
    home_of,
    make_robot,
)
from genima_controller_node.driver_publisher import (
    DriverStatusPublisher,
    JointPublisher,
    driver_health,
)
from genima_ros.arm_node import ArmNode
from genima_ros.conversions import seconds, trajectory_arrays
from genima_ros.crowd import crowd
from genima_ros.diagnostics import Health
from genima_ros.lifecycle import run_node
from genima_ros.qos import LATCHED, RELIABLE_LATEST


class PandaDriverNode(ArmNode):
    """Offers `~/recover`, `~/hold` and `~/home`."""

    def __init__(self) -> None:
        super().__init__("panda_driver", DriverNodeParameters, "the driver")

    def configure(self) -> None:
        """Check what is asked for, connect the topics."""
        p = self.parameters
        self._session = DriverSession(
            make_robot(p), driver_parameters(p), gains(p), home_of(p), self._on_defect, p.dry_run
        )
        self._loop = DeadlineLoop(1.0 / p.rate_hz)
        self._rivals = ""
        self._joints = JointPublisher(self, 1.0 / p.joint_states_rate_hz)
        self._statuses = DriverStatusPublisher(self, p.dry_run, self.now_s)
        self.subscribe(JointTrajectory, "joint_trajectory", self._on_trajectory, RELIABLE_LATEST)
        self.subscribe(GripperCommand, "gripper_command", self._on_gripper, LATCHED)
        self.hear_emergency_stops()
        self.serve(Trigger, "~/recover", self._on_recover)
        self.serve(Trigger, "~/hold", self._on_hold)
        self.serve(Trigger, "~/home", self._on_home)
        self.report_health(self._health)

    def activate(self) -> None:
        """Begin to tick, and to connect to the arm; nothing moves."""
        self.begin_ticks()
        self._session.open()
        dry = ", a dry run: the arm gets no command" if self.parameters.dry_run else ""
        self.get_logger().info(f"active{dry}: connects to {self.parameters.robot_ip}")

    def deactivate(self) -> None:
        """Bring the arm to rest and leave it alone."""
        self._session.halt(DriverCause.ORDERED, "the driver was deactivated")
        self.end_ticks()
        self._session.release()
        self.poll_status()

    def tick(self, offset_s: float) -> None:
        """Send the arm on by one period."""
        self._joints.publish(self._session.tick(), offset_s)

    def _own_clock_s(self, stamp_s: float) -> float:
        """A ROS time on the session's clock [s]; a stamp of zero means now."""
        now_s = time.monotonic()
        return now_s if stamp_s == 0.0 else now_s + (stamp_s - self.now_s())

    def _on_trajectory(self, message: JointTrajectory) -> None:
        if not self._active:
            return
        try:
            if self._rivals:
                self._session.refuse(self._rivals)
            times_s, q, dq = trajectory_arrays(message)
            stamp_s = self._own_clock_s(seconds(message.header.stamp))
            names = tuple(message.joint_names)
            self._session.follow(Trajectory(stamp_s, names, times_s, q, dq))
        except GenimaError as error:
            self.complain("joint_trajectory", error)

    def _on_gripper(self, message: GripperCommand) -> None:
        if not self._active:
            return
        try:
            stamp_s = self._own_clock_s(seconds(message.header.stamp))
            self._session.command_gripper(message.open, stamp_s)
        except GenimaError as error:
            self.complain("gripper_command", error)

    async def _on_recover(
        self, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        return await self.answer(self._session.recover, response)

    async def _on_home(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return await self.answer(self._session.home, response)

    def _on_hold(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message, response.success = self._session.hold(), True
        except NotReady as error:
            response.message = str(error)
        return response

    def _on_defect(self, error: Exception) -> None:
        self.report_defect(error)
        self._session.halt(DriverCause.DEFECT, f"defect in the driver: {error}; restart it")

    def poll_status(self) -> None:
        """Tell what has changed, and look who else commands the arm."""
        self._rivals = crowd(self, "joint_trajectory")
        if self._rivals and not self._session.at_rest:
            self._session.halt(DriverCause.TWO_COMMANDERS, self._rivals)
        self._statuses.poll(self._session.status, self._loop.overruns)

    def _health(self) -> Health:
        return driver_health(self._session.status, self._loop)


def main() -> None:
    """Run the node."""
    run_node(PandaDriverNode)


if __name__ == "__main__":
    main()
