# SPDX-License-Identifier: Apache-2.0
"""`genima estop` on ROS's side: says five times a second whether the stop is pressed.

One thread, one loop: whatever keeps it from going on is heard as a press.
"""

import argparse
import os
import socket
import sys
import threading
import time

import rclpy
from genima_msgs.msg import EmergencyStop
from rclpy.duration import Duration
from rclpy.node import Node
from rich.console import Console

from genima.errors import GenimaError
from genima.estop.button import HEARTBEAT_S, StopButton, default_name
from genima.estop.frontends import LineFrontend, ScreenFrontend
from genima_ros.program import start_terminal_program
from genima_ros.qos import EMERGENCY_STOP

#: How long the last press may take to arrive [s].
_LAST_WORD_S = 1.0


class EstopClient(Node):
    """Publishes the state of one stop."""

    def __init__(self, button: StopButton, namespace: str) -> None:
        super().__init__("estop_client", namespace=namespace)
        self._button = button
        self._publisher = self.create_publisher(EmergencyStop, "estop", EMERGENCY_STOP)

    def listeners(self) -> list[str]:
        """Nodes that hear it."""
        heard_by = self.get_subscriptions_info_by_topic(self._publisher.topic_name)
        return [info.node_name for info in heard_by]

    def send(self) -> None:
        """Say whether it is pressed."""
        message = EmergencyStop(pressed=self._button.pressed, source=self._button.name)
        message.header.stamp = self.get_clock().now().to_msg()
        self._publisher.publish(message)

    def send_last(self) -> None:
        """Press, since its silence would stop the arm a second later."""
        self._button.pressed = True
        self.send()
        self._publisher.wait_for_all_acked(Duration(seconds=_LAST_WORD_S))


def watch(
    client: EstopClient,
    button: StopButton,
    frontend: ScreenFrontend | LineFrontend,
    stop: threading.Event,
) -> None:
    """Go on until the operator ends it, or cannot press it any more."""
    sent_s, ends = float("-inf"), False
    with frontend:
        while not (ends or stop.is_set()):
            wait_s = max(sent_s + HEARTBEAT_S - time.monotonic(), 0.0)
            before = button.pressed
            try:
                ends = frontend.turn(time.monotonic(), wait_s)
                news = button.pressed is not before
                if news or time.monotonic() - sent_s >= HEARTBEAT_S:
                    sent_s = time.monotonic()
                    client.send()
                frontend.tell(time.monotonic(), news)
            except EOFError:
                return


def main() -> None:
    """Run the program; exit status 0 however it ends, 2 for a name that cannot be used."""
    parser = argparse.ArgumentParser(prog="estop", description=__doc__)
    parser.add_argument("--namespace", default="")
    parser.add_argument("--name", default="")
    arguments = parser.parse_args()
    try:
        button = StopButton(arguments.name or default_name(socket.gethostname(), os.getpid()))
    except GenimaError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    stop = start_terminal_program()
    client = EstopClient(button, arguments.namespace)
    at_terminal, fd = sys.stdin.isatty() and sys.stdout.isatty(), sys.stdin.fileno()
    frontend = (
        ScreenFrontend(button, client.listeners, fd, Console())
        if at_terminal
        else LineFrontend(button, client.listeners, fd, sys.stdout)
    )
    try:
        watch(client, button, frontend, stop)
    finally:
        client.send_last()
        client.destroy_node()
        rclpy.try_shutdown()
    print(
        f"the stop {button.name!r} has ended, pressed: start it again with --name "
        f"{button.name!r} and release it, or restart what heard it",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
