# SPDX-License-Identifier: Apache-2.0
"""One topic on its way into takes."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from genima.errors import InvalidDataset
from genima.recording.cdr import stamp_ns
from genima.recording.stream_stats import StreamStats

_NS = 1e-9
_TYPES_WITHOUT_HEADER = ("std_msgs/msg/String",)


class Pacing(Enum):
    """Whether the world that is recorded follows the wall clock, or waits for its commands."""

    REALTIME = "realtime"
    LOCKSTEP = "lockstep"


@dataclass(frozen=True)
class StreamSpec:
    """A topic that is to be recorded.

    Attributes:
        topic: Its name.
        type: Of its messages, such as `sensor_msgs/msg/Image`.
        definition: Of the type, with all types that it is made of.
        period_s: Nominal time between two stamps [s]; 0 for messages that come when they like.
        required: Whether a take needs it.
        latched: Whether what came before a take is valid in it.
        camera: Name of the camera whose images these are; empty for all else.
        compressed_definition: Of sensor_msgs/msg/CompressedImage, for images that become such.
    """

    topic: str
    type: str
    definition: str
    period_s: float = 0.0
    required: bool = False
    latched: bool = False
    camera: str = ""
    compressed_definition: str = ""


class Received(NamedTuple):
    """A message.

    Attributes:
        log_time_ns: When it came [ns since 1970].
        stamp_ns: The stamp of its header; where it has none, when it was sent [ns].
        data: The message in CDR.
    """

    log_time_ns: int
    stamp_ns: int
    data: bytes


class Stream:
    """Remembers the newest message of a topic, and how complete the topic is.

    Args:
        spec: The topic.
        channel: Its place among the channels of a take.

    Attributes:
        last: The newest message; None if none came.
        stats: Since the take began.
        frozen: Whether the newest message has the stamp of one before it.
    """

    def __init__(self, spec: StreamSpec, channel: int) -> None:
        self.spec = spec
        self.channel = channel
        self.last: Received | None = None
        self.frozen = False
        self._news_ns: int | None = None  # when a stamp came that was not that of the one before
        self.restart()

    def restart(self) -> None:
        """Count from here."""
        self.stats = StreamStats(self.spec.type, self.spec.period_s)

    def read(self, log_time_ns: int, sent_ns: int, data: bytes) -> Received:
        """A message with its stamp."""
        if self.spec.type in _TYPES_WITHOUT_HEADER:
            return Received(log_time_ns, sent_ns, data)
        try:
            return Received(log_time_ns, stamp_ns(data) or sent_ns, data)
        except InvalidDataset:  # recorded as it is all the same
            return Received(log_time_ns, sent_ns, data)

    def note(self, received: Received, written: bool) -> float:
        """A message came; the time since the one before, by its stamp [s]."""
        before, self.last = self.last, received
        again = before is not None and received.stamp_ns == before.stamp_ns
        self.frozen = again and received is not before
        if not again:
            self._news_ns = received.log_time_ns
        if written:
            self.stats.add(received.stamp_ns)
        else:
            self.stats.lose(1)
        return (received.stamp_ns - before.stamp_ns) * _NS if before else 0.0

    def age_s(self, now_ns: int) -> float:
        """Time since a message with a new stamp came [s]; infinite if none did.

        A camera that hangs may send its last image for ever: that is no news.
        """
        return math.inf if self._news_ns is None else (now_ns - self._news_ns) * _NS

    def behind_s(self, newest_stamp_ns: int) -> float:
        """How far its newest stamp is behind that of another stream [s]."""
        return (newest_stamp_ns - self.last.stamp_ns) * _NS if self.last else math.inf
