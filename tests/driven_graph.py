# SPDX-License-Identifier: Apache-2.0
"""The loop with the arm's driver in it, as processes: what graph tests and benchmarks share."""

import time
from pathlib import Path

import numpy as np
from genima_msgs.msg import DriverStatus, EmergencyStop
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from genima.arrays import Array, Float
from genima.franka.simulated import SimulatedArm
from genima.kinematics import JOINT_NAMES
from genima.sim.mujoco_world import Q_START
from genima_ros.conversions import trajectory
from genima_ros.qos import EMERGENCY_STOP, JOINT_STATES, LATCHED, RELIABLE_LATEST

from .node_graph import NodeGraph

BUTTON = "push the maroon button"
#: Time-outs and gains for machines that do several things at once.
CONTROLLER = {
    "robot": "fr3",
    "joint_state_timeout_s": 1.0,
    "max_target_age_s": 2.5,
    "target_timeout_s": 2.0,
    "first_target_timeout_s": 60.0,
    "tracking_tolerance_rad": 1.0,
    "velocity_fraction": 0.5,
    "acceleration_fraction": 0.5,
    "lookahead_s": 0.2,
}
DIFFUSION = {"max_image_age_s": 2.0}
BRIDGE = {"image_quality": "fast", "camera_rate_hz": 5.0, "follow_joint_states": True}
DRIVER = {
    "robot": "fr3",
    "realtime": "ignore",
    "rate_hz": 50.0,
    "joint_states_rate_hz": 50.0,
    "stiffness": [200.0] * 4 + [100.0] * 3,
    "damping": [28.0] * 4 + [20.0] * 3,
    "state_timeout_s": 1.0,
    "tracking_tolerance_rad": 1.0,
    "trajectory_timeout_s": 0.5,
    "start_tolerance_rad": 0.2,
    "home": Q_START.tolist(),
    "home_speed_rad_s": 0.8,
    "release_after_s": 1000.0,
}
#: Points of a streamed trajectory lie so far ahead of its stamp [s].
_AHEAD_S = np.array([0.02, 0.1, 0.3])
_ASK_AGAIN_S = 15.0
_HELD = (DriverStatus.HOLDING, DriverStatus.FOLLOWING)


class DrivenGraph(NodeGraph):
    """The nodes, and what the driver says.

    Args:
        folder: Where logs go.
        domain: ROS domain.
        arm: What is driven.
    """

    def __init__(self, folder: Path, domain: int, arm: SimulatedArm) -> None:
        super().__init__(folder, domain, "realtime")
        self.arm = arm
        self.driver = DriverStatus()
        self.joints = JointState()
        self.node.create_subscription(DriverStatus, "driver_status", self._on_driver, LATCHED)
        self.node.create_subscription(JointState, "joint_states", self._keep, JOINT_STATES)
        self.button = self.node.create_publisher(EmergencyStop, "estop", EMERGENCY_STOP)
        self._orders = {
            name: self.node.create_client(Trigger, f"panda_driver/{name}")
            for name in ("recover", "hold", "home")
        }

    def start_driver(self, **parameters: object) -> None:
        """Start the driver."""
        self.driver = DriverStatus()
        self.start("panda_driver", **(DRIVER | {"robot_ip": self.arm.host} | parameters))

    def order(self, name: str) -> Trigger.Response:
        """Call a service of the driver; again, as a driver that has ended may seem to be there."""
        client = self._orders[name]
        self.until(client.service_is_ready, name)
        asked: list[Future[Trigger.Response]] = []
        next_s = 0.0

        def answered() -> bool:
            nonlocal next_s
            if time.monotonic() > next_s:
                asked.append(client.call_async(Trigger.Request()))
                next_s = time.monotonic() + _ASK_AGAIN_S
            return any(future.done() for future in asked)

        self.until(answered, f"an answer of {name}")
        return next(future.result() for future in asked if future.done())

    def until_driver(self, state: int, words: str = "") -> None:
        """Wait for a state of the driver whose reason holds some words."""
        self.until(
            lambda: self.driver.state == state and words in self.driver.reason,
            f"driver in state {state}, {words!r}",
        )

    def stream(self) -> None:
        """Move joint 1 to and fro, as a controller does, until `end_stream`.

        The motion begins once the driver holds the arm; until then the stream stands.
        """
        start = np.array(self.joints.position[:7])
        self._began_s: float | None = None
        self._stream = (
            self.node.create_publisher(JointTrajectory, "joint_trajectory", RELIABLE_LATEST),
            self.node.create_timer(0.02, lambda: self._send(start)),
        )

    def end_stream(self) -> None:
        """Die, as a controller may."""
        publisher, timer = self._stream
        self.node.destroy_timer(timer)
        self.node.destroy_publisher(publisher)

    def stream_until_it_moves(self) -> None:
        """Stream to a driver that is ready, until the arm moves."""
        self.until_at_rest()
        self.speeds.clear()
        self.stream()
        self.until_driver(DriverStatus.FOLLOWING)
        self.until(lambda: self.moving, "motion")

    def _send(self, start: Float[Array, "7"]) -> None:
        now_s = self._now_s()
        if self._began_s is None and self.driver.state in _HELD:
            self._began_s = now_s
        moved_s = 0.0 * _AHEAD_S if self._began_s is None else now_s - self._began_s + _AHEAD_S
        phase = 0.5 * np.pi * moved_s
        q, dq = np.tile(start, (len(phase), 1)), np.zeros((len(phase), 7))
        q[:, 0] += 0.2 * (1.0 - np.cos(phase))
        dq[:, 0] = 0.1 * np.pi * np.sin(phase)
        message = trajectory(JOINT_NAMES, now_s, (now_s + _AHEAD_S).tolist(), q, dq)
        self._stream[0].publish(message)

    def _now_s(self) -> float:
        return self.node.get_clock().now().nanoseconds * 1e-9

    def go_home(self) -> None:
        """Bring the arm to where episodes begin, whatever it does."""
        self.until(lambda: self.order("recover").success, "a recovery")
        self.until(lambda: self.order("home").success, "a way home")
        self.until_driver(DriverStatus.HOLDING)
        self.until_at_rest()

    def set_in_motion(self) -> None:
        """Have the loop move the arm."""
        self.go_home()
        self.until(lambda: self.reset("push_button", seed=3).success, "a new episode")
        self.speeds.clear()
        self.give_goal_until_accepted(BUTTON)
        self.until(lambda: self.moving, "motion")

    def _on_driver(self, message: DriverStatus) -> None:
        self.driver = message

    def _keep(self, message: JointState) -> None:
        self.joints = message
