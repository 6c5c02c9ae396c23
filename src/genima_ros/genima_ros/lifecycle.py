# SPDX-License-Identifier: Apache-2.0
"""The base class of all nodes: a life cycle that fails with sentences, and one way to run it."""

import gc
import math
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import (
    LifecycleNode,
    LifecyclePublisher,
    LifecycleState,
    TransitionCallbackReturn,
)
from rclpy.qos import QoSProfile

from genima.errors import GenimaError
from genima_ros.diagnostics import DiagnosticsPublisher, Health
from genima_ros.parameters import declare_parameters, read_parameters
from genima_ros.program import start_program

#: How soon a signal is noticed at the latest [s].
_SIGNAL_POLL_S = 0.1
#: How often the same complaint is repeated [s].
_COMPLAIN_EVERY_S = 5.0


class GenimaNode(LifecycleNode):
    """A lifecycle node that reads its parameters from a dataclass.

    Subclasses override `configure`, `activate`, `deactivate` and `cleanup`, and raise a
    GenimaError where they cannot: its sentence is logged and the transition fails, so that a
    person can mend the cause and try again. Any other exception is a defect: it is logged with
    its traceback.

    Args:
        name: Node name.
        schema: Dataclass of the node's parameters; it must have a field `autostart`.
    """

    def __init__(self, name: str, schema: type) -> None:
        super().__init__(name)
        self._schema = schema
        self._connections: list[Callable[[], object]] = []
        self._complained_s: dict[str, float] = {}
        #: Set by the transition to `finalized`: there is nothing left to do.
        self.finalized = False
        declare_parameters(self, schema)

    def subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        """Subscribe until `disconnect`."""
        subscription = self.create_subscription(kind, topic, callback, qos)
        self._connections.append(lambda: self.destroy_subscription(subscription))

    def advertise(self, kind: type, topic: str, qos: QoSProfile) -> LifecyclePublisher:
        """A publisher until `disconnect`; silent while the node is not active."""
        publisher = self.create_lifecycle_publisher(kind, topic, qos)
        self._connections.append(lambda: self.destroy_lifecycle_publisher(publisher))
        return publisher

    def serve(self, kind: type, name: str, callback: Callable[[Any, Any], Any]) -> None:
        """Offer a service until `disconnect`."""
        service = self.create_service(kind, name, callback)
        self._connections.append(lambda: self.destroy_service(service))

    def use_service(self, kind: type, name: str) -> Client:
        """A client of a service until `disconnect`."""
        client = self.create_client(kind, name)
        self._connections.append(lambda: self.destroy_client(client))
        return client

    def report_health(self, report: Callable[[], Health]) -> None:
        """Publish diagnostics once a second until `disconnect`."""
        self._connections.append(DiagnosticsPublisher(self, report).destroy)

    def disconnect(self) -> None:
        """Give back all that the methods above made, the newest first."""
        while self._connections:
            self._connections.pop()()

    def now_s(self) -> float:
        """The ROS time [s]."""
        return self.get_clock().now().nanoseconds * 1e-9

    def complain(self, about: str, error: Exception) -> None:
        """Log that some input was refused, at most once in a few seconds for each input."""
        now_s = time.monotonic()
        # rclpy's own throttle goes by the line of code, and would hide one input behind another.
        if now_s - self._complained_s.get(about, -math.inf) >= _COMPLAIN_EVERY_S:
            self._complained_s[about] = now_s
            self.get_logger().error(f"{about}: {error}")

    def report_defect(self, error: Exception) -> None:
        """Log an exception that should not have happened, with its traceback."""
        text = "".join(traceback.format_exception(error))
        self.get_logger().fatal(f"defect:\n{text}")

    def configure(self) -> None:
        """Load what the node needs and create its publishers and subscriptions."""

    def activate(self) -> None:
        """Begin to act."""

    def deactivate(self) -> None:
        """Come to rest."""

    def cleanup(self) -> None:
        """Give back what `configure` made; also called where `configure` failed half way."""
        self.disconnect()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read and check the parameters, then configure."""

        def read_and_configure() -> None:
            self.parameters = read_parameters(self, self._schema)
            self.configure()

        result = self._attempt("configure", read_and_configure)
        if result is not TransitionCallbackReturn.SUCCESS:
            self._attempt("clean up", self.cleanup)
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate the publishers, then begin."""
        super().on_activate(state)
        result = self._attempt("activate", self.activate)
        if result is not TransitionCallbackReturn.SUCCESS:
            super().on_deactivate(state)
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Come to rest while publishers still work, then silence them."""
        result = self._attempt("deactivate", self.deactivate)
        super().on_deactivate(state)
        return result

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give everything back; the node can be configured anew."""
        return self._attempt("clean up", self.cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Come to rest if active, then give everything back."""
        if state.label == "active":
            self._attempt("deactivate", self.deactivate)
        self.finalized = True
        return self._attempt("clean up", self.cleanup)

    def _attempt(self, what: str, step: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            step()
        except GenimaError as error:
            self.get_logger().error(f"cannot {what}: {error}")
            return TransitionCallbackReturn.FAILURE
        except Exception as error:
            # rclpy would turn this into the error state without a word.
            self.report_defect(error)
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS


def run_node(make_node: Callable[[], GenimaNode]) -> None:
    """Run a node until it is told to stop; exit 1 if it cannot start, or after a defect.

    Ctrl-C and SIGTERM, as launchers send it, end in the same orderly halt.
    """
    stop = _start_program()
    node = make_node()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    well = not node.get_parameter("autostart").value or _start(node)
    if well:
        spare_what_is_loaded()
    try:
        while well and not stop.is_set() and not node.finalized:
            executor.spin_once(timeout_sec=_SIGNAL_POLL_S)
    except Exception as error:
        node.report_defect(error)
        well = False
    if not node.finalized:
        node.trigger_shutdown()
    executor.shutdown(timeout_sec=1.0)
    node.destroy_node()
    rclpy.try_shutdown()
    sys.exit(0 if well else 1)


def spare_what_is_loaded() -> None:
    """Have the collector of circles walk only what is made from now on: what is loaded stays."""
    gc.collect()
    gc.freeze()
    # Old objects wait until they are a quarter more than when it walked them last: none, now.
    gc.collect()


def _start_program() -> threading.Event:
    """Start; a command line or parameter file that cannot be read ends in a sentence."""
    try:
        return start_program()
    except (RuntimeError, ValueError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        sys.exit(1)


def _start(node: GenimaNode) -> bool:
    success = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() is success and node.trigger_activate() is success
