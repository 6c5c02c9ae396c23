# SPDX-License-Identifier: Apache-2.0
"""Fuzzes the subscriptions of one node, a real one, over real DDS, in this process.

The node's own list of subscriptions says what there is to fuzz, so that a new one is fuzzed
without being named here.
"""

import ctypes
import functools
import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState
from tests.fuzz_world import FuzzWorld
from tests.hostile_messages import HostileMessages
from trajectory_msgs.msg import JointTrajectory

from genima.limits import RobotModel
from genima.policy import Policy
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import JOINT_STATES, RELIABLE_LATEST

#: What rclpy subscribes to for itself.
_OF_RCLPY = ("/parameter_events", "/clock")
#: Longest wait for a message to arrive [s]; one that cannot be read never does.
_ARRIVAL_S, _UNREADABLE_S = 0.2, 0.004
_MATCH_LIMIT_S = 20.0
#: How long an arm may take to be connected [s].
_ARM_LIMIT_S = 60.0
#: How long a node may take until it commands [s].
_WORK_LIMIT_S = 60.0
#: Hostile messages between two rounds of good ones on all topics.
_GOOD_EVERY = 5
_KIB = 1024


@dataclass(frozen=True)
class Case:
    """A node and how it comes to listen.

    Attributes:
        make: Makes it.
        parameters: Its parameters.
        last: Topics that are fuzzed after all others, since the node stands still then for good.
        keep_going: Called with the harness now and then: gives the node something to do.
        policy: What its tiles look like.
        robot: Whose limits hold.
        listens: Whether it subscribes to anything; else it is not even started.
        needs: A module without which it cannot be started.
    """

    make: Callable[[], Node]
    parameters: dict[str, Any] = field(default_factory=dict)
    last: tuple[str, ...] = ("estop",)
    keep_going: Callable[["NodeFuzzer"], None] = lambda _: None
    policy: Policy = field(default_factory=Policy)
    robot: RobotModel = RobotModel.PANDA
    listens: bool = True
    needs: str = ""


@dataclass
class TopicResult:
    """What became of one topic.

    Attributes:
        sent: Hostile messages.
        taken: Messages that reached the node's callback.
        errors: Exceptions that left it, and how often.
        grown_kib: By how much this process has grown in the second half.
        seconds: How long it took.
    """

    sent: int = 0
    taken: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    grown_kib: int = 0
    seconds: float = 0.0


