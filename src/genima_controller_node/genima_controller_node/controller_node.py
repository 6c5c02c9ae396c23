# SPDX-License-Identifier: Apache-2.0
"""Drawn tiles in, joint trajectories out, at 50 Hz and through the command gate."""

import time
from collections.abc import Callable
from functools import partial

from genima_msgs.msg import ControllerStatus, TargetTile
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from genima.control.overrun_watch import MOST_MISSED, OverrunWatch
from genima.control.planner import Plan
from genima.control.session_types import SessionStatus
from genima.errors import GenimaError, NotReady
from genima.kinematics import JOINT_NAMES
from genima.timing import DeadlineLoop
from genima_controller_node.command_publisher import CommandPublisher
from genima_controller_node.consent_services import ConsentServices
from genima_controller_node.execute_server import ExecuteServer
from genima_controller_node.interlocks import Interlocks
from genima_controller_node.late_node import LateNode
from genima_controller_node.parameters import ControllerParameters
from genima_controller_node.planned_markers import PlannedMarkers
from genima_controller_node.planning import make_session, planner_factory
from genima_controller_node.status import ControllerStatusPublisher, health_of
from genima_controller_node.target_intake import TargetIntake
from genima_ros.cameras import CameraInfos
from genima_ros.control_thread import STATUS_POLL_S, ControlThread
from genima_ros.conversions import gripper_is_open, joint_positions, seconds
from genima_ros.diagnostics import Health
from genima_ros.lifecycle import run_node
from genima_ros.policies import make_policy, make_rig
from genima_ros.qos import JOINT_STATES, JOINT_STATES_LOCKSTEP, LATCHED, RELIABLE_LATEST


