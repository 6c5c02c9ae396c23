# SPDX-License-Identifier: Apache-2.0
"""Who is one too many."""

from unittest.mock import patch

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


def test_publisher_without_a_name_is_told_as_such(ros: None) -> None:
    node = rclpy.create_node("controller")
    publishers = [node.create_publisher(Header, "commands", 1) for _ in range(2)]
    found = node.get_publishers_info_by_topic("/commands")
    found[0].node_name = "_NODE_NAME_UNKNOWN_"
    with patch.object(node, "get_publishers_info_by_topic", return_value=found):
        words = crowd(node, "commands")
    assert "all but one of controller, a node whose name is not known yet, two" in words
    for publisher in publishers:
        node.destroy_publisher(publisher)
    node.destroy_node()
