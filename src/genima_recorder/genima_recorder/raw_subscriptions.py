# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to messages as bytes, with what the middleware knows of their way."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from genima_ros.lifecycle import GenimaNode

#: A middleware without sequence numbers gives none, or the largest there is.
_LARGEST_NUMBER = 1 << 62


@dataclass(frozen=True)
class Arrival:
    """A message.

    Attributes:
        topic: Its topic as it was subscribed to.
        received_ns: When the middleware received it [ns since 1970].
        sent_ns: When it was published [ns since 1970].
        missed: Messages that its publisher sent between this and the one before.
        data: In CDR.
    """

    topic: str
    received_ns: int
    sent_ns: int
    missed: int
    data: bytes


class RawSubscriptions:
    """Hears every message of some topics, whatever quality of service their publishers offer.

    A subscription that asks for reliability does not match a publisher without it. So each begins
    with the best, and asks for less when a publisher is found that offers less.

    Args:
        node: Subscribes.
        on_arrival: Called with each message.
    """

    def __init__(self, node: GenimaNode, on_arrival: Callable[[Arrival], None]) -> None:
        self._node = node
        self._on_arrival = on_arrival
        self._subscriptions: dict[str, Subscription] = {}
        self._numbers: dict[str, int] = {}

    def add(self, kind: type, topic: str, qos: QoSProfile) -> None:
        """Subscribe to a topic until `destroy`."""
        events = SubscriptionEventCallbacks(
            incompatible_qos=lambda _: self._ask_for_less(kind, topic, qos)
        )
        self._subscriptions[topic] = self._node.create_subscription(
            kind, topic, partial(self._take, topic), qos, raw=True, event_callbacks=events
        )

    def destroy(self) -> None:
        """End all subscriptions."""
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _ask_for_less(self, kind: type, topic: str, qos: QoSProfile) -> None:
        offers = [i.qos_profile for i in self._node.get_publishers_info_by_topic(topic)]
        reliable = all(offer.reliability is not ReliabilityPolicy.BEST_EFFORT for offer in offers)
        latched = all(offer.durability is not DurabilityPolicy.VOLATILE for offer in offers)
        less = QoSProfile(
            depth=qos.depth,
            reliability=qos.reliability if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=qos.durability if latched else DurabilityPolicy.VOLATILE,
        )
        if (less.reliability, less.durability) == (qos.reliability, qos.durability):
            return
        lossy = "" if reliable else ": what is lost on the way is not sent again, but counted"
        self._node.get_logger().warning(
            f"{topic} is published {less.reliability.name.lower()} and "
            f"{less.durability.name.lower()}, and recorded so{lossy}"
        )
        self._node.destroy_subscription(self._subscriptions.pop(topic))
        self.add(kind, topic, less)

    def _take(self, topic: str, data: bytes, info: dict[str, Any]) -> None:
        now_ns = time.time_ns()
        missed = self._missed(topic, info["publication_sequence_number"])
        received_ns = info["received_timestamp"] or now_ns
        sent_ns = info["source_timestamp"] or received_ns
        self._on_arrival(Arrival(topic, received_ns, sent_ns, missed, data))

    def _missed(self, topic: str, number: int | None) -> int:
        if number is None or number > _LARGEST_NUMBER:
            return 0
        before = self._numbers.get(topic, number)
        self._numbers[topic] = number
        if number <= before + 1:
            return 0
        # With several publishers the numbers of one say nothing of another's.
        alone = self._subscriptions[topic].get_publisher_count() == 1
        return number - before - 1 if alone else 0
