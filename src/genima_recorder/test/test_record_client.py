# SPDX-License-Identifier: Apache-2.0
"""What the client of `genima record` makes of a recorder's messages, answers and silence."""

import math
import time
from collections.abc import Callable, Iterator

import pytest
import rclpy
from genima_msgs.msg import RecorderStatus, StreamStatus
from genima_msgs.srv import KeepTake, StartTake
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from genima.evaluation.domain import claim_domain
from genima.recording_ui.orders import Answer, Command, Order
from genima.recording_ui.snapshot import RecorderSnapshot, RecorderState
from genima_recorder.record_client import (
    STATUS_TOPIC,
    TIME_LIMITS_S,
    RecordClient,
    snapshot,
)
from genima_ros.qos import LATCHED

PATIENCE_S = 60.0


class Stage:
    """A client, and a recorder whose services do what a test wants."""

    def __init__(self, context: "rclpy.Context") -> None:
        self.recorder = rclpy.create_node("recorder", context=context)
        self.operator = rclpy.create_node("operator", context=context)
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.operator)
        self.heard: list[RecorderSnapshot] = []
        self.client = RecordClient(self.operator, "task", "do it", self.heard.append)
        self.requests: list[object] = []

    def offer(self, kind: type, name: str) -> None:
        """Offer a service that does everything."""

        def do(request: object, response: Trigger.Response) -> Trigger.Response:
            self.requests.append(request)
            response.success, response.message = True, "done"
            return response

        self.recorder.create_service(kind, f"recorder/{name}", do)

    def until(self, condition: Callable[[], object]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            self.executor.spin_once(timeout_sec=0.05)
            assert time.monotonic() < end_s

    def answer(self, order: Order) -> Answer:
        """Have an order carried out."""
        answers: list[Answer] = []
        self.client.send(order, 0.0)

        def answered() -> bool:
            answer = self.client.answer(0.0)
            if answer is not None:
                answers.append(answer)
            return bool(answers)

        self.until(answered)
        return answers[0]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with claim_domain() as domain:
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=domain)
        made = Stage(context)
        yield made
        made.executor.shutdown(timeout_sec=1.0)
        made.operator.destroy_node()
        made.recorder.destroy_node()
        rclpy.try_shutdown(context=context)


@pytest.mark.graph
def test_each_order_asks_its_own_service(stage: Stage) -> None:
    stage.executor.add_node(stage.recorder)
    for kind, name in (
        (StartTake, "start_take"),
        (Trigger, "stop_take"),
        (KeepTake, "keep_take"),
        (Trigger, "discard_take"),
    ):
        stage.offer(kind, name)
    for command in Command:
        assert stage.answer(Order(command, note="slow")) == Answer(True, "done")
    assert stage.requests == [
        StartTake.Request(task="task", instruction="do it"),
        Trigger.Request(),
        KeepTake.Request(task_success=True, note="slow"),
        KeepTake.Request(task_success=False, note="slow"),
        Trigger.Request(),
    ]


@pytest.mark.graph
def test_service_that_nobody_offers_is_named_when_the_time_is_over(stage: Stage) -> None:
    stage.client.send(Order(Command.START), 100.0)
    assert stage.client.answer(100.0 + TIME_LIMITS_S[Command.START] - 0.1) is None
    answer = stage.client.answer(100.0 + TIME_LIMITS_S[Command.START])
    assert answer is not None and not answer.success
    assert answer.message.startswith("nobody offers recorder/start_take; see whether")
    assert stage.client.answer(200.0) is None


@pytest.mark.graph
def test_recorder_that_does_not_answer_is_not_waited_for_for_ever(stage: Stage) -> None:
    stage.offer(Trigger, "stop_take")  # and never spin the node that offers it
    stage.until(stage.client._stop.service_is_ready)
    stage.client.send(Order(Command.STOP), 100.0)
    assert stage.client.answer(100.0) is None
    answer = stage.client.answer(100.0 + TIME_LIMITS_S[Command.STOP])
    assert answer is not None and not answer.success
    assert "did not answer recorder/stop_take within 20 s" in answer.message
    assert "it may still do it" in answer.message


@pytest.mark.graph
def test_status_that_was_published_before_is_heard(stage: Stage) -> None:
    stream = StreamStatus(topic="/joint_states", rate_hz=math.nan, age_s=-1.0, required=True)
    message = RecorderStatus(
        state=RecorderStatus.REVIEW, episode=3, kept=2, disk_left_s=math.inf, streams=[stream]
    )
    stage.recorder.create_publisher(RecorderStatus, STATUS_TOPIC, LATCHED).publish(message)
    stage.until(lambda: stage.heard)
    (heard,) = stage.heard
    assert (heard.state, heard.episode, heard.kept) == (RecorderState.REVIEW, 3, 2)
    assert heard.disk_left_s == -1.0
    assert heard.streams[0].topic == "/joint_states" and heard.streams[0].required


def test_every_field_of_a_status_reaches_the_screen() -> None:
    names = {name for name in RecorderStatus.get_fields_and_field_types() if name != "header"}
    assert names == set(RecorderSnapshot.__dataclass_fields__)
    message = RecorderStatus(
        state=1,
        reason="r",
        dataset="d",
        task="t",
        instruction="i",
        episode=1,
        kept=2,
        discarded=3,
        recovered=4,
        duration_s=5.0,
        written_bytes=6,
        disk_free_bytes=7,
        disk_left_s=8.0,
        queue_bytes=9,
    )
    got = snapshot(message)
    for name in names - {"state", "streams"}:
        assert getattr(got, name) == getattr(message, name), name
