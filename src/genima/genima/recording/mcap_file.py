# SPDX-License-Identifier: Apache-2.0
"""Appends to an MCAP file without copying what it is given.

The package `mcap` has a writer too, but that copies every message three times and keeps a chunk in
memory until it is full. Its records are used for all that is small.
"""

import os
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import mcap.records as records
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode

MAGIC = b"\x89MCAP0\r\n"
#: Opcode, length; times of the first and the last message, sizes, checksum, no compression.
CHUNK_HEAD = struct.Struct("<BQQQQIIQ")
#: Opcode, length; channel, sequence, log time, publish time.
MESSAGE_HEAD = struct.Struct("<BQHIQQ")
RECORD_HEAD_BYTES = 9
_MESSAGE_FIXED_BYTES = MESSAGE_HEAD.size - RECORD_HEAD_BYTES
#: Smaller messages are put together first: a system call takes 1024 pieces at most.
_SMALL_BYTES = 4096
_MOST_PIECES = 1000


class Message(NamedTuple):
    """A message to be written."""

    channel: int
    sequence: int
    log_time_ns: int
    publish_time_ns: int
    data: bytes


@dataclass
class Index:
    """What the end of the file tells of its chunks and channels.

    Attributes:
        schemas: By id.
        channels: By id.
        chunks: In the order of the file.
        counts: Messages of each channel.
    """

    schemas: dict[int, records.Schema] = field(default_factory=dict)
    channels: dict[int, records.Channel] = field(default_factory=dict)
    chunks: list[records.ChunkIndex] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=lambda: defaultdict(int))


class ChunkEntries:
    """Where the messages of a chunk are, and the times between which they lie."""

    def __init__(self) -> None:
        self._by_channel: dict[int, list[tuple[int, int]]] = defaultdict(list)

    def add(self, channel: int, log_time_ns: int, offset: int) -> None:
        """Note a message at an offset from the chunk's first byte."""
        self._by_channel[channel].append((log_time_ns, offset))

    def __bool__(self) -> bool:
        return bool(self._by_channel)

    @property
    def span_ns(self) -> tuple[int, int]:
        """Earliest and latest log time [ns]."""
        times = [time for entries in self._by_channel.values() for time, _ in entries]
        return min(times), max(times)

    def append_index(
        self, index: Index, start: int, chunk_bytes: int, records_bytes: int
    ) -> bytes:
        """Note the chunk in `index`; its message index, to be written right behind the chunk."""
        builder, offsets = RecordBuilder(), {}
        for channel, entries in self._by_channel.items():
            offsets[channel] = start + chunk_bytes + builder.count
            records.MessageIndex(channel, sorted(entries)).write(builder)
            index.counts[channel] += len(entries)
        begin_ns, end_ns = self.span_ns
        index.chunks.append(
            records.ChunkIndex(
                message_start_time=begin_ns,
                message_end_time=end_ns,
                chunk_start_offset=start,
                chunk_length=chunk_bytes,
                message_index_offsets=offsets,
                message_index_length=builder.count,
                compression="",
                compressed_size=records_bytes,
                uncompressed_size=records_bytes,
            )
        )
        return builder.end()


def chunk_head(span_ns: tuple[int, int], records_bytes: int, crc: int) -> bytes:
    """The head of a chunk record."""
    length = CHUNK_HEAD.size - RECORD_HEAD_BYTES + records_bytes
    return CHUNK_HEAD.pack(Opcode.CHUNK, length, *span_ns, records_bytes, crc, 0, records_bytes)


def file_head(library: str) -> bytes:
    """What stands before all channels."""
    builder = RecordBuilder()
    records.Header(library=library, profile="ros2").write(builder)
    return MAGIC + builder.end()


