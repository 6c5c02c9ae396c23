# SPDX-License-Identifier: Apache-2.0
"""Drawn tiles in, joint trajectories out, at 50 Hz and through the command gate."""

import sys
import threading
from dataclasses import dataclass

from genima.arrays import Array, Float, UInt8
from genima.cameras import CameraRig
from genima.control.planner import Planner
from genima.control.session import SessionStatus, Setpoint
from genima.errors import GenimaError, NotReady
from genima.kinematics import JOINT_NAMES
from genima.spheres import sphere_poses
from genima.timing import DeadlineLoop
from genima.worker import LatestWorker
from genima_msgs.msg import ControllerStatus, GripperCommand, TargetRequest, TargetTile
from genima_ros.cameras import CameraInfos
from genima_ros.conversions import (
    gripper_is_open,
    joint_positions,
    seconds,
    time_message,
    trajectory,
)
from genima_ros.diagnostics import Health
from genima_ros.lifecycle import GenimaNode, run_node
from genima_ros.markers import no_markers, target_markers
from genima_ros.policies import make_policy, make_rig
from genima_ros.qos import JOINT_STATES, JOINT_STATES_LOCKSTEP, LATCHED, RELIABLE_LATEST
from genima_ros.tiles import read_tile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from genima_controller_node.execute_server import ExecuteServer
from genima_controller_node.parameters import ControllerParameters
from genima_controller_node.planning import make_planner, make_session
from genima_controller_node.status import StatusPublisher, health_of

#: How often the status is looked at [s of wall time].
_STATUS_POLL_S = 0.05
#: A hand-over between threads of one process must not cost a control period.
_SWITCH_INTERVAL_S = 0.0005


@dataclass(frozen=True)
class _Job:
    tile: UInt8[Array, "t t 3"]
    stamp_s: float
    q: Float[Array, "7"]
    planner: Planner


