# SPDX-License-Identifier: Apache-2.0
"""The services of a simulated world, as programs use them that end when their work is done."""

import time
from collections.abc import Callable
from typing import Any

from genima_msgs.srv import QuerySuccess, ResetWorld
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

from genima.errors import WorldError

#: How long a service or an action may take to answer [s].
_ANSWER_LIMIT_S = 90.0
#: A reset may start a simulator, in which a planner looks for a way to do the task [s].
_RESET_LIMIT_S = 600.0
_SPIN_S = 0.05


class GraphFault(WorldError):
    """A node of the graph has gone or hangs; only a new graph helps."""


class NoWorld(GraphFault):
    """The world is down and has no episode; see `genima.errors.WorldDown`."""


class Interrupted(Exception):
    """The program was told to stop."""


class WorldClient:
    """Speaks to the sim bridge, and never waits without a limit.

    Args:
        node: Owns the clients.
        stopping: Whether to give up everything.
        sign_of_life: Called again and again while waiting.
    """

    def __init__(
        self, node: Node, stopping: Callable[[], bool], sign_of_life: Callable[[], None]
    ) -> None:
        self._stopping = stopping
        self._sign_of_life = sign_of_life
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._reset = node.create_client(ResetWorld, "reset_world")
        self._query = node.create_client(QuerySuccess, "query_success")
        self._offers: dict[str, Callable[[], bool]] = {
            "reset_world": self._reset.service_is_ready,
            "query_success": self._query.service_is_ready,
        }

    def spin_until(self, done: Callable[[], bool], limit_s: float) -> bool:
        """Work off callbacks until `done`; false if that takes too long.

        Raises:
            Interrupted: The program was told to stop.
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
        """Wait until all that is needed is offered.

        Raises:
            GraphFault: It is not.
        """
        self.spin_until(lambda: all(ready() for ready in self._offers.values()), limit_s)
        missing = [name for name, ready in self._offers.items() if not ready()]
        if missing:
            raise GraphFault(f"nobody offered {', '.join(missing)} within {limit_s:.0f} s")

    def reset(self, request: ResetWorld.Request) -> ResetWorld.Response:
        """Put the world into the initial state of an episode.

        Raises:
            WorldError: The world refuses.
            NoWorld: The world is down.
            GraphFault: The sim bridge does not answer.
        """
        response = self._answer(self._reset.call_async(request), "reset_world", _RESET_LIMIT_S)
        if not response.success:
            self.query()
            raise WorldError(response.message)
        return response

    def query(self) -> QuerySuccess.Response:
        """How the episode goes.

        Raises:
            NoWorld: The world is down.
            GraphFault: The sim bridge does not answer.
        """
        response = self._answer(self._query.call_async(QuerySuccess.Request()), "query_success")
        if response.error and not response.task:
            raise NoWorld(response.error)
        return response

    def _answer(self, future: Future, name: str, limit_s: float = _ANSWER_LIMIT_S) -> Any:
        if not self.spin_until(future.done, limit_s):
            raise GraphFault(f"{name} was not answered in {limit_s:.0f} s")
        return future.result()