def file_tail(index: Index, start: int) -> bytes:
    """What closes a file whose last chunk, with its index, ends at `start`."""
    builder = RecordBuilder()
    records.DataEnd(0).write(builder)
    data_end = builder.end()
    summary_start, builder = start + len(data_end), RecordBuilder()
    offsets = []
    groups: list[tuple[Opcode, Iterable[records.McapRecord]]] = [
        (Opcode.SCHEMA, index.schemas.values()),
        (Opcode.CHANNEL, index.channels.values()),
        (Opcode.STATISTICS, [_statistics(index)]),
        (Opcode.CHUNK_INDEX, index.chunks),
    ]
    for opcode, group in groups:
        begin = builder.count
        for record in group:
            record.write(builder)
        if builder.count > begin:
            length = builder.count - begin
            offsets.append(records.SummaryOffset(opcode, summary_start + begin, length))
    offset_start = summary_start + builder.count
    for offset in offsets:
        offset.write(builder)
    summary = builder.end()
    footer = struct.pack("<BQQQ", Opcode.FOOTER, 20, summary_start, offset_start)
    crc = zlib.crc32(footer, zlib.crc32(summary))
    return data_end + summary + footer + struct.pack("<I", crc) + MAGIC


def _statistics(index: Index) -> records.Statistics:
    return records.Statistics(
        attachment_count=0,
        channel_count=len(index.channels),
        channel_message_counts=dict(index.counts),
        chunk_count=len(index.chunks),
        message_count=sum(index.counts.values()),
        message_start_time=min((c.message_start_time for c in index.chunks), default=0),
        message_end_time=max((c.message_end_time for c in index.chunks), default=0),
        metadata_count=0,
        schema_count=len(index.schemas),
    )


class McapFile:
    """An MCAP file that is being written.

    Args:
        path: The file; it must not exist.
        library: Named in the file as what wrote it.
        writev: As `os.writev`.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(
        self,
        path: Path,
        library: str,
        writev: Callable[[int, list[bytes]], int] = os.writev,
    ) -> None:
        self._writev = writev
        self._index = Index()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self.size = 0
        self._append([file_head(library)])

    def add_channel(
        self, topic: str, type_name: str, definition: str, metadata: dict[str, str]
    ) -> int:
        """Declare a topic; its id."""
        known = {schema.name: schema.id for schema in self._index.schemas.values()}
        builder = RecordBuilder()
        if type_name not in known:
            known[type_name] = len(known) + 1
            schema = records.Schema(known[type_name], definition.encode(), "ros2msg", type_name)
            schema.write(builder)
            self._index.schemas[schema.id] = schema
        channel = records.Channel(
            id=len(self._index.channels),
            topic=topic,
            message_encoding="cdr",
            metadata=metadata,
            schema_id=known[type_name],
        )
        channel.write(builder)
        self._index.channels[channel.id] = channel
        self._append([builder.end()])
        return channel.id

    def write_chunk(self, messages: Sequence[Message]) -> None:
        """Append messages as one chunk, all of which the operating system has afterwards.

        Raises:
            OSError: The disk is full, or fails. The file may end within the chunk.
        """
        pieces: list[bytes] = []
        small = bytearray()
        entries, offset = ChunkEntries(), 0
        for m in messages:
            entries.add(m.channel, m.log_time_ns, offset)
            length = _MESSAGE_FIXED_BYTES + len(m.data)
            small += MESSAGE_HEAD.pack(Opcode.MESSAGE, length, *m[:4])
            offset += RECORD_HEAD_BYTES + length
            if len(m.data) <= _SMALL_BYTES:
                small += m.data
            else:
                pieces += (bytes(small), m.data)
                small.clear()
        pieces.append(bytes(small))
        crc = 0
        for piece in pieces:
            crc = zlib.crc32(piece, crc)
        head = chunk_head(entries.span_ns, offset, crc)
        tail = entries.append_index(self._index, self.size, len(head) + offset, offset)
        self._append([head, *pieces, tail])

    def sync(self) -> None:
        """Wait until the disk has stored what was written before this call.

        Raises:
            OSError: It could not.
        """
        os.fdatasync(self._fd)

    def finish(self) -> None:
        """Write the index and close.

        Raises:
            OSError: The disk is full, or fails.
        """
        self._append([file_tail(self._index, self.size)])
        os.fsync(self._fd)
        self.abandon()

    def abandon(self) -> None:
        """Close without an index, which `recovery.repair` will write."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _append(self, pieces: list[bytes]) -> None:
        left = [memoryview(piece) for piece in pieces if piece]
        while left:
            written = self._writev(self._fd, left[:_MOST_PIECES])  # type: ignore[arg-type]
            self.size += written
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if written:
                left[0] = left[0][written:]
