# SPDX-License-Identifier: Apache-2.0
"""`genima approve` on ROS's side: the operator's consent to each target.

One thread, one loop: messages, keys, drawing.
"""

import argparse
import sys
import threading
import time
from contextlib import suppress

import rclpy
from genima_msgs.msg import ControllerStatus
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future
from rich.console import Console
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from genima.approval.dialogue import ApprovalDialogue, ControllerView, Order
from genima.approval.frontends import LineFrontend, ScreenFrontend
from genima.control.session_types import SessionState
from genima.errors import GenimaError
from genima.kinematics import JOINT_NAMES
from genima_ros.conversions import joint_positions
from genima_ros.markers import shown_target
from genima_ros.program import start_terminal_program
from genima_ros.qos import JOINT_STATES, LATCHED

_MESSAGES_S, _KEYS_S = 0.02, 0.05
#: How long the controller may take to answer [s].
_ANSWER_LIMIT_S = 5.0


class ApproveClient(Node):
    """The controller as the operator sees it."""

    def __init__(self, dialogue: ApprovalDialogue, namespace: str) -> None:
        super().__init__("approve_client", namespace=namespace)
        self._dialogue = dialogue
        self._orders = {
            Order.APPROVE: self.create_client(Trigger, "approve"),
            Order.REJECT: self.create_client(Trigger, "reject"),
        }
        self._call: tuple[Client, Future, float] | None = None
        self.create_subscription(ControllerStatus, "status", self._on_status, LATCHED)
        self.create_subscription(MarkerArray, "targets/planned", self._on_markers, LATCHED)
        self.create_subscription(JointState, "joint_states", self._on_joint_state, JOINT_STATES)

    def send(self, order: Order, now_s: float) -> None:
        """Pass an answer on to the controller."""
        client = self._orders[order]
        if not client.service_is_ready():
            self._dialogue.answer(False, "the controller does not offer this; is approve true?")
            return
        self._call = client, client.call_async(Trigger.Request()), now_s + _ANSWER_LIMIT_S

    def poll(self, now_s: float) -> None:
        """See what became of the last answer."""
        if self._call is None:
            return
        client, future, until_s = self._call
        if future.done():
            response = future.result()
            self._dialogue.answer(response.success, response.message)
        elif now_s > until_s:
            client.remove_pending_request(future)
            self._dialogue.answer(False, "the controller did not answer; look at its state")
        else:
            return
        self._call = None

    def _on_status(self, message: ControllerStatus) -> None:
        with suppress(ValueError):  # a state of a newer controller
            view = ControllerView(
                state=SessionState(message.state),
                reason=message.reason,
                instruction=message.instruction,
                chunks=message.chunks,
                fit=message.fit,
            )
            self._dialogue.hear(view, time.monotonic())

    def _on_markers(self, message: MarkerArray) -> None:
        try:
            target = shown_target(message)
        except ValueError:
            target = None  # what cannot be read is not shown, nor is the one before
        self._dialogue.see(target, time.monotonic())

    def _on_joint_state(self, message: JointState) -> None:
        with suppress(GenimaError):  # the controller complains of it
            self._dialogue.feel(joint_positions(message, JOINT_NAMES), time.monotonic())


def converse(
    client: ApproveClient,
    executor: SingleThreadedExecutor,
    frontend: ScreenFrontend | LineFrontend,
    stop: threading.Event,
) -> None:
    """Go on until the operator ends it, or nobody can answer any more."""
    with frontend:
        while not stop.is_set():
            executor.spin_once(timeout_sec=_MESSAGES_S)
            client.poll(time.monotonic())
            try:
                order = frontend.turn(time.monotonic(), _KEYS_S)
            except EOFError:
                return
            if order is Order.QUIT:
                return
            if order is not None:
                client.send(order, time.monotonic())


def main() -> None:
    """Run the program; exit status 0, whatever was answered."""
    parser = argparse.ArgumentParser(prog="approve", description=__doc__)
    parser.add_argument("--namespace", default="")
    arguments = parser.parse_args()
    stop = start_terminal_program()
    dialogue = ApprovalDialogue()
    client = ApproveClient(dialogue, arguments.namespace)
    executor = SingleThreadedExecutor()
    executor.add_node(client)
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    fd = sys.stdin.fileno()
    frontend = (
        ScreenFrontend(dialogue, fd, Console())
        if at_terminal
        else LineFrontend(dialogue, fd, sys.stdout)
    )
    try:
        converse(client, executor, frontend, stop)
    finally:
        executor.shutdown(timeout_sec=1.0)
        client.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
