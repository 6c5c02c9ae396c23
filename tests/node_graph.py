# SPDX-License-Identifier: Apache-2.0
"""The nodes as processes, and a client that sees what they publish: what graph tests share."""

import os
import signal
import subprocess
import time
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from genima_msgs.action import ExecuteInstruction
from genima_msgs.msg import ControllerStatus
from genima_msgs.srv import QuerySuccess, ResetWorld
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState

from genima.launching.ament import executable
from genima.launching.processes import die_with
from genima_ros.qos import DIAGNOSTICS, JOINT_STATES, LATCHED

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "sim_bridge": ("genima_sim_bridge", "sim_bridge_node", "sim.yaml"),
    "diffusion": ("genima_diffusion_node", "diffusion_node", "diffusion.yaml"),
    "controller": ("genima_controller_node", "controller_node", "controller.yaml"),
    "panda_driver": ("genima_controller_node", "panda_driver_node", "panda.yaml"),
}
#: Nodes that know neither cameras nor simulated time.
_BLIND = ("panda_driver",)
#: Longest wait for anything [s]; a test that needs it has failed. Machines may be busy.
PATIENCE_S = 90.0
#: Pause after a refused goal [s]: nodes need the processor to find one another.
_BETWEEN_GOALS_S = 0.2
#: Joint speeds below this are rest, above the other one motion [rad/s].
REST_RAD_S, MOTION_RAD_S = 0.005, 0.05


class NodeGraph:
    """Starts, kills and watches nodes.

    Args:
        folder: Where logs go.
        domain: ROS domain.
        pacing: Of all nodes.
    """

    def __init__(self, folder: Path, domain: int, pacing: str) -> None:
        self._folder = folder
        self._environment = os.environ | {
            "ROS_DOMAIN_ID": str(domain),
            "ROS_LOG_DIR": str(folder),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        }
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        self._pacing = pacing
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node("watcher", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.status = ControllerStatus()
        self.health: dict[str, DiagnosticStatus] = {}
        self.speeds: deque[float] = deque([np.inf], maxlen=10)
        self.joint_stamp_s = 0.0
        node = self.node
        node.create_subscription(ControllerStatus, "status", self._on_status, LATCHED)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_health, DIAGNOSTICS)
        node.create_subscription(JointState, "joint_states", self._on_joints, JOINT_STATES)
        self._execute = ActionClient(node, ExecuteInstruction, "execute")
        self._reset = node.create_client(ResetWorld, "reset_world")
        self._query = node.create_client(QuerySuccess, "query_success")
        self._starts: dict[str, int] = defaultdict(int)

    def close(self) -> None:
        """Kill what is left."""
        for name in list(self._processes):
            self.kill(name)
        self._executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def start(self, name: str, **parameters: object) -> None:
        """Start a node, again if it was killed."""
        package, program, config = PACKAGES[name]
        shared = {"cameras_file": ROOT / "config" / "cameras.yaml", "pacing": self._pacing}
        values = ({} if name in _BLIND else shared) | parameters
        command = [str(executable(package, program, os.environ)), "--ros-args"]
        command += ["--params-file", str(ROOT / "config" / config)]
        for key, value in values.items():
            command += ["-p", f"{key}:={value}"]
        self._starts[name] += 1
        with self.log_file(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(
                command,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with(os.getpid()),
            )

    def kill(self, name: str) -> None:
        """End a node as a crash of the machine would."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def pid(self, name: str) -> int:
        """Process id of a node."""
        return self._processes[name].pid

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send a node a signal that does not end it."""
        self._processes[name].send_signal(number)

    def end(self, name: str, number: signal.Signals) -> int:
        """Ask a node to end; returns its exit code."""
        process = self._processes.pop(name)
        process.send_signal(number)
        self.until(lambda: process.poll() is not None, f"the end of {name}")
        return process.wait()

    def log_file(self, name: str) -> Path:
        """Output of the newest process of a node."""
        return self._folder / f"{name}_{self._starts[name]}.log"

    def log(self, name: str) -> str:
        """The same, as text."""
        return self.log_file(name).read_text(errors="replace")

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Spin until something holds; fail with the logs if it never does."""
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            self._executor.spin_once(timeout_sec=0.1)
            if time.monotonic() > end_s:
                logs = [f"--- {name}\n{self.log(name)[-2000:]}" for name in self._starts]
                state = f"status: {self.status}\nhealth: {self.health}"
                raise AssertionError("\n".join([f"never came: {what}", state, *logs]))

    def result(self, future: Any, what: str) -> Any:
        """Spin until a future has its result."""
        self.until(future.done, what)
        return future.result()

    def reset(self, task: str, seed: int = 0, max_steps: int = 0) -> ResetWorld.Response:
        """Reset the world."""
        self.until(self._reset.service_is_ready, "reset_world")
        request = ResetWorld.Request(task=task, seed=seed, max_steps=max_steps)
        return self.result(self._reset.call_async(request), "an answer of reset_world")

    def episode(self) -> QuerySuccess.Response:
        """Ask how the episode goes."""
        return self.result(self._query.call_async(QuerySuccess.Request()), "query_success")

    def give_goal(self, instruction: str, time_limit_s: float = 0.0) -> ClientGoalHandle:
        """Give the controller a goal, which it may refuse."""
        self.until(self._execute.server_is_ready, "the action server")
        goal = ExecuteInstruction.Goal(instruction=instruction, time_limit_s=time_limit_s)
        return self.result(self._execute.send_goal_async(goal), "an answer to the goal")

    def give_goal_until_accepted(self, instruction: str) -> ClientGoalHandle:
        """Give a goal again and again: what was killed is counted until its lease is over."""
        handles: list[ClientGoalHandle] = []

        def accepted() -> bool:
            handles.append(self.give_goal(instruction))
            if not handles[-1].accepted:
                time.sleep(_BETWEEN_GOALS_S)
            return handles[-1].accepted

        self.until(accepted, "an accepted goal")
        return handles[-1]

    def outcome(self, handle: ClientGoalHandle) -> ExecuteInstruction.Result:
        """The result of a goal that ends."""
        return self.result(handle.get_result_async(), "the result of the goal").result

    def cancel(self, handle: ClientGoalHandle) -> ExecuteInstruction.Result:
        """Take a goal back."""
        handle.cancel_goal_async()
        return self.outcome(handle)

    def until_state(self, state: int, words: str = "") -> None:
        """Wait for a state of the controller whose reason holds some words."""
        self.until(
            lambda: self.status.state == state and words in self.status.reason,
            f"controller in state {state}, {words!r}",
        )

    def until_health(self, name: str, level: bytes, words: str = "") -> None:
        """Wait for diagnostics of a node."""
        self.health.pop(f"/{name}", None)

        def reported() -> bool:
            health = self.health.get(f"/{name}")
            return health is not None and health.level == level and words in health.message

        self.until(reported, f"health {level!r} of {name} with {words!r}")

    @property
    def moving(self) -> bool:
        """Whether the arm has moved at the last joint state."""
        return bool(self.speeds) and self.speeds[-1] > MOTION_RAD_S

    def until_at_rest(self) -> None:
        """Wait until the arm has stood still for a while."""
        self.speeds.clear()
        self.until(
            lambda: len(self.speeds) == self.speeds.maxlen and max(self.speeds) < REST_RAD_S,
            "rest of the arm",
        )

    def _on_status(self, message: ControllerStatus) -> None:
        self.status = message

    def _on_health(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.health[status.name] = status

    def _on_joints(self, message: JointState) -> None:
        self.speeds.append(float(np.abs(message.velocity).max()))
        self.joint_stamp_s = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
