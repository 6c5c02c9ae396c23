# SPDX-License-Identifier: Apache-2.0
"""How every program of the suite starts with ROS, and learns that it is time to end."""

import signal
import threading
from collections.abc import Sequence

import rclpy
from rclpy.signals import SignalHandlerOptions

from genima.interruption import note_signals
from genima_ros.dds import set_up_dds


def start_program(args: Sequence[str] | None = None) -> threading.Event:
    """Start rclpy; the event is set by Ctrl-C and SIGTERM, as launchers send it.

    rclpy's own signal handler would tear the context down first, and nothing could be brought to
    its end in good order.

    Args:
        args: Words for ROS; those of the command line if None.
    """
    set_up_dds()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    return note_signals()


def start_terminal_program() -> threading.Event:
    """The same for a program that an operator speaks with: a closed terminal ends it, too."""
    start_program([])
    return note_signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
