# SPDX-License-Identifier: Apache-2.0
"""Asks a simulated world's expert over its service."""

import threading

import numpy as np
from genima_msgs.srv import QueryExpert

from genima.errors import WorldError
from genima.sim.world import ExpertChunk
from genima_ros.lifecycle import GenimaNode


class ExpertClient:
    """A blocking client, for one worker thread; the node's executor must be spinning elsewhere."""

    #: How long an answer may take [s]; the expert plans a few paths at the most.
    TIMEOUT_S = 5.0

    def __init__(self, node: GenimaNode) -> None:
        self._client = node.use_service(QueryExpert, "query_expert")
        self._answered = threading.Event()
        self._closed = False

    def close(self) -> None:
        """Answer whoever waits that there will be no answer; from now on there is none."""
        self._closed = True
        self._answered.set()

    def ask(self, horizon_steps: int) -> ExpertChunk:
        """The expert's next joint positions from the world's present state.

        Raises:
            WorldError: There is no world, it does not answer, or its expert has no way.
        """
        if not self._client.service_is_ready():
            raise WorldError(
                "nobody offers the service query_expert: start the sim bridge, or set agent to a "
                "model; an oracle knows only simulated worlds"
            )
        answered = self._answered = threading.Event()
        future = self._client.call_async(QueryExpert.Request(horizon_steps=horizon_steps))
        future.add_done_callback(lambda _: answered.set())
        if self._closed or not answered.wait(self.TIMEOUT_S) or not future.done():
            self._client.remove_pending_request(future)
            raise WorldError(
                "the node is being shut down"
                if self._closed
                else f"the sim bridge did not answer query_expert within {self.TIMEOUT_S} s"
            )
        response = future.result()
        if not response.success:
            raise WorldError(response.message)
        return ExpertChunk(
            q_now=np.array(response.q_now),
            q=np.array(response.q).reshape(-1, 7),
            gripper_open=np.array(response.gripper_open, bool),
        )
