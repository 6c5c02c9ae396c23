# SPDX-License-Identifier: Apache-2.0
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from genima_ros.diagnostics import DiagnosticsPublisher, Health, Level
from genima_ros.qos import DIAGNOSTICS


def test_health_is_published_under_the_nodes_name_until_destroyed(ros: None) -> None:
    node = Node("subject", namespace="lab")
    got: list[DiagnosticArray] = []
    node.create_subscription(DiagnosticArray, "/diagnostics", got.append, DIAGNOSTICS)
    health = Health(Level.WARN, "camera 'front' is dark", {"tiles drawn": 3, "rate": 4.5})
    publisher = DiagnosticsPublisher(node, lambda: health)
    for _ in range(600):
        rclpy.spin_once(node, timeout_sec=0.1)
        if got:
            break
    (status,) = got[0].status
    assert status.name == "/lab/subject"
    assert status.level == DiagnosticStatus.WARN
    assert status.message == "camera 'front' is dark"
    assert {item.key: item.value for item in status.values} == {
        "tiles drawn": "3",
        "rate": "4.5",
    }
    assert got[0].header.stamp.sec > 0
    publisher.destroy()
    assert node.count_publishers("/diagnostics") == 0
    node.destroy_node()
