# SPDX-License-Identifier: Apache-2.0
"""One take: a queue with a limit in bytes, and a thread that owns the file."""

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from genima import __version__
from genima.files import sync_folder
from genima.recording.mcap_file import McapFile, Message
from genima.recording.pictures import ImageEncoder
from genima.recording.repair import NO_ROOM, Repaired, repair
from genima.recording.rosbag_metadata import QOS_KEY, qos_profile
from genima.recording.steady_sync import SteadySync

#: What has come is given to the operating system at least this often [s], so that whoever kills
#: the recorder takes no more than this and the time of one write.
_FLUSH_PERIOD_S = 0.25
#: A chunk is written as soon as so much has come; readers hold one chunk in memory.
_CHUNK_BYTES = 8 << 20
#: What a message takes beside its bytes, about.
_OVERHEAD_BYTES = 200


@dataclass(frozen=True)
class Channel:
    """A topic to be recorded.

    Attributes:
        topic: Its name.
        type: Of its messages, such as `sensor_msgs/msg/Image`.
        definition: Of the type, with all types that it is made of.
        latched: Whether who plays it should latch it.
        compressed: Whether its messages are CompressedImage, made here of Image.
    """

    topic: str
    type: str
    definition: str
    latched: bool = False
    compressed: bool = False


class _Waiting(NamedTuple):
    channel: int
    log_time_ns: int
    publish_time_ns: int
    data: "bytes | Future[bytes]"
    held_bytes: int


class Take:
    """Writes messages to a file on a thread of its own.

    Args:
        path: The MCAP file; it must not exist.
        channels: All topics; a message names one by its place here.
        queue_bytes: Most that may wait for the disk.
        encoder: Compresses the images of compressed channels.
        writev: As `os.writev`.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        channels: Sequence[Channel],
        queue_bytes: int,
        encoder: ImageEncoder | None = None,
        writev: Callable[[int, list[bytes]], int] = os.writev,
    ) -> None:
        self._path = path
        self._compressed = [channel.compressed for channel in channels]
        self._encoder = encoder
        self._queue_bytes = queue_bytes
        self._file = McapFile(path, f"genima {__version__}", writev)
        self._ids = [
            self._file.add_channel(
                c.topic, c.type, c.definition, {QOS_KEY: qos_profile(c.latched)}
            )
            for c in channels
        ]
        sync_folder(path.parent)
        self._sequence = [0] * len(channels)
        self._wake = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._writing: list[_Waiting] = []
        self._held = 0
        self._stored = 0
        self._closing = False
        self._fault = ""
        self._repaired: Repaired | None = None
        self._steady_sync = SteadySync(self._file.sync)
        self._thread = threading.Thread(target=self._run, name="take", daemon=True)
        self._thread.start()

    def write(self, channel: int, log_time_ns: int, publish_time_ns: int, data: bytes) -> bool:
        """Leave a message to be written; false if there is no room, and it is lost.

        Args:
            channel: The place of its topic in `channels`.
            log_time_ns: When it is recorded [ns since 1970].
            publish_time_ns: Its stamp, or when it was sent [ns].
            data: The message; of a compressed channel, the image before it is compressed.
        """
        held = len(data) + _OVERHEAD_BYTES
        with self._wake:
            if self._closing or self._fault or self._held + held > self._queue_bytes:
                return False
            content: bytes | Future[bytes] = data
            if self._encoder is not None and self._compressed[channel]:
                content = self._encoder.submit(data)
            self._waiting.append(_Waiting(channel, log_time_ns, publish_time_ns, content, held))
            before, self._held = self._held, self._held + held
            if before < _CHUNK_BYTES <= self._held:
                self._wake.notify()
        return True

    @property
    def queued_bytes(self) -> int:
        """What waits for the disk."""
        return self._held

    def waiting_s(self, now_ns: int) -> float:
        """For how long the oldest message that the operating system has not got waits [s]."""
        with self._wake:
            waiting = self._writing or self._waiting
            return max(0, now_ns - waiting[0].log_time_ns) * 1e-9 if waiting else 0.0

    @property
    def written_bytes(self) -> int:
        """Size of the file."""
        return self._file.size

    @property
    def stored_share(self) -> float:
        """Bytes in the file for each byte that came and is in it; NaN before the first."""
        return self.written_bytes / self._stored if self._stored else math.nan

    @property
    def fault(self) -> str:
        """Why no more can be written, in a sentence; empty if all is well."""
        return self._fault

    @property
    def repaired(self) -> Repaired | None:
        """After a fault, what the file holds; None without a fault or if it holds nothing."""
        return self._repaired

    def close(self, timeout_s: float) -> bool:
        """Take no more, and write what waits; false if that has not been done in time."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        return self.closed

    @property
    def closed(self) -> bool:
        """Whether the file is written to its end."""
        return not self._thread.is_alive()

    def when_closed(self, act: Callable[[], None]) -> None:
        """Have something done, now or on a thread of its own, once nothing is written any more."""

        def wait() -> None:
            self._thread.join()
            act()

        if self.closed:
            act()
        else:
            threading.Thread(target=wait, name="after take", daemon=True).start()

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                for chunk in _chunks(batch):
                    self._write(chunk)
                self._steady_sync.check()
            self._steady_sync.stop()
            self._file.finish()
        except Exception as error:  # an image that cannot be compressed, too, ends the take
            self._fail(error)

    def _next_batch(self) -> list[_Waiting]:
        """What waits, or empty once the take is closed."""
        with self._wake:
            while not self._closing or self._waiting:
                self._wake.wait_for(
                    lambda: self._closing or self._held >= _CHUNK_BYTES, _FLUSH_PERIOD_S
                )
                if self._waiting:
                    batch, self._waiting = self._waiting, []
                    self._writing = batch.copy()
                    return batch
        return []

    def _write(self, chunk: Sequence[_Waiting]) -> None:
        messages = []
        for channel, log_ns, publish_ns, data, _ in chunk:
            content = data if isinstance(data, bytes) else data.result()
            sequence = self._sequence[channel]
            self._sequence[channel] += 1
            messages.append(Message(self._ids[channel], sequence, log_ns, publish_ns, content))
        self._file.write_chunk(messages)
        with self._wake:
            del self._writing[: len(chunk)]
            done = sum(waiting.held_bytes for waiting in chunk)
            self._held -= done
            self._stored += done - _OVERHEAD_BYTES * len(chunk)

    def _fail(self, error: Exception) -> None:
        """Keep what is on the disk; what waits is lost."""
        full = isinstance(error, OSError) and error.errno in NO_ROOM
        what = "the disk is full" if full else f"writing failed ({error})"
        with self._wake:
            self._fault = f"{what}; what was recorded up to then is kept"
            self._waiting.clear()
            self._writing.clear()
            self._held = 0
        self._steady_sync.stop()
        self._file.abandon()
        try:
            self._repaired = repair(self._path)
        except OSError as again:
            self._fault = f"{what}, and closing the file failed too ({again}); the next start will"


def _chunks(batch: Sequence[_Waiting]) -> Iterator[list[_Waiting]]:
    """Parts of a batch that fit into a chunk each."""
    part: list[_Waiting] = []
    size = 0
    for waiting in batch:
        part.append(waiting)
        size += waiting.held_bytes
        if size >= _CHUNK_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