class NodeFuzzer:
    """One node and a harness around it.

    Args:
        case: Which node.
        seed: Of all messages.
    """

    def __init__(self, case: Case, seed: int) -> None:
        self._case = case
        self._seed = seed
        self.world = FuzzWorld(
            case.policy, case.robot, case.parameters.get("pacing") == "lockstep", seed
        )
        self.harness = rclpy.create_node("fuzzer")
        self.node = case.make()
        self.defects: list[str] = []
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.harness)
        self._executor.add_node(self.node)
        self._publishers: dict[str, Publisher] = {}
        self._kinds: dict[str, type] = {}
        self._taken: Counter[str] = Counter()
        self._heard: set[str] = set()

    def start(self) -> None:
        """Have the node listen, and connect to every topic that it listens to."""
        if isinstance(self.node, GenimaNode):
            self.node.report_defect = lambda error: self.defects.append(repr(error))
            assert self.node.trigger_configure().name == "SUCCESS"
            assert self.node.trigger_activate().name == "SUCCESS"
        topics = {publisher.topic_name for publisher in self.node.publishers}
        if "/joint_trajectory" in topics:
            self.harness.create_subscription(
                JointTrajectory, "joint_trajectory", self.world.check, RELIABLE_LATEST
            )
        if "/joint_states" in topics:
            self.harness.create_subscription(
                JointState, "joint_states", self.world.check_state, JOINT_STATES
            )
        for subscription in subscriptions_of(self.node):
            self._connect(subscription)
        self._wait_for(self._matched, _MATCH_LIMIT_S)
        if "/joint_states" in topics:
            self._wait_for(lambda: self.world.states > 0, _ARM_LIMIT_S)
        if "/joint_trajectory" in topics:
            self._get_going()

    def _get_going(self) -> None:
        """Have the node at work before it is disturbed: its first plan takes seconds."""
        until_s = time.monotonic() + _WORK_LIMIT_S
        while not self.world.commands and time.monotonic() < until_s:
            self.send_good()
            self._case.keep_going(self)
            self.spin(0.02)

    def _connect(self, subscription: Subscription) -> None:
        topic, kind = subscription.topic_name, subscription.msg_type
        count = functools.partial(self._taken.update, [topic])
        subscription.callback = _counted(subscription.callback, count)
        durability = subscription.qos_profile.durability
        if durability is DurabilityPolicy.SYSTEM_DEFAULT:
            durability = DurabilityPolicy.VOLATILE
        profile = QoSProfile(
            depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=durability
        )
        self._kinds[topic] = kind
        self._publishers[topic] = self.harness.create_publisher(kind, topic, profile)

    def _matched(self) -> bool:
        return all(publisher.get_subscription_count() for publisher in self._publishers.values())

    @property
    def topics(self) -> list[str]:
        """What is fuzzed, in the order in which it is."""
        last = [t for t in self._kinds if t.removeprefix("/") in self._case.last]
        return [t for t in self._kinds if t not in last] + last

    def fuzz(self, topic: str, count: int) -> TopicResult:
        """Send hostile messages on one topic and good ones on all."""
        self._heard.add(topic)
        self.world.forget()
        lockstep = self._case.parameters.get("pacing") == "lockstep"
        self.world.time_is_spoilt = lockstep and self._kinds[topic] is JointState
        kind = self._kinds[topic]
        hostile = HostileMessages(kind, self._seed)
        result, began_s, before = TopicResult(), time.monotonic(), self._taken[topic]
        warm_kib = _resident_kib()
        for i in range(count):
            if i % _GOOD_EVERY == 0:
                self._attempt(result, self.send_good)
                self._attempt(result, lambda: self._case.keep_going(self))
            if i == count // 2:
                warm_kib = _resident_kib()
            message = hostile.next(self.world.good(topic, kind))
            self._attempt(result, functools.partial(self._send, topic, message))
            result.sent += 1
        result.taken = self._taken[topic] - before
        result.grown_kib = _resident_kib() - warm_kib
        result.seconds = time.monotonic() - began_s
        return result

    def send_good(self) -> None:
        """One good message on every topic whose silence would not mean anything."""
        self.world.tick()
        for topic, kind in self._kinds.items():
            if topic.removeprefix("/") in self._case.last and topic not in self._heard:
                continue
            self._send(topic, self.world.good(topic, kind))

    def spin(self, wait_s: float) -> None:
        """Let both nodes take in what has come."""
        self._executor.spin_once(timeout_sec=wait_s)

    def _send(self, topic: str, message: Any) -> None:
        before = self._taken[topic]
        try:
            self._publishers[topic].publish(message)
        except RCLError:  # the middleware itself refuses bytes that do not fit the type
            return
        limit_s = _UNREADABLE_S if isinstance(message, bytes) else _ARRIVAL_S
        self._wait_for(lambda: self._taken[topic] > before, limit_s)

    def _wait_for(self, condition: Callable[[], bool], limit_s: float) -> None:
        until_s = time.monotonic() + limit_s
        while not condition() and time.monotonic() < until_s:
            self.spin(0.001)

    def _attempt(self, result: TopicResult, step: Callable[[], None]) -> None:
        """Note what a real executor would die of."""
        try:
            step()
        except Exception as error:
            result.errors[f"{type(error).__name__}: {error}"[:300]] += 1

    def close(self) -> None:
        """End the node as at the end of a day."""
        if isinstance(self.node, GenimaNode):
            self.node.trigger_shutdown()
        self._executor.shutdown(timeout_sec=2.0)
        self.node.destroy_node()
        self.harness.destroy_node()


@contextmanager
def fuzzed(case: Case, domain: int, seed: int = 0) -> Iterator[NodeFuzzer]:
    """A node that listens, in rclpy of its own."""
    words = [word for key, value in case.parameters.items() for word in ("-p", f"{key}:={value}")]
    rclpy.init(args=["--ros-args", "--log-level", "fatal", *words], domain_id=domain)
    fuzzer = NodeFuzzer(case, seed)
    try:
        fuzzer.start()
        yield fuzzer
    finally:
        fuzzer.close()
        rclpy.try_shutdown()


def subscriptions_of(node: Node) -> list[Subscription]:
    """What a node listens to, without what rclpy does for itself."""
    return [s for s in node.subscriptions if s.topic_name not in _OF_RCLPY]


def _counted(callback: Callable[..., Any], count: Callable[[], None]) -> Callable[..., Any]:
    """The same callback, counted; rclpy looks at how many arguments it takes."""

    @functools.wraps(callback)
    def wrapper(*arguments: Any) -> Any:
        count()
        return callback(*arguments)

    return wrapper


def _resident_kib() -> int:
    """What this process takes, without what the allocator keeps for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // _KIB
