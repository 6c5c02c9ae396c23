# SPDX-License-Identifier: Apache-2.0
"""A simulated world behind the topics of the robot."""

from collections.abc import Callable
from typing import Any

import numpy as np
from genima_msgs.msg import GripperCommand, TargetRequest
from genima_msgs.srv import QueryExpert, QuerySuccess, ResetWorld
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory

from genima.control.follower import TrajectoryFollower
from genima.errors import GenimaError, InvalidParameter
from genima.kinematics import JOINT_NAMES
from genima.limits import RobotModel, limits_of
from genima.sim.lockstep import LockstepRunner
from genima.sim.mujoco_world import MujocoWorld
from genima.sim.realtime import RealtimeRunner
from genima.sim.renderer import MujocoRenderer, Quality
from genima.sim.runner import Images, WorldRunner
from genima.sim.world import WorldState
from genima_ros.conversions import (
    FINGER_JOINTS,
    camera_info,
    joint_state,
    rgb_to_image,
    seconds,
    time_message,
    trajectory_arrays,
)
from genima_ros.diagnostics import Health, Level
from genima_ros.lifecycle import GenimaNode, run_node
from genima_ros.policies import make_rig
from genima_ros.qos import IMAGE_PUBLISHER, JOINT_STATES_PUBLISHER, LATCHED, RELIABLE_LATEST
from genima_sim_bridge.parameters import SimParameters

_INFO_PERIOD_S = 0.5


