# SPDX-License-Identifier: Apache-2.0
"""A node that sends nothing while it holds its lock: a reliable topic may block for long."""

import threading
from collections import deque
from contextlib import ExitStack
from typing import Any

from rclpy.lifecycle import LifecyclePublisher
from rclpy.qos import QoSProfile

from genima_ros.lifecycle import GenimaNode


class LatePublisher:
    """Sends what is published within a lock once that is free, in the same sequence.

    Args:
        lock: Whose.
        publisher: Sends.
    """

    def __init__(self, lock: "LateLock", publisher: LifecyclePublisher) -> None:
        self._lock = lock
        self._publisher = publisher
        self._waiting: deque[Any] = deque()
        self._sending = threading.Lock()

    def publish(self, message: Any) -> None:
        """Send a message as soon as this thread does not hold the lock."""
        with self._lock:
            self._waiting.append(message)
            self._lock.note(self)

    def send_next(self) -> None:
        """Send one message: the oldest, which another thread may have published."""
        with self._sending:
            self._publisher.publish(self._waiting.popleft())


class LateLock:
    """A lock that may be taken again by who has it; who frees it sends what was published."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._noted: list[LatePublisher] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        noted: list[LatePublisher] = []
        if self._depth == 0:
            noted, self._noted = self._noted, noted
        self._lock.release()
        with ExitStack() as sending:  # each is sent, though one before it fails
            for publisher in reversed(noted):
                sending.callback(publisher.send_next)

    def note(self, publisher: LatePublisher) -> None:
        """It has one more message to send; the caller holds the lock."""
        self._noted.append(publisher)


class LateNode(GenimaNode):
    """A node whose topics do not hold up whoever waits for its lock.

    Args:
        name: Node name.
        schema: Dataclass of its parameters.
    """

    def __init__(self, name: str, schema: type) -> None:
        super().__init__(name, schema)
        self._lock = LateLock()

    def advertise(self, kind: type, topic: str, qos: QoSProfile) -> LatePublisher:
        """A publisher until `disconnect`; silent while the node is not active."""
        return LatePublisher(self._lock, super().advertise(kind, topic, qos))
