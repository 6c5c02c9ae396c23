# SPDX-License-Identifier: Apache-2.0
"""Publishes what a node knows about its own health on `/diagnostics`, once a second."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from genima_ros.qos import DIAGNOSTICS


class Level(Enum):
    """How well a part of the suite is, as the bytes of diagnostic_msgs."""

    OK = DiagnosticStatus.OK
    WARN = DiagnosticStatus.WARN
    ERROR = DiagnosticStatus.ERROR


@dataclass(frozen=True)
class Health:
    """What a node reports of itself.

    Attributes:
        level: How well it is.
        message: One sentence.
        values: Figures, by name.
    """

    level: Level
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


class DiagnosticsPublisher:
    """Asks `report` for the node's health once a second and publishes it."""

    def __init__(self, node: Node, report: Callable[[], Health]) -> None:
        self._node = node
        self._report = report
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", DIAGNOSTICS)
        self._timer = node.create_timer(1.0, self._publish)

    def destroy(self) -> None:
        """Stop reporting."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)

    def _publish(self) -> None:
        health = self._report()
        status = DiagnosticStatus(
            level=health.level.value,
            name=self._node.get_fully_qualified_name(),
            message=health.message,
            values=[KeyValue(key=key, value=str(value)) for key, value in health.values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