class SimBridgeNode(GenimaNode):
    """Publishes what a robot's cameras and joints would, and follows joint trajectories."""

    def __init__(self) -> None:
        super().__init__("sim_bridge", SimParameters)
        self._runner: WorldRunner | None = None
        self._defect: Exception | None = None

    def configure(self) -> None:
        """Build the world and connect the topics."""
        p = self.parameters
        self._lockstep = p.pacing == "lockstep"
        self._rig = make_rig(p.cameras_file)
        self._defect = None
        self._refused = 0
        self._world = MujocoWorld(self._rig)
        self._connect()
        self._follower = TrajectoryFollower(limits=limits_of(RobotModel(p.robot)))
        self._runner = self._make_runner()

    def _make_runner(self) -> WorldRunner:
        p = self.parameters
        parts: tuple[Any, ...] = (
            self._world,
            lambda: MujocoRenderer(self._world, Quality[p.image_quality.upper()]),
            self._follower,
            self,
        )
        if self._lockstep:
            return LockstepRunner(*parts, images_on_request=p.images_on_request)
        return RealtimeRunner(
            *parts,
            now_s=self._now_s,
            camera_period_s=1.0 / p.camera_rate_hz,
            camera_latency_s=p.camera_latency_s,
        )

    def _connect(self) -> None:
        self._joints = self.advertise(JointState, "joint_states", JOINT_STATES_PUBLISHER)
        self._clock_topic = self.advertise(Clock, "/clock", RELIABLE_LATEST)
        names = list(self._rig.cameras)
        self._cameras = {
            name: self.advertise(Image, f"{name}/color/image_raw", IMAGE_PUBLISHER)
            for name in names
        }
        self._infos = {
            name: self.advertise(CameraInfo, f"{name}/color/camera_info", RELIABLE_LATEST)
            for name in names
        }
        self.subscribe(JointTrajectory, "joint_trajectory", self._on_trajectory, RELIABLE_LATEST)
        self.subscribe(GripperCommand, "gripper_command", self._on_gripper, LATCHED)
        self.subscribe(TargetRequest, "target_request", self._on_target_request, LATCHED)
        self.serve(ResetWorld, "reset_world", self._on_reset)
        self.serve(QuerySuccess, "query_success", self._on_query_success)
        self.serve(QueryExpert, "query_expert", self._on_query_expert)
        self.report_health(self._health)

    def activate(self) -> None:
        """Start the world."""
        p = self.parameters
        if self._runner is None:
            self._runner = self._make_runner()
        self._runner.start()
        if p.task:
            self._runner.reset(p.task, 0, p.seed, max_steps=0)
        self._info_timer = self.create_timer(_INFO_PERIOD_S, self._publish_infos)

    def deactivate(self) -> None:
        """Stop the world; activating again begins with a new one."""
        self.destroy_timer(self._info_timer)
        self._stop_runner()

    def cleanup(self) -> None:
        """Let go of the simulator."""
        self._stop_runner()
        self.disconnect()

    def _stop_runner(self) -> None:
        if self._runner is not None:
            self._runner.stop()
            self._runner = None

    def on_state(self, state: WorldState, stamp_s: float) -> None:
        """Publish the joints, the fingers among them, and the time where the world makes it."""
        fingers = np.full(2, state.gripper_width_m / 2.0)
        names = (*JOINT_NAMES, *FINGER_JOINTS)
        q, dq = np.append(state.q, fingers), np.append(state.dq, np.zeros(2))
        if self._lockstep:
            self._clock_topic.publish(Clock(clock=time_message(stamp_s)))
        self._joints.publish(joint_state(names, q, dq, stamp_s))

    def on_images(self, images: Images, stamp_s: float) -> None:
        """Publish one picture of every camera."""
        for name, image in images.items():
            frame_id = self._rig.cameras[name].frame_id
            self._cameras[name].publish(rgb_to_image(image, frame_id, stamp_s))

    def on_defect(self, error: Exception) -> None:
        """Note that the world has stopped."""
        self._defect = error
        self.report_defect(error)

    def _publish_infos(self) -> None:
        for name, camera in self._rig.cameras.items():
            info = camera_info(camera.intrinsics, camera.frame_id, self._now_s())
            self._infos[name].publish(info)

    def _now_s(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _on_trajectory(self, message: JointTrajectory) -> None:
        if self._runner is None:
            return
        try:
            times_s, q, dq = trajectory_arrays(message)
            stamp_s = seconds(message.header.stamp)
            self._runner.follow(stamp_s, list(message.joint_names), times_s, q, dq)
        except GenimaError as error:
            self._refused += 1
            self.complain("joint_trajectory", error)

    def _on_gripper(self, message: GripperCommand) -> None:
        if self._runner is not None:
            self._runner.command_gripper(message.open, seconds(message.header.stamp))

    def _on_target_request(self, message: TargetRequest) -> None:
        if isinstance(self._runner, LockstepRunner):
            self._runner.request_images(seconds(message.not_before))

    def _on_reset(
        self, request: ResetWorld.Request, response: ResetWorld.Response
    ) -> ResetWorld.Response:
        def reset(runner: WorldRunner) -> None:
            arguments = (request.task, request.variation, request.seed, request.max_steps)
            response.instructions = list(runner.reset(*arguments))
            response.stamp = time_message(runner.reset_stamp_s)

        return self._answer(response, reset)

    def _on_query_success(
        self, _: QuerySuccess.Request, response: QuerySuccess.Response
    ) -> QuerySuccess.Response:
        if self._runner is not None:
            episode = self._runner.episode
            response.success, response.succeeded = episode.success, episode.succeeded
            response.finished, response.steps = episode.finished, episode.steps
            response.task, response.seed = episode.task, episode.seed
        return response

    def _on_query_expert(
        self, request: QueryExpert.Request, response: QueryExpert.Response
    ) -> QueryExpert.Response:
        def ask(runner: WorldRunner) -> None:
            chunk = runner.call(lambda: self._world.expert_chunk(request.horizon_steps))
            response.q_now = chunk.q_now
            response.q = chunk.q.ravel().tolist()
            response.gripper_open = chunk.gripper_open.tolist()

        return self._answer(response, ask)

    def _answer(self, response: Any, fill: Callable[[WorldRunner], None]) -> Any:
        try:
            if self._runner is None:
                raise InvalidParameter("the sim bridge is not active; activate it first")
            fill(self._runner)
            response.success = True
        except GenimaError as error:
            response.message = str(error)
        return response

    def _health(self) -> Health:
        episode = self._runner.episode if self._runner is not None else None
        values = {
            "task": episode.task if episode else "",
            "steps": episode.steps if episode else 0,
            "arm": self._follower.state.value,
            "trajectories ignored": self._follower.ignored,
            "trajectories refused": self._refused,
        }
        if self._defect is not None:
            return Health(Level.ERROR, f"the world has stopped: {self._defect}", values)
        return Health(Level.OK, self._follower.state.value, values)


def main() -> None:
    """Run the node."""
    run_node(SimBridgeNode)


if __name__ == "__main__":
    main()
