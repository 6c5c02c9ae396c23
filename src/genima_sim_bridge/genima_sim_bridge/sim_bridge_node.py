# SPDX-License-Identifier: Apache-2.0
"""A simulated world behind the topics of the robot."""

from typing import Any

import numpy as np
from genima_msgs.msg import GripperCommand, TargetRequest
from genima_msgs.srv import ResetWorld
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory

from genima.allocation import give_back_large_blocks
from genima.control.follower import FollowerState, TrajectoryFollower
from genima.errors import GenimaError, InvalidParameter
from genima.kinematics import JOINT_NAMES
from genima.limits import RobotModel, limits_of
from genima.sim.lockstep import LockstepRunner
from genima.sim.mirrored_arm import MirroredArm
from genima.sim.realtime import RealtimeRunner
from genima.sim.runner import Images, WorldRunner
from genima.sim.world import WorldState
from genima_ros.conversions import (
    FINGER_JOINTS,
    camera_info,
    joint_positions,
    joint_state,
    rgb_to_image,
    seconds,
    time_message,
    trajectory_arrays,
)
from genima_ros.diagnostics import Health, Level
from genima_ros.lifecycle import GenimaNode, run_node
from genima_ros.policies import make_rig
from genima_ros.qos import (
    IMAGE_PUBLISHER,
    JOINT_STATES,
    JOINT_STATES_PUBLISHER,
    LATCHED,
    RELIABLE_LATEST,
)
from genima_sim_bridge.backends import make_backend
from genima_sim_bridge.parameters import SimParameters
from genima_sim_bridge.services import WorldServices

_INFO_PERIOD_S = 0.5
_RAN_OUT = "no new joint_trajectory came while the arm moved"
_EMPTY = "no episode was begun, so no images are sent; call reset_world, or set parameter task"


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
        if self._lockstep and p.follow_joint_states:
            raise InvalidParameter(
                "follow_joint_states needs pacing realtime: an arm elsewhere does not wait"
            )
        self._rig = make_rig(p.cameras_file)
        self._refused = 0
        self._arm = FollowerState.IDLE  # following, or braking because nothing more came
        self._backend = make_backend(p, self._rig)
        self._world = self._backend.world
        q_start = self._backend.q_start
        self._mirrored = MirroredArm(q_start) if p.follow_joint_states else None
        limits = limits_of(RobotModel(p.robot))
        self._follower = self._mirrored or TrajectoryFollower(limits=limits)
        self._connect()
        self._runner = self._make_runner()

    def _make_runner(self) -> WorldRunner:
        p, self._defect = self.parameters, None
        parts: tuple[Any, ...] = (
            self._world,
            self._backend.make_renderer,
            self._follower,
            self,
        )
        if self._lockstep:
            return LockstepRunner(
                *parts, images_on_request=p.images_on_request, settle_steps=p.settle_steps
            )
        return RealtimeRunner(
            *parts,
            now_s=self.now_s,
            camera_period_s=1.0 / p.camera_rate_hz,
            camera_latency_s=p.camera_latency_s,
        )

    def _connect(self) -> None:
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
        if self._mirrored is not None:
            self.subscribe(JointState, "joint_states", self._on_joint_state, JOINT_STATES)
        else:
            self._joints = self.advertise(JointState, "joint_states", JOINT_STATES_PUBLISHER)
            command = self._on_trajectory
            self.subscribe(JointTrajectory, "joint_trajectory", command, RELIABLE_LATEST)
        self.subscribe(GripperCommand, "gripper_command", self._on_gripper, LATCHED)
        self.subscribe(TargetRequest, "target_request", self._on_target_request, LATCHED)
        require_start = self._mirrored.require_start if self._mirrored else lambda: None
        self._world_services = WorldServices(
            self, self._world, lambda: self._runner, require_start
        )
        self.report_health(self._health)

    def activate(self) -> None:
        """Start the world."""
        p = self.parameters
        if self._runner is None:
            self._runner = self._make_runner()
        self._runner.start()
        try:
            if p.task:
                self._world_services.reset(ResetWorld.Request(task=p.task, seed=p.seed))
        except GenimaError:
            self._stop_runner()
            raise
        self._info_timer = self.create_timer(_INFO_PERIOD_S, self._publish_infos)
        tasks = ", ".join(self._world.task_names())
        empty = "" if p.task else ", which sends no images before reset_world"
        self.get_logger().info(f"active: a world in {p.pacing}{empty}; reset_world takes {tasks}")

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
        if self._mirrored is not None:
            return
        fingers = np.full(2, state.gripper_width_m / 2.0)
        names = (*JOINT_NAMES, *FINGER_JOINTS)
        q, dq = np.append(state.q, fingers), np.append(state.dq, np.zeros(2))
        if self._lockstep:
            self._clock_topic.publish(Clock(clock=time_message(stamp_s)))
        self._joints.publish(joint_state(names, q, dq, stamp_s))
        if self._follower.state in (FollowerState.BRAKING, FollowerState.FOLLOWING):
            self._note_arm(self._follower.state)

    def _note_arm(self, state: FollowerState) -> None:
        """Tell when the commands end in mid-motion: whoever sent them may be dead."""
        if state is FollowerState.BRAKING and self._arm is not state:
            self.get_logger().warning(f"{_RAN_OUT}; it brakes and stands")
        self._arm = state

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
            info = camera_info(camera.intrinsics, camera.frame_id, self.now_s())
            self._infos[name].publish(info)

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

    def _on_joint_state(self, message: JointState) -> None:
        try:
            self._mirrored.hear(joint_positions(message, JOINT_NAMES))
        except GenimaError as error:
            self.complain("joint_states", error)

    def _on_gripper(self, message: GripperCommand) -> None:
        if self._runner is not None:
            self._runner.command_gripper(message.open, seconds(message.header.stamp))

    def _on_target_request(self, message: TargetRequest) -> None:
        if isinstance(self._runner, LockstepRunner):
            self._runner.request_images(seconds(message.not_before))

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
        if episode and episode.error:
            what = "the episode is lost" if episode.task else "no episode can begin"
            return Health(Level.WARN, f"{what}: {episode.error}", values)
        if episode and not episode.task:
            return Health(Level.WARN, _EMPTY, values)
        if episode and self._lockstep and episode.finished:
            return Health(Level.OK, "the episode has ended; reset_world begins another", values)
        if self._arm is FollowerState.BRAKING:
            return Health(Level.WARN, _RAN_OUT, values)
        return Health(Level.OK, self._follower.state.value, values)


def main() -> None:
    """Run the node."""
    give_back_large_blocks()
    run_node(SimBridgeNode)


if __name__ == "__main__":
    main()
