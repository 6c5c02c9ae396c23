# SPDX-License-Identifier: Apache-2.0
"""Who is one too many."""

import rclpy
from std_msgs.msg import Header

from genima_ros.crowd import crowd


def test_two_publishers_of_a_topic_are_a_crowd_and_are_named(ros: None) -> None:
    nodes = [rclpy.create_node(name) for name in ("teleop", "controller")]
    for node in nodes:
        node.create_publisher(Header, "commands", 1)
    nodes[0].create_publisher(Header, "states", 1)
    assert crowd(nodes[0], "states", "nobody") == ""
    for _ in range(600):
        if words := crowd(nodes[0], "states", "commands"):
            break
        rclpy.spin_once(nodes[0], timeout_sec=0.05)
    assert words.startswith("2 nodes publish commands; stop all but one of controller, teleop, ")
    for node in nodes:
        node.destroy_node()
