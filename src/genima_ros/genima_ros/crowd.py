# SPDX-License-Identifier: Apache-2.0
"""Notices that several nodes publish what only one may."""

from rclpy.node import Node

#: What the middleware calls a node whose name it has not discovered yet, or which has none.
_UNKNOWN = "_NODE_NAME_UNKNOWN_"


def crowd(node: Node, *topics: str) -> str:
    """That one of these topics has several publishers, in a sentence; empty if none has."""
    for topic in topics:
        name = node.resolve_topic_name(topic)
        if node.count_publishers(name) < 2:
            continue
        nodes = [info.node_name for info in node.get_publishers_info_by_topic(name)]
        named = sorted(each for each in nodes if each != _UNKNOWN)
        named += ["a node whose name is not known yet"] * (len(nodes) - len(named))
        return (
            f"{len(nodes)} nodes publish {topic}; stop all but one of {', '.join(named)}, two "
            "must not command one arm (one that was killed is counted for up to 20 s more)"
        )
    return ""
