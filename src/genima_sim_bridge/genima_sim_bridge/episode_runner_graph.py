# SPDX-License-Identifier: Apache-2.0
"""The node graph as the episode runner uses it: the world, and the action of the controller."""

import time
from collections.abc import Callable

from genima_msgs.action import ExecuteInstruction
from genima_msgs.msg import ControllerStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from genima_ros.conversions import seconds
from genima_ros.qos import LATCHED
from genima_sim_bridge.world_client import GraphFault, WorldClient

#: How long to wait between two goals while the controller refuses [s].
_RETRY_S = 0.3


class Goal:
    """A goal that the controller works on."""

    def __init__(self, handle: ClientGoalHandle) -> None:
        self._handle = handle
        self._result = handle.get_result_async()

    @property
    def ended(self) -> bool:
        """Whether the controller has given the goal up by itself."""
        return self._result.done()

    @property
    def message(self) -> str:
        """Why it has."""
        return self._result.result().result.message

    def cancel(self) -> Future:
        """Ask to give it up; the future is that of the result."""
        self._handle.cancel_goal_async()
        return self._result


class GraphClient(WorldClient):
    """Speaks to the sim bridge and the controller, and never waits without a limit.

    Args:
        node: Owns the clients.
        stopping: Whether to give up everything.
        sign_of_life: Called again and again while waiting.
    """

    def __init__(
        self, node: Node, stopping: Callable[[], bool], sign_of_life: Callable[[], None]
    ) -> None:
        super().__init__(node, stopping, sign_of_life)
        self.status: ControllerStatus | None = None
        self._execute = ActionClient(node, ExecuteInstruction, "execute")
        self._offers["execute"] = self._execute.server_is_ready
        node.create_subscription(ControllerStatus, "status", self._on_status, LATCHED)

    def _on_status(self, message: ControllerStatus) -> None:
        self.status = message

    def wait_for_controller(self, stamp_s: float, limit_s: float) -> None:
        """Wait until the controller has seen a state of the world from `stamp_s` on.

        Raises:
            GraphFault: It sees none.
        """

        def caught_up() -> bool:
            return self.status is not None and seconds(self.status.header.stamp) > stamp_s - 1e-6

        if not self.spin_until(caught_up, limit_s):
            raise GraphFault(f"the controller has not seen the new world within {limit_s:.0f} s")

    def execute(self, instruction: str, limit_s: float) -> Goal:
        """Give the controller a goal, again while it refuses because something does not flow yet.

        Raises:
            GraphFault: It goes on refusing, or does not answer.
        """
        deadline_s = time.monotonic() + limit_s
        while time.monotonic() < deadline_s:
            goal = ExecuteInstruction.Goal(instruction=instruction)
            handle = self._answer(self._execute.send_goal_async(goal), "execute")
            if handle.accepted:
                return Goal(handle)
            self.spin_until(lambda: False, _RETRY_S)
        raise GraphFault(f"the controller refused the goal for {limit_s:.0f} s; its log says why")
