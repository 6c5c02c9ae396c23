# SPDX-License-Identifier: Apache-2.0
"""The node graph as the episode runner uses it: services, the action, and waiting with a limit."""

import time
from collections.abc import Callable
from typing import Any

from genima_msgs.action import ExecuteInstruction
from genima_msgs.msg import ControllerStatus
from genima_msgs.srv import QuerySuccess, ResetWorld
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

from genima.errors import WorldError
from genima_ros.conversions import seconds
from genima_ros.qos import LATCHED

#: How long a service or the action may take to answer [s]; a reset compiles a scene.
_ANSWER_LIMIT_S = 90.0
#: How long to wait between two goals while the controller refuses [s].
_RETRY_S = 0.3
_SPIN_S = 0.05


class GraphFault(WorldError):
    """A node of the graph has gone or hangs; only a new graph helps."""


class Interrupted(Exception):
    """The runner was told to stop."""


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


class GraphClient:
    """Speaks to the sim bridge and the controller, and never waits without a limit.

    Args:
        node: Owns the clients.
        stopping: Whether to give up everything.
        sign_of_life: Called again and again while waiting.
    """

    def __init__(
        self, node: Node, stopping: Callable[[], bool], sign_of_life: Callable[[], None]
    ) -> None:
        self.status: ControllerStatus | None = None
        self._stopping = stopping
        self._sign_of_life = sign_of_life
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._reset = node.create_client(ResetWorld, "reset_world")
        self._query = node.create_client(QuerySuccess, "query_success")
        self._execute = ActionClient(node, ExecuteInstruction, "execute")
        node.create_subscription(ControllerStatus, "status", self._on_status, LATCHED)

    def _on_status(self, message: ControllerStatus) -> None:
        self.status = message

    def spin_until(self, done: Callable[[], bool], limit_s: float) -> bool:
        """Work off callbacks until `done`; false if that takes too long.

        Raises:
            Interrupted: The runner was told to stop.
        """
        deadline_s = time.monotonic() + limit_s
        while not done():
            if self._stopping():
                raise Interrupted
            if time.monotonic() > deadline_s:
                return False
            self._sign_of_life()
            self._executor.spin_once(timeout_sec=_SPIN_S)
        return True

    def wait_for_nodes(self, limit_s: float) -> None:
        """Wait until world and controller offer what is needed.

        Raises:
            GraphFault: They do not.
        """
        offers = {
            "reset_world": self._reset.service_is_ready,
            "query_success": self._query.service_is_ready,
            "execute": self._execute.server_is_ready,
        }
        self.spin_until(lambda: all(ready() for ready in offers.values()), limit_s)
        missing = [name for name, ready in offers.items() if not ready()]
        if missing:
            raise GraphFault(f"nobody offered {', '.join(missing)} within {limit_s:.0f} s")

    def reset(self, request: ResetWorld.Request) -> ResetWorld.Response:
        """Put the world into the initial state of an episode.

        Raises:
            WorldError: The world refuses.
            GraphFault: The sim bridge does not answer.
        """
        response = self._answer(self._reset.call_async(request), "reset_world")
        if not response.success:
            raise WorldError(response.message)
        return response

    def query(self) -> QuerySuccess.Response:
        """How the episode goes.

        Raises:
            GraphFault: The sim bridge does not answer.
        """
        return self._answer(self._query.call_async(QuerySuccess.Request()), "query_success")

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

    def _answer(self, future: Future, name: str) -> Any:
        if not self.spin_until(future.done, _ANSWER_LIMIT_S):
            raise GraphFault(f"{name} was not answered in {_ANSWER_LIMIT_S:.0f} s")
        return future.result()
