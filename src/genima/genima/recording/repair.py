# SPDX-License-Identifier: Apache-2.0
"""Closes an MCAP file of `McapFile` that was left open, keeping all whole messages.

The file is mended where it lies: nothing but what follows its last whole message is taken away, so
that no second copy needs room on a full disk. Whenever the repair itself is interrupted, it can be
made again.
"""

import errno
import mmap
import os
import struct
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import mcap.records as records
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode

from genima.recording.mcap_file import (
    CHUNK_HEAD,
    MAGIC,
    MESSAGE_HEAD,
    RECORD_HEAD_BYTES,
    ChunkEntries,
    Index,
    chunk_head,
    file_tail,
)

#: What a full disk, quota or file size limit says.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LEAST_GIVEN_UP_BYTES = 1 << 16
_RECORD_HEAD = struct.Struct("<BQ")


@dataclass(frozen=True)
class Repaired:
    """What a closed file holds.

    Attributes:
        stamps_ns: Publish times of the messages of each topic, in the order of the file [ns].
        end_ns: When the last message was recorded [ns].
    """

    stamps_ns: dict[str, "array[int]"]
    end_ns: int


@dataclass
class _Chunk:
    start: int
    end: int
    entries: ChunkEntries = field(default_factory=ChunkEntries)
    stamps_ns: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class _Contents:
    """What is whole in a file.

    Attributes:
        index: Its channels and all its chunks but the last.
        stamps_ns: Publish times of all messages, by topic [ns].
        last: The last chunk that has a whole message; None if there is no message.
        end: Where its last whole message ends; without any, where the last whole record ends.
    """

    index: Index = field(default_factory=Index)
    stamps_ns: dict[str, "array[int]"] = field(default_factory=dict)
    last: "_Chunk | None" = None
    end: int = 0


def repair(path: Path) -> Repaired | None:
    """Close a file. One that is closed already stays as it is.

    Returns:
        What it holds; None if not one message was whole.

    Raises:
        OSError: It cannot be read or written.
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    given_up = _LEAST_GIVEN_UP_BYTES
    try:
        while True:
            contents = _scan(fd)
            try:
                _close(fd, contents)
                os.fsync(fd)
                return _repaired(contents)
            except OSError as error:
                # Its own last messages must make room for the index.
                if error.errno not in NO_ROOM or contents.last is None:
                    raise
                os.ftruncate(fd, max(contents.last.start, contents.end - given_up))
                given_up *= 2
    finally:
        os.close(fd)


def _repaired(contents: _Contents) -> Repaired | None:
    if contents.last is None:
        return None
    return Repaired(contents.stamps_ns, max(c.message_end_time for c in contents.index.chunks))


def _close(fd: int, contents: _Contents) -> None:
    end, tail = contents.end, b""
    if contents.last is not None:
        start = contents.last.start
        with _mapped(fd) as data:
            size = end - start - CHUNK_HEAD.size
            crc = zlib.crc32(memoryview(data)[start + CHUNK_HEAD.size : end])
            head = chunk_head(contents.last.entries.span_ns, size, crc)
            tail = contents.last.entries.append_index(contents.index, start, end - start, size)
            tail += file_tail(contents.index, end + len(tail))
            if data[start : start + len(head)] == head and data[end:] == tail:
                return
        # In this order an interruption leaves a chunk that is cut off, or one without its index.
        os.ftruncate(fd, end)
        _write_all(fd, head, start)
    else:
        tail = file_tail(contents.index, end)
        os.ftruncate(fd, end)
    _write_all(fd, tail, end)


def _write_all(fd: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written


@contextmanager
def _mapped(fd: int) -> Iterator[mmap.mmap]:
    data = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
    try:
        yield data
    finally:
        data.close()


def _scan(fd: int) -> _Contents:
    contents = _Contents()
    if os.fstat(fd).st_size <= len(MAGIC):
        return contents
    with _mapped(fd) as data:
        if data[: len(MAGIC)] != MAGIC:
            return contents
        contents.end = len(MAGIC)
        at = contents.end
        while at + RECORD_HEAD_BYTES <= len(data):
            opcode, length = _RECORD_HEAD.unpack_from(data, at)
            end = at + RECORD_HEAD_BYTES + length
            if opcode == Opcode.CHUNK:
                _note_chunk(contents, _scan_chunk(data, at, end, contents.index))
            else:
                whole = end <= len(data)
                body = data[at + RECORD_HEAD_BYTES : end]
                if not whole or not _note_record(contents, opcode, body, end):
                    break
            at = end
    return contents


def _note_record(contents: _Contents, opcode: int, body: bytes, end: int) -> bool:
    """Take in a record that is no chunk; false if it is none that `McapFile` writes."""
    stream = ReadDataStream(BytesIO(body))
    try:
        if opcode == Opcode.SCHEMA:
            schema = records.Schema.read(stream)
            contents.index.schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel = records.Channel.read(stream)
            contents.index.channels[channel.id] = channel
        elif opcode not in (Opcode.HEADER, Opcode.MESSAGE_INDEX):
            return False
    except (McapError, struct.error, UnicodeDecodeError):
        return False
    if contents.last is None:
        contents.end = end
    return True


def _note_chunk(contents: _Contents, chunk: _Chunk) -> None:
    if not chunk.entries:
        return
    if contents.last is not None:
        start, end = contents.last.start, contents.last.end
        size = end - start - CHUNK_HEAD.size
        contents.last.entries.append_index(contents.index, start, end - start, size)
    contents.last, contents.end = chunk, chunk.end
    for topic, stamp_ns in chunk.stamps_ns:
        contents.stamps_ns.setdefault(topic, array("q")).append(stamp_ns)


def _scan_chunk(data: mmap.mmap, start: int, end: int, index: Index) -> _Chunk:
    """The whole messages of a chunk that may be cut off."""
    at = start + CHUNK_HEAD.size
    chunk = _Chunk(start, at)
    end = min(end, len(data))
    while at + MESSAGE_HEAD.size <= end:
        opcode, length, channel, _, log_ns, publish_ns = MESSAGE_HEAD.unpack_from(data, at)
        after = at + RECORD_HEAD_BYTES + length
        if opcode != Opcode.MESSAGE or channel not in index.channels or after > end:
            break
        chunk.entries.add(channel, log_ns, at - start - CHUNK_HEAD.size)
        chunk.stamps_ns.append((index.channels[channel].topic, publish_ns))
        at = chunk.end = after
    return chunk
