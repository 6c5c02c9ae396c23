# SPDX-License-Identifier: Apache-2.0
"""Gives the controller an instruction from a terminal and shows what becomes of it."""

import argparse
import sys

import rclpy
from genima_msgs.action import ExecuteInstruction
from genima_msgs.msg import ControllerStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.task import Future

from genima.terminal.printable import printable
from genima_ros.dds import set_up_dds
from genima_ros.qos import LATCHED

#: How long to look for a controller [s].
_SERVER_WAIT_S = 10.0
#: How long the status that says why a goal was refused may take [s].
_REASON_WAIT_S = 3.0
#: How often to see whether the controller is still there [s].
_LOOK_EVERY_S = 1.0
_CLEAR_TO_END = "\x1b[K"
_BUSY = (
    ControllerStatus.WAITING,
    ControllerStatus.RUNNING,
    ControllerStatus.HOLDING,
    ControllerStatus.AWAITING_APPROVAL,
)
_OUTCOMES = {
    ExecuteInstruction.Result.TIME_LIMIT: "time limit reached",
    ExecuteInstruction.Result.CANCELLED: "cancelled",
    ExecuteInstruction.Result.HALTED: "halted",
}


class ExecuteClient(Node):
    """One goal of the `execute` action.

    Args:
        namespace: What is in front of the topics.
    """

    def __init__(self, namespace: str = "") -> None:
        super().__init__("execute_client", namespace=namespace)
        self._client = ActionClient(self, ExecuteInstruction, "execute")
        self._asked = False
        self._refusal: Future = Future()
        self.create_subscription(ControllerStatus, "status", self._on_status, LATCHED)
        self._goal: ClientGoalHandle | None = None

    def run(self, instruction: str, time_limit_s: float) -> int:
        """Send the goal and wait for its end; returns the exit status."""
        if not self._client.wait_for_server(_SERVER_WAIT_S):
            print("no controller offers the action execute; start one with genima launch")
            return 2
        request = ExecuteInstruction.Goal(instruction=instruction, time_limit_s=time_limit_s)
        sent = self._client.send_goal_async(request, self._on_feedback)
        rclpy.spin_until_future_complete(self, sent)
        self._asked = True
        self._goal = sent.result()
        if self._goal is None or not self._goal.accepted:
            rclpy.spin_until_future_complete(self, self._refusal, timeout_sec=_REASON_WAIT_S)
            print(
                printable(self._refusal.result() or "") or "goal refused: see the controller's log"
            )
            return 2
        finished = self._goal.get_result_async()
        while not finished.done():
            rclpy.spin_until_future_complete(self, finished, timeout_sec=_LOOK_EVERY_S)
            if not finished.done() and not self._client.server_is_ready():
                print(f"\rthe controller has gone; the arm brakes by itself{_CLEAR_TO_END}")
                return 1
        result = finished.result().result
        outcome = f"{_OUTCOMES[result.outcome]} after {result.chunks} chunks"
        print(f"\r{outcome}. {printable(result.message)}{_CLEAR_TO_END}")
        return 1 if result.outcome == ExecuteInstruction.Result.HALTED else 0

    def cancel(self) -> None:
        """Take the goal back; the arm comes to rest."""
        if self._goal is not None:
            rclpy.spin_until_future_complete(self, self._goal.cancel_goal_async(), timeout_sec=2.0)

    def _on_status(self, message: ControllerStatus) -> None:
        if self._asked and not self._refusal.done():
            if message.state in _BUSY:
                self._refusal.set_result(
                    f"goal refused: the controller is busy with {message.instruction!r}"
                )
            elif message.reason.startswith("goal refused"):
                self._refusal.set_result(message.reason)

    def _on_feedback(self, message: ExecuteInstruction.Impl.FeedbackMessage) -> None:
        feedback = message.feedback
        fit = f"fit {feedback.fit:.2f}" if feedback.fit >= 0 else "no target yet"
        print(
            f"\r{feedback.elapsed_s:6.1f} s  chunk {feedback.chunks}  {fit}  "
            f"{printable(feedback.reason)}{_CLEAR_TO_END}",
            end="",
            flush=True,
        )


def main() -> None:
    """Run the client until the goal ends; Ctrl-C takes it back."""
    parser = argparse.ArgumentParser(prog="execute", description=__doc__)
    parser.add_argument("instruction", help='for example "push the maroon button"')
    parser.add_argument("--time-limit", type=float, default=0.0, help="seconds; 0 for no limit")
    parser.add_argument("--namespace", default="", help="what is in front of the topics")
    arguments = parser.parse_args()
    set_up_dds()
    rclpy.init()
    client = ExecuteClient(arguments.namespace)
    try:
        status = client.run(arguments.instruction, arguments.time_limit)
    except (KeyboardInterrupt, ExternalShutdownException):
        client.cancel()
        print("\ntaken back; the arm comes to rest")
        status = 130
    finally:
        client.destroy_node()
        rclpy.try_shutdown()
    sys.exit(status)


if __name__ == "__main__":
    main()
