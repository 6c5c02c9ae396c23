# SPDX-License-Identifier: Apache-2.0
"""What the client of the `execute` action prints."""

from collections.abc import Iterator

import pytest
from genima_msgs.action import ExecuteInstruction
from genima_msgs.msg import ControllerStatus

from genima.terminal.printable import printable
from genima_controller_node.execute_client import ExecuteClient

EVIL = "halted\x1b]0;owned\x07\x9b2J\nfine"


@pytest.fixture
def client(ros: None) -> Iterator[ExecuteClient]:
    client = ExecuteClient()
    yield client
    client.destroy_node()


def test_a_controller_in_a_namespace_can_be_given_a_goal(ros: None) -> None:
    client = ExecuteClient("lab")
    assert "/lab/status" in [heard.topic_name for heard in client.subscriptions]
    client.destroy_node()


def test_reason_from_the_network_cannot_command_the_terminal(
    client: ExecuteClient, capsys: pytest.CaptureFixture[str]
) -> None:
    message = ExecuteInstruction.Impl.FeedbackMessage()
    message.feedback.reason = EVIL
    client._on_feedback(message)
    printed = capsys.readouterr().out
    assert "halted?]0;owned??2J?fine" in printed
    own = printed.removeprefix("\r").removesuffix("\x1b[K")
    assert own.isprintable()


def test_refusal_from_the_network_cannot_command_the_terminal(client: ExecuteClient) -> None:
    client._asked = True
    client._on_status(ControllerStatus(reason=f"goal refused: {EVIL}"))
    assert printable(client._refusal.result()) == "goal refused: halted?]0;owned??2J?fine"


def test_any_script_is_printed_as_it_is() -> None:
    assert printable("Knopf drücken, ボタン") == "Knopf drücken, ボタン"
