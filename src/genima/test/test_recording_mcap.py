# SPDX-License-Identifier: Apache-2.0
"""Files are what other readers read, and are closed again wherever they were cut off."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader

from genima.recording import repair as repair_module
from genima.recording.mcap_file import McapFile, Message
from genima.recording.repair import Repaired, repair

CHUNKS, ROUNDS = 3, 6
TOPICS = {"/big": 9000, "/small": 20, "/empty": 0}


def write_file(path: Path, finish: bool = True) -> None:
    file = McapFile(path, "test")
    channels = {
        t: file.add_channel(t, "std_msgs/msg/String", "string data\n", {"a": "b"}) for t in TOPICS
    }
    for chunk in range(CHUNKS):
        messages = []
        for i in range(ROUNDS):
            for topic, size in TOPICS.items():
                time_ns = 1000 * chunk + 10 * i
                data = bytes([i + chunk]) * size
                messages.append(Message(channels[topic], i, time_ns, time_ns + 1, data))
        file.write_chunk(messages)
    if finish:
        file.finish()
    else:
        file.abandon()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("mcap") / "whole.mcap"
    write_file(path)
    return path.read_bytes()


def messages_of(path: Path) -> list[tuple[str, int, bytes]]:
    with path.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        return [(c.topic, m.log_time, m.data) for _, c, m in reader.iter_messages()]


def count(repaired: Repaired | None) -> int:
    return sum(map(len, repaired.stamps_ns.values())) if repaired else 0


def test_reader_of_mcap_reads_all_with_checksums(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(whole)
    found = messages_of(path)
    assert len(found) == CHUNKS * ROUNDS * len(TOPICS)
    assert [time_ns for _, time_ns, _ in found] == sorted(time_ns for _, time_ns, _ in found)
    assert all(len(data) == TOPICS[topic] for topic, _, data in found)
    with path.open("rb") as stream:
        reader = make_reader(stream)
        assert reader.get_header().profile == "ros2"
        summary = reader.get_summary()
        only = [c.topic for _, c, _ in reader.iter_messages(topics=["/small"], start_time=1000)]
    assert only == ["/small"] * ROUNDS * (CHUNKS - 1)
    assert summary.statistics.message_count == len(found)
    assert summary.statistics.message_start_time == 0
    assert summary.statistics.message_end_time == 2050
    with path.open("rb") as stream:
        assert list(StreamReader(stream, validate_crcs=True).records)


def test_closed_file_stays_as_it_is(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(whole)
    assert count(repair(path)) == CHUNKS * ROUNDS * len(TOPICS)
    assert path.read_bytes() == whole


def test_file_cut_off_anywhere_keeps_all_whole_messages(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.mcap"
    kept = 0
    for end in sorted({*range(0, len(whole), 1999), *range(len(whole) - 1500, len(whole), 29)}):
        path.write_bytes(whole[:end])
        repaired = repair(path)
        if repaired is None:
            assert kept == 0
            continue
        assert count(repaired) >= kept
        kept = count(repaired)
        found = messages_of(path)
        assert len(found) == kept
        assert repaired.end_ns == max(time_ns for _, time_ns, _ in found)
        # No message that lies before the cut is given up.
        assert whole[:end].count(bytes([2]) * 9000) <= sum(
            data == bytes([2]) * 9000 for _, _, data in found
        )
        once = path.read_bytes()
        assert repair(path) == repaired
        assert path.read_bytes() == once
    assert kept == CHUNKS * ROUNDS * len(TOPICS)


def test_file_without_its_end_becomes_the_same_as_if_it_had_been_closed(
    tmp_path: Path, whole: bytes
) -> None:
    path = tmp_path / "a.mcap"
    write_file(path, finish=False)
    repair(path)
    assert path.read_bytes() == whole


def test_zeros_that_a_power_cut_left_at_the_end_are_cut_off(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(whole[: len(whole) // 2] + bytes(50_000))
    kept = count(repair(path))
    assert kept >= CHUNKS * ROUNDS * len(TOPICS) // 2 - len(TOPICS)
    assert len(messages_of(path)) == kept


class Interrupted(Exception):
    """Stands for a kill."""


def interrupting(after: int) -> tuple[Callable, Callable]:
    """`os.ftruncate` and `os.pwrite` that end after so many calls, the last half way."""
    left = [after]

    def ftruncate(fd: int, size: int) -> None:
        if left[0] == 0:
            raise Interrupted
        left[0] -= 1
        os.truncate(fd, size)

    def pwrite(fd: int, data: bytes, offset: int) -> int:
        if left[0] == 0:
            os.lseek(fd, offset, os.SEEK_SET)
            if len(data) > 100:  # the head of a chunk is written whole or not at all
                os.write(fd, data[: len(data) // 2])
            raise Interrupted
        left[0] -= 1
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, data)

    return ftruncate, pwrite


@pytest.mark.parametrize("after", [0, 1, 2])
def test_repair_that_is_interrupted_can_be_made_again(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    path = tmp_path / "a.mcap"
    cut = whole[: len(whole) * 2 // 3]
    path.write_bytes(cut)
    repair(path)
    wanted = path.read_bytes()
    path.write_bytes(cut)
    with monkeypatch.context() as patch:
        ftruncate, pwrite = interrupting(after)
        patch.setattr(repair_module.os, "ftruncate", ftruncate)
        patch.setattr(repair_module.os, "pwrite", pwrite)
        with pytest.raises(Interrupted):
            repair(path)
    repair(path)
    assert path.read_bytes() == wanted


def test_full_disk_makes_room_for_the_index_by_giving_up_the_last_messages(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mcap"
    write_file(path, finish=False)
    limit = path.stat().st_size
    pwrite = os.pwrite

    def limited(fd: int, data: bytes, offset: int) -> int:
        if offset >= limit:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(fd, data[: limit - offset], offset)

    monkeypatch.setattr(repair_module.os, "pwrite", limited)
    assert count(repair(path)) == (CHUNKS - 1) * ROUNDS * len(TOPICS)
    assert len(messages_of(path)) == (CHUNKS - 1) * ROUNDS * len(TOPICS)
    assert path.stat().st_size <= limit


def test_write_that_takes_only_a_part_is_gone_on_with(tmp_path: Path, whole: bytes) -> None:
    def in_parts(fd: int, pieces: list) -> int:
        return os.write(fd, bytes(pieces[0])[:1000])

    path = tmp_path / "a.mcap"
    file = McapFile(path, "test", writev=in_parts)
    channel = file.add_channel("/a", "std_msgs/msg/String", "string data\n", {})
    file.write_chunk([Message(channel, i, i, i, bytes([i]) * 5000) for i in range(20)])
    file.finish()
    assert messages_of(path) == [("/a", i, bytes([i]) * 5000) for i in range(20)]
