# SPDX-License-Identifier: Apache-2.0
"""A take from its beginning until it is kept or discarded."""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from genima.recording.episode_info import EpisodeInfo, StreamInfo, write_info
from genima.recording.pictures import ImageEncoder
from genima.recording.recording import MCAP_FILE
from genima.recording.recovery import streams_of
from genima.recording.repair import Repaired
from genima.recording.stream import Received, Stream
from genima.recording.take import Channel, Take

#: A queue that is full for longer [s] will not empty again.
_OVERFLOW_S = 1.0
_NS = 1e-9


def stream_infos(channels: Sequence[Channel], streams: Sequence[Stream]) -> dict[str, StreamInfo]:
    """What the streams are like so far, under the names they are recorded by."""
    pairs = zip(channels, streams, strict=True)
    return {c.topic: replace(stream.stats.info(), type=c.type) for c, stream in pairs}


class OpenTake:
    """Writes what comes, and knows how the take went when it has ended.

    Args:
        folder: Of the take.
        info: As far as it is known at the beginning.
        channels: All topics.
        streams: The same, each at the place of its channel.
        queue_bytes: Most that may wait for the disk.
        encoder: Compresses images; None to write them as they are.

    Raises:
        OSError: The file cannot be made.

    Attributes:
        folder: Of the take.
        info: What `episode.json` is to tell.
    """

    def __init__(
        self,
        folder: Path,
        info: EpisodeInfo,
        channels: Sequence[Channel],
        streams: Sequence[Stream],
        queue_bytes: int,
        encoder: ImageEncoder | None,
    ) -> None:
        self.folder = folder
        self.info = info
        self._channels = channels
        self._streams = streams
        self._take = Take(folder / MCAP_FILE, channels, queue_bytes, encoder)
        self._slow = "disk is" if encoder is None else "disk, or who compresses the images, is"
        self._refused_ns: tuple[int, int] | None = None  # first and last of a row of refusals
        self._ended_ns = 0

    def write(self, stream: Stream, received: Received, log_time_ns: int) -> bool:
        """Write a message; false if it is lost, as the disk is too slow."""
        written = self._take.write(stream.channel, log_time_ns, received.stamp_ns, received.data)
        if not written:
            first_ns, _ = self._refused_ns or (log_time_ns, 0)
            self._refused_ns = first_ns, log_time_ns
        return written

    @property
    def queued_bytes(self) -> int:
        """What waits for the disk."""
        return self._take.queued_bytes

    def lag(self, limit_s: float, now_ns: int) -> str:
        """That a message has waited for the disk for longer than a limit [s]; empty if none."""
        if self._take.waiting_s(now_ns) <= limit_s:
            return ""
        return (
            f"the {self._slow} behind: more than {limit_s:g} s are in memory only and lost if the "
            "recorder is killed; use a faster disk, or fewer or smaller images"
        )

    @property
    def written_bytes(self) -> int:
        """Size of the file."""
        return self._take.written_bytes

    @property
    def stored_share(self) -> float:
        """What is written of each byte that comes; NaN while that is not known."""
        return self._take.stored_share

    def trouble(self, now_ns: int) -> str:
        """Why it cannot go on, in a sentence; empty if it can."""
        if self._take.fault:
            return self._take.fault
        if self._refused_ns is not None:
            first_ns, last_ns = self._refused_ns
            if (last_ns - first_ns) * _NS > _OVERFLOW_S:
                return "the disk is too slow: what waits for it exceeds queue_mib"
            if (now_ns - last_ns) * _NS > _OVERFLOW_S:
                self._refused_ns = None
        return ""

    def end(self, because: str, now_ns: int) -> None:
        """Take no more. `finish` tells when the disk has got it all."""
        self._ended_ns = now_ns
        self.info = replace(
            self.info,
            ended_because=because,
            streams=stream_infos(self._channels, self._streams),
        )

    def finish(self, timeout_s: float) -> bool:
        """Wait until the file is closed; false if it is not in time."""
        if self.finished:
            return True
        if not self._take.close(timeout_s):
            return False
        streams, because = dict(self.info.streams), self.info.ended_because
        if self._take.fault:
            because = self._take.fault
            streams = streams_of(streams, self._take.repaired or Repaired({}, 0))
        ended_s = self._ended_ns * _NS
        self.info = replace(self.info, ended_s=ended_s, ended_because=because, streams=streams)
        with suppress(OSError):  # it is written again when it is kept, which says so if it cannot
            write_info(self.folder, self.info)
        return True

    def when_closed(self, act: Callable[[], None]) -> None:
        """Have something done once nothing is written any more."""
        self._take.when_closed(act)

    @property
    def finished(self) -> bool:
        """Whether it has ended, and the disk has got all of it."""
        return not math.isnan(self.info.ended_s)

    @property
    def failed(self) -> bool:
        """Whether nothing of it could be kept."""
        return bool(self._take.fault) and self._take.closed and self._take.repaired is None
