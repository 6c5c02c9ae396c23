# SPDX-License-Identifier: Apache-2.0
"""Notices that several nodes publish what only one may."""

from rclpy.node import Node


def crowd(node: Node, *topics: str) -> str:
    """That one of these topics has several publishers, in a sentence; empty if none has."""
    for topic in topics:
        name = node.resolve_topic_name(topic)
        if node.count_publishers(name) < 2:
            continue
        nodes = sorted(info.node_name for info in node.get_publishers_info_by_topic(name))
        return (
            f"{len(nodes)} nodes publish {topic}; stop all but one of {', '.join(nodes)}, two "
            "must not command one arm (one that was killed is counted for up to 20 s more)"
        )
    return ""
