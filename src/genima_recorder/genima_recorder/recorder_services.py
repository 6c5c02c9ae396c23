# SPDX-License-Identifier: Apache-2.0
"""The services of the recorder: start, stop, keep, discard."""

import time
from collections.abc import Callable
from typing import Any

from genima_msgs.srv import KeepTake, StartTake
from std_srvs.srv import Trigger

from genima.errors import GenimaError, NotReady
from genima.recording.session import RecordingSession
from genima_recorder.recorder_parameters import RecorderParameters
from genima_recorder.recorder_streams import LEADER_TOPIC
from genima_ros.lifecycle import GenimaNode


class RecorderServices:
    """Offers the services until the node disconnects; what cannot be done is said in `message`.

    Args:
        node: Offers them.
        parameters: Task and instruction of a take whose start names none.
        session: The session; raises a GenimaError while the node is not active.
        on_change: Called when a service has changed what the recorder does.
    """

    def __init__(
        self,
        node: GenimaNode,
        parameters: RecorderParameters,
        session: Callable[[], RecordingSession],
        on_change: Callable[[], None],
    ) -> None:
        self._node = node
        self._parameters = parameters
        self._session = session
        self._on_change = on_change
        node.serve(StartTake, "~/start_take", self._on_start)
        node.serve(Trigger, "~/stop_take", self._on_stop)
        node.serve(KeepTake, "~/keep_take", self._on_keep)
        node.serve(Trigger, "~/discard_take", self._on_discard)

    def _on_start(self, request: StartTake.Request, response: StartTake.Response) -> Any:
        def start(session: RecordingSession) -> str:
            self._require_leader()
            task = request.task or self._parameters.task
            wording = (request.instruction, self._parameters.instruction)
            folder = session.start(task, *wording, time.time_ns())
            response.episode = session.info.index
            return str(folder)

        return self._answer(start, response)

    def _require_leader(self) -> None:
        """Refuse to leave a leader out that is there: its motion could not be had later."""
        if self._parameters.leader_rate_hz or not self._node.count_publishers(LEADER_TOPIC):
            return
        topic = self._node.resolve_topic_name(LEADER_TOPIC)
        raise NotReady(
            f"{topic} is published but would not be recorded: start the recorder with its rate, "
            "such as leader_rate_hz:=100.0, or end who publishes it"
        )

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Any:
        def stop(session: RecordingSession) -> str:
            session.stop(time.time_ns())
            return "the take waits for keep_take or discard_take"

        return self._answer(stop, response)

    def _on_keep(self, request: KeepTake.Request, response: KeepTake.Response) -> Any:
        def keep(session: RecordingSession) -> str:
            response.episode = session.info.index
            folder = session.keep(request.task_success, request.note, time.time_ns())
            return str(folder)

        return self._answer(keep, response)

    def _on_discard(self, _: Trigger.Request, response: Trigger.Response) -> Any:
        def discard(session: RecordingSession) -> str:
            session.discard(time.time_ns())
            return "the take is thrown away"

        return self._answer(discard, response)

    def _answer(self, act: Callable[[RecordingSession], str], response: Any) -> Any:
        try:
            response.message = act(self._session())
            response.success = True
        except GenimaError as error:
            response.message = str(error)
            response.success = False
        self._node.get_logger().info(response.message)
        self._on_change()
        return response
