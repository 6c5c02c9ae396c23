# SPDX-License-Identifier: Apache-2.0
"""The services of a simulated world: reset, how the episode goes, what its expert would do."""

from collections.abc import Callable
from typing import Any

from genima_msgs.srv import QueryExpert, QuerySuccess, ResetWorld

from genima.errors import GenimaError, InvalidParameter, NotReady
from genima.sim.runner import WorldRunner
from genima.sim.world import World
from genima_ros.conversions import time_message
from genima_ros.lifecycle import GenimaNode

#: Longest horizon that an expert is asked for.
_MOST_STEPS = 1000


class WorldServices:
    """Offers the services until the node disconnects; what cannot be done is said in `message`.

    Args:
        node: Offers the services.
        world: Touched only through its runner.
        runner: The runner; None while the node is not active.
        require_start: Refuses, by a GenimaError, to begin an episode now.
    """

    def __init__(
        self,
        node: GenimaNode,
        world: World,
        runner: Callable[[], WorldRunner | None],
        require_start: Callable[[], None],
    ) -> None:
        self._node = node
        self._require_start = require_start
        self._world = world
        self._runner = runner
        node.serve(ResetWorld, "reset_world", self._on_reset)
        node.serve(QuerySuccess, "query_success", self._on_query_success)
        node.serve(QueryExpert, "query_expert", self._on_query_expert)

    def reset(self, request: ResetWorld.Request) -> tuple[str, ...]:
        """Begin an episode; returns the wordings of its instruction.

        Raises:
            GenimaError: It cannot begin; the old episode goes on.
        """
        self._require_start()
        instructions = self._active_runner().reset(
            request.task, request.variation, request.seed, request.max_steps
        )
        self._node.get_logger().info(
            f"{request.task}, variation {request.variation}, seed {request.seed}: "
            f"{instructions[0]!r}"
        )
        return instructions

    def _active_runner(self) -> WorldRunner:
        runner = self._runner()
        if runner is None:
            raise NotReady("the sim bridge is not active; activate it first")
        return runner

    def _on_reset(
        self, request: ResetWorld.Request, response: ResetWorld.Response
    ) -> ResetWorld.Response:
        def fill() -> None:
            response.instructions = list(self.reset(request))
            response.stamp = time_message(self._active_runner().reset_stamp_s)
            response.scene = self._active_runner().episode.scene

        return self._answer(response, fill)

    def _on_query_success(
        self, _: QuerySuccess.Request, response: QuerySuccess.Response
    ) -> QuerySuccess.Response:
        runner = self._runner()
        if runner is not None:
            episode = runner.episode
            response.success, response.succeeded = episode.success, episode.succeeded
            response.finished, response.steps = episode.finished, episode.steps
            response.task, response.seed = episode.task, episode.seed
            response.error = episode.error
        return response

    def _on_query_expert(
        self, request: QueryExpert.Request, response: QueryExpert.Response
    ) -> QueryExpert.Response:
        def fill() -> None:
            steps = request.horizon_steps
            if not 1 <= steps <= _MOST_STEPS:
                raise InvalidParameter(f"horizon_steps is {steps}; give 1 to {_MOST_STEPS}")
            chunk = self._active_runner().call(lambda: self._world.expert_chunk(steps))
            response.q_now = chunk.q_now
            response.q = chunk.q.ravel().tolist()
            response.gripper_open = chunk.gripper_open.tolist()

        return self._answer(response, fill)

    def _answer(self, response: Any, fill: Callable[[], None]) -> Any:
        try:
            fill()
            response.success = True
        except GenimaError as error:
            response.message = str(error)
        except Exception as error:
            self._node.report_defect(error)
            response.message = f"defect in the world: {error}"
        return response