class ControllerNode(LateNode):
    """Follows drawn targets for the goals of the `execute` action."""

    def __init__(self) -> None:
        super().__init__("controller", ControllerParameters)
        self._control = ControlThread("the controller")
        self._active = False
        self._intake: TargetIntake | None = None

    def configure(self) -> None:
        """Load policy and cameras, connect the topics."""
        p = self.parameters
        self._lockstep = p.pacing == "lockstep"
        self._policy = make_policy(p.policy_file)
        self._session = make_session(p, self._policy)
        self._loop = DeadlineLoop(1.0 / p.rate_hz)
        self._overruns = OverrunWatch(p.rate_hz, MOST_MISSED)
        self._instructions = self.advertise(String, "instruction", LATCHED)
        self._markers = PlannedMarkers(self, 0.0 if p.approve else 2.0 * self._policy.horizon_s)
        statuses = self.advertise(ControllerStatus, "status", LATCHED)
        self._statuses = ControllerStatusPublisher(statuses, self.get_logger())
        self._commands = CommandPublisher(self, self._lockstep, p.dry_run)
        self._interlocks = Interlocks(self, p.dry_run, self._halt_if_active)
        if p.approve:
            session = self._session
            ConsentServices(
                self, partial(self._answer, session.approve), partial(self._answer, session.reject)
            )
        make_planner = planner_factory(p, self._policy)
        told = self._on_plan, self._halt_if_active, self._on_defect
        self._intake = TargetIntake(self, self._session, self._policy, make_planner, *told)
        rig = make_rig(p.cameras_file)
        self._infos = CameraInfos(self, self._policy, rig, self._intake.set_rig)
        joint_qos = JOINT_STATES_LOCKSTEP if self._lockstep else JOINT_STATES
        self.subscribe(JointState, "joint_states", self._on_joint_state, joint_qos)
        self.subscribe(TargetTile, "target_tile", self._on_tile, RELIABLE_LATEST)
        self.report_health(self._health)

    def activate(self) -> None:
        """Offer the action and begin to tick."""
        if not self._lockstep:
            tick, stands = lambda: self._advance(self._now_s()), lambda: not self._session.moving
            self._control.begin(self._loop, tick, stands, self._on_defect)
        self._active = True
        self._status_poll = self.create_timer(STATUS_POLL_S, self._publish_status)
        self._server = ExecuteServer(
            self, self._begin, self._refuse, self._end, self._status, self._now_s
        )
        self.get_logger().info("active: waits for a goal; see genima execute --help")

    def deactivate(self) -> None:
        """Bring the arm to rest, then stop."""
        self._end("the controller was deactivated")
        self._server.destroy()
        self.destroy_timer(self._status_poll)
        self._active = False
        if not self._lockstep and (fault := self._control.end()):
            self.get_logger().error(fault)  # ROS time stands, or a message cannot be sent
        self._publish_status()
        self._markers.clear()

    def cleanup(self) -> None:
        """Disconnect."""
        if self._intake is not None:
            self._intake.stop()
            self._intake = None
        self.disconnect()

    def _now_s(self) -> float:
        return self._session.history.newest_s if self._lockstep else self.now_s()

    def _status(self) -> SessionStatus:
        with self._lock:
            return self._session.status

    def _begin(self, instruction: str) -> None:
        with self._lock:
            self._require_flow()
            self._session.begin(instruction, self._now_s())
            self._intake.forget()
            self._commands.forget()
            self._instructions.publish(String(data=self._session.status.instruction))
        if self._lockstep:
            self._advance(self._now_s())

    def _refuse(self, reason: str) -> None:
        with self._lock:
            self._session.refuse_goal(reason)

    def _require_flow(self) -> None:
        if not self._lockstep and not self._control.alive:
            raise NotReady("the control thread has died of a defect; restart the controller")
        self._interlocks.require_flow(self._infos.waiting)

    def _answer(self, answer: Callable[[float], None]) -> None:
        """Let the session have the operator's answer to the drawn target."""
        try:
            with self._lock:
                answer(self._now_s())
        finally:
            if self._lockstep:  # a refused answer has another target drawn
                self._advance(self._now_s())

    def _end(self, reason: str) -> None:
        self._stop(self._session.end, reason)

    def _halt_if_active(self, reason: str) -> None:
        if reason:
            self._stop(self._session.halt, reason)

    def _stop(self, stop: Callable[[str], None], reason: str) -> None:
        with self._lock:
            if self._session.active:
                stop(reason)
                if self._lockstep:  # the world may wait in mid-motion, and brakes only if told to
                    self._advance(self._now_s())

    def _on_joint_state(self, message: JointState) -> None:
        try:
            q = joint_positions(message, JOINT_NAMES)
        except GenimaError as error:
            self.complain("joint_states", error)
            return
        stamp_s = seconds(message.header.stamp)
        with self._lock:
            if stamp_s < self._session.history.newest_s:
                self._intake.forget()
            self._session.on_joint_state(q, stamp_s, gripper_is_open(message))
        if self._lockstep and self._active:
            self._advance(self._now_s())

    def _advance(self, now_s: float) -> None:
        """Commit and publish what is due, and see to the next target."""
        self._halt_if_active(self._interlocks.stop_reason())
        with self._lock:
            self._session.arm_held = self._interlocks.arm_held()
            setpoints = self._session.advance(now_s)
            if setpoints:
                self._commands.publish(setpoints, self._session.gripper_open, now_s)
            self._intake.seek(now_s)

    def _on_tile(self, message: TargetTile) -> None:
        strangers = self._interlocks.strangers()
        with self._lock:
            if strangers:
                self._session.refuse(strangers, self._now_s())
            else:
                self._intake.take(message, self._now_s())
        if self._lockstep:  # a tile that is refused has time go on
            self._advance(self._now_s())

    def _on_plan(self, plan: Plan, stamp_s: float) -> None:
        """On the planner's thread: follow what the tile asks for, and show it."""
        with self._lock:
            now_s = self._now_s()
            if self._session.offer(plan, stamp_s, now_s):
                self._markers.show(plan, stamp_s, self._session.status.state)
        if self._lockstep:
            self._advance(now_s)

    def _on_defect(self, error: Exception) -> None:
        self.report_defect(error)
        self._halt_if_active(f"defect in the controller: {error}")

    def _publish_status(self) -> None:
        if self._lockstep and not self.count_publishers("joint_states"):
            self._halt_if_active("the simulated world is gone: nobody publishes joint_states")
        self._overruns.hear(self._loop.overruns, time.monotonic())
        locks = self._interlocks
        self._halt_if_active(locks.stop_reason() or self._overruns.reason() or locks.rivals())
        with self._lock:
            self._markers.heed(self._session.status.state)
        now_s = self._now_s()
        self._statuses.poll(self._status(), now_s, self._session.target_age_s(now_s), self._loop)

    def _health(self) -> Health:
        return health_of(self._status(), self._loop, self._infos.waiting, self._overruns.missed)


def main() -> None:
    """Run the node."""
    run_node(ControllerNode)


if __name__ == "__main__":
    main()