class ControllerNode(GenimaNode):
    """Follows drawn targets for the goals of the `execute` action."""

    def __init__(self) -> None:
        super().__init__("controller", ControllerParameters)
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self._lock = threading.RLock()
        self._active = False
        self._worker: LatestWorker[_Job] | None = None

    def configure(self) -> None:
        """Load policy and cameras, connect the topics."""
        p = self.parameters
        self._lockstep = p.pacing == "lockstep"
        self._policy = make_policy(p.policy_file)
        self._session = make_session(p, self._policy)
        self._planner: Planner | None = None
        self._forget_tiles()
        self._sent_gripper: bool | None = None
        self._infos = CameraInfos(self, self._policy, make_rig(p.cameras_file), self._on_rig)
        self._connect()
        self._loop = DeadlineLoop(1.0 / p.rate_hz)
        self._worker = LatestWorker("planner", self._plan, self._on_defect)

    def _connect(self) -> None:
        self._trajectories = self.advertise(JointTrajectory, "joint_trajectory", RELIABLE_LATEST)
        self._grippers = self.advertise(GripperCommand, "gripper_command", LATCHED)
        self._requests = self.advertise(TargetRequest, "target_request", LATCHED)
        self._instructions = self.advertise(String, "instruction", LATCHED)
        self._markers = self.advertise(MarkerArray, "targets/planned", LATCHED)
        statuses = self.advertise(ControllerStatus, "status", LATCHED)
        self._status_publisher = StatusPublisher(statuses)
        joint_qos = JOINT_STATES_LOCKSTEP if self._lockstep else JOINT_STATES
        self.subscribe(JointState, "joint_states", self._on_joint_state, joint_qos)
        self.subscribe(TargetTile, "target_tile", self._on_tile, RELIABLE_LATEST)
        self.report_health(self._health)

    def _forget_tiles(self) -> None:
        self._tile: TargetTile | None = None
        self._planned_s = self._requested_s = -1.0

    def activate(self) -> None:
        """Offer the action and begin to tick."""
        self._active = True
        self._status_poll = self.create_timer(_STATUS_POLL_S, self._publish_status)
        self._server = ExecuteServer(self, self._begin, self._end, self._status, self._now_s)
        if not self._lockstep:
            self._thread = threading.Thread(target=self._run, name="control", daemon=True)
            self._thread.start()

    def deactivate(self) -> None:
        """Bring the arm to rest, then stop."""
        self._server.destroy()
        self.destroy_timer(self._status_poll)
        self._end("the controller was deactivated")
        self._active = False
        if not self._lockstep:
            self._thread.join()
        self._publish_status()
        self._markers.publish(no_markers())

    def cleanup(self) -> None:
        """Disconnect."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        self.disconnect()

    def _run(self) -> None:
        """The control thread: ticks until the node is deactivated and the arm stands."""
        try:
            self._loop.run(
                lambda: self._advance(self._now_s()),
                lambda: not self._active and not self._session.moving,
            )
        except Exception as error:
            self._on_defect(error)

    def _now_s(self) -> float:
        if self._lockstep:
            return self._session.history.newest_s
        return self.get_clock().now().nanoseconds * 1e-9

    def _status(self) -> SessionStatus:
        with self._lock:
            return self._session.status

    def _begin(self, instruction: str) -> None:
        with self._lock:
            self._require_flow()
            self._session.begin(instruction, self._now_s())
            self._forget_tiles()
            self._sent_gripper = None
        self._instructions.publish(String(data=instruction))
        if self._lockstep:
            self._advance(self._now_s())

    def _require_flow(self) -> None:
        if self._planner is None:
            raise NotReady(
                f"no usable camera_info from {self._infos.waiting}; start these cameras, and see "
                "whether their names are those of cameras_file"
            )
        if self.count_publishers("target_tile") == 0:
            raise NotReady("nobody publishes target_tile; start the diffusion node")
        commanders = self.count_publishers("joint_trajectory")
        if commanders > 1:
            raise NotReady(
                f"{commanders} nodes publish joint_trajectory; stop all but one, two must not "
                "command one arm"
            )

    def _end(self, reason: str) -> None:
        with self._lock:
            if self._session.active:
                self._session.end(reason)

    def _on_rig(self, rig: CameraRig) -> None:
        self._planner = make_planner(self.parameters, self._policy, rig)

    def _on_joint_state(self, message: JointState) -> None:
        try:
            q = joint_positions(message, JOINT_NAMES)
        except GenimaError as error:
            self.complain("joint_states", error)
            return
        stamp_s = seconds(message.header.stamp)
        with self._lock:
            if stamp_s < self._session.history.newest_s:
                self._forget_tiles()
            self._session.on_joint_state(q, stamp_s, gripper_is_open(message))
        if self._lockstep and self._active:
            self._advance(self._now_s())

    def _advance(self, now_s: float) -> None:
        """Commit and publish what is due; called by one thread at a time."""
        with self._lock:
            setpoints = self._session.advance(now_s)
            if setpoints:
                self._publish_gripper(now_s)
                self._publish_setpoints(setpoints, now_s)
            if self._session.wants_target(now_s):
                self._seek_target(now_s)

    def _publish_gripper(self, now_s: float) -> None:
        is_open = self._session.gripper_open
        # A waiting world steps only when it knows the gripper's state as well, hence each time.
        if self._lockstep or is_open != self._sent_gripper:
            message = GripperCommand(open=is_open)
            message.header.stamp = time_message(now_s)
            self._grippers.publish(message)
            self._sent_gripper = is_open

    def _publish_setpoints(self, setpoints: list[Setpoint], now_s: float) -> None:
        self._trajectories.publish(
            trajectory(
                JOINT_NAMES,
                now_s,
                [point.time_s for point in setpoints],
                [point.q for point in setpoints],
                [point.dq for point in setpoints],
            )
        )

    def _seek_target(self, now_s: float) -> None:
        """Plan with the newest tile if it is new enough, else ask for one."""
        not_before_s = self._session.not_before_s()
        tile = self._tile
        if tile is not None and seconds(tile.header.stamp) >= not_before_s - 1e-6:
            self._submit(tile)
        elif self._requested_s < not_before_s:
            self._requested_s = not_before_s
            self._requests.publish(TargetRequest(not_before=time_message(not_before_s)))

    def _on_tile(self, message: TargetTile) -> None:
        now_s = self._now_s()
        with self._lock:
            self._session.hear_target(now_s)
            if message.instruction != self._session.status.instruction:
                return
            self._tile = message
            if self._session.wants_target(now_s):
                self._seek_target(now_s)

    def _submit(self, message: TargetTile) -> None:
        stamp_s = seconds(message.header.stamp)
        q = self._session.history.at(stamp_s)
        if stamp_s <= self._planned_s or q is None or self._planner is None:
            return
        try:
            tile, _ = read_tile(message, self._policy)
        except GenimaError as error:
            self.complain("target_tile", error)
            self._session.refuse(str(error), self._now_s())
            return
        self._planned_s = stamp_s
        self._worker.put(_Job(tile, stamp_s, q, self._planner))

    def _plan(self, job: _Job) -> None:
        """On the worker's thread: read the tile, follow it."""
        plan = job.planner.plan(job.tile, job.q)
        with self._lock:
            now_s = self._now_s()
            self._session.offer(plan, job.stamp_s, now_s)
        if plan.q_target is not None:
            lifetime_s = 2.0 * self._policy.horizon_s
            poses = sphere_poses(plan.q_target)
            self._markers.publish(
                target_markers(poses, plan.gripper_open, job.stamp_s, lifetime_s, alpha=0.5)
            )
        if self._lockstep:
            self._advance(now_s)

    def _on_defect(self, error: Exception) -> None:
        self.report_defect(error)
        with self._lock:
            self._session.halt(f"defect in the controller: {error}")

    def _publish_status(self) -> None:
        status, now_s = self._status(), self._now_s()
        age_s = self._session.target_age_s(now_s)
        self._status_publisher.poll(status, now_s, age_s, self._loop)

    def _health(self) -> Health:
        return health_of(self._status(), self._loop, self._infos.waiting)


def main() -> None:
    """Run the node."""
    run_node(ControllerNode)


if __name__ == "__main__":
    main()
