# SPDX-License-Identifier: Apache-2.0
"""Speaks with the recorder: its status comes in, orders go out, and nothing ever blocks."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from genima_msgs.msg import RecorderStatus, StreamStatus
from genima_msgs.srv import KeepTake, StartTake
from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from genima.recording_ui.orders import Answer, Command, Order
from genima.recording_ui.snapshot import RecorderSnapshot, RecorderState, StreamSnapshot
from genima_ros.qos import LATCHED

STATUS_TOPIC = "recorder/status"
#: How long each order may take [s]: a long take is flushed to a slow disk, or removed from it.
TIME_LIMITS_S: Mapping[Command, float] = {
    Command.START: 10.0,
    Command.STOP: 20.0,
    Command.KEEP: 60.0,
    Command.FAIL: 60.0,
    Command.DISCARD: 60.0,
}


@dataclass
class _Call:
    """An order on its way."""

    name: str
    client: Client
    request: Any
    limit_s: float
    until_s: float
    future: Future | None = None


class RecordClient:
    """The recorder as the interface sees it.

    Args:
        node: Owns subscription and clients.
        task: Given to the recorder with each take.
        instruction: The same.
        on_status: Told each status.
    """

    def __init__(
        self,
        node: Node,
        task: str,
        instruction: str,
        on_status: Callable[[RecorderSnapshot], None],
    ) -> None:
        self._start = StartTake.Request(task=task, instruction=instruction)
        self._stop = node.create_client(Trigger, "recorder/stop_take")
        self._begin = node.create_client(StartTake, "recorder/start_take")
        self._keep = node.create_client(KeepTake, "recorder/keep_take")
        self._discard = node.create_client(Trigger, "recorder/discard_take")
        self._call: _Call | None = None

        def hear(message: RecorderStatus) -> None:
            with suppress(ValueError):  # a state that this version does not know
                on_status(snapshot(message))

        node.create_subscription(RecorderStatus, STATUS_TOPIC, hear, LATCHED)

    def send(self, order: Order, now_s: float) -> None:
        """Begin to carry out an order, other than the end of the program."""
        command = order.command
        if command is Command.START:
            name, client, request = "start_take", self._begin, self._start
        elif command is Command.STOP:
            name, client, request = "stop_take", self._stop, Trigger.Request()
        elif command is Command.DISCARD:
            name, client, request = "discard_take", self._discard, Trigger.Request()
        else:
            keep = KeepTake.Request(task_success=command is Command.KEEP, note=order.note)
            name, client, request = "keep_take", self._keep, keep
        limit_s = TIME_LIMITS_S[command]
        self._call = _Call(name, client, request, limit_s, now_s + limit_s)

    def answer(self, now_s: float) -> Answer | None:
        """What became of the order, once that is known."""
        call = self._call
        if call is None:
            return None
        if call.future is None and call.client.service_is_ready():
            call.future = call.client.call_async(call.request)
        if call.future is not None and call.future.done():
            self._call = None
            response = call.future.result()
            return Answer(response.success, response.message)
        if now_s < call.until_s:
            return None
        self._call = None
        if call.future is None:
            return Answer(
                False, f"nobody offers recorder/{call.name}; see whether the recorder still runs"
            )
        call.client.remove_pending_request(call.future)
        return Answer(
            False,
            f"the recorder did not answer recorder/{call.name} within {call.limit_s:.0f} s; "
            "it may still do it: look at the state before you repeat it",
        )


def snapshot(message: RecorderStatus) -> RecorderSnapshot:
    """The message as the library's own type."""
    return RecorderSnapshot(
        state=RecorderState(message.state),
        reason=message.reason,
        dataset=message.dataset,
        task=message.task,
        instruction=message.instruction,
        episode=message.episode,
        kept=message.kept,
        discarded=message.discarded,
        recovered=message.recovered,
        duration_s=message.duration_s,
        written_bytes=message.written_bytes,
        disk_free_bytes=message.disk_free_bytes,
        disk_left_s=message.disk_left_s if math.isfinite(message.disk_left_s) else -1.0,
        queue_bytes=message.queue_bytes,
        streams=tuple(_stream(stream) for stream in message.streams),
    )


def _stream(message: StreamStatus) -> StreamSnapshot:
    return StreamSnapshot(
        topic=message.topic,
        type=message.type,
        received=message.received,
        lost=message.lost,
        gaps=message.gaps,
        rate_hz=message.rate_hz,
        jitter_s=message.jitter_s,
        age_s=message.age_s,
        required=message.required,
    )
