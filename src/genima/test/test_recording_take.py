# SPDX-License-Identifier: Apache-2.0
"""A take keeps what it accepts, in bounded memory, whatever the disk does."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from mcap.reader import make_reader

from genima.errors import InvalidImage
from genima.recording import steady_sync
from genima.recording.cdr import decode_compressed_image
from genima.recording.dataset import ImageStorage
from genima.recording.pictures import COMPRESSED_TYPE, IMAGE_TYPE, ImageEncoder, rgb_of
from genima.recording.take import Channel, Take

from . import recording_cases as cases

PATIENCE_S = 20.0
CHANNEL = Channel("/a", "std_msgs/msg/String", "string data\n")


def messages_of(path: Path) -> list[tuple[int, bytes]]:
    with path.open("rb") as stream:
        found = make_reader(stream, validate_crcs=True).iter_messages()
        return [(m.log_time, m.data) for _, _, m in found]


def wait_for(condition: Callable[[], bool]) -> None:
    """Returns once the condition holds; the test fails where it never does."""
    woken = threading.Event()
    for _ in range(round(PATIENCE_S / 0.01)):
        if condition():
            return
        woken.wait(0.01)
    raise AssertionError("it did not come about")


class SlowDisk:
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.writes = 0

    def __call__(self, fd: int, pieces: list) -> int:
        self.writes += 1
        if self.writes > 2:  # the head of the file and the channel
            assert self.go.wait(PATIENCE_S)
        return os.writev(fd, pieces)


class FullDisk:
    """Has room for so many bytes."""

    def __init__(self, room: int, number: int = errno.ENOSPC) -> None:
        self.room = room
        self.number = number

    def __call__(self, fd: int, pieces: list) -> int:
        if self.room == 0:
            raise OSError(self.number, os.strerror(self.number))
        written = os.write(fd, b"".join(pieces)[: self.room])
        self.room -= written
        return written


def test_all_that_was_accepted_is_in_the_file(tmp_path: Path) -> None:
    take = Take(tmp_path / "t.mcap", [CHANNEL], 1 << 30)
    sent = [(i, bytes([i % 256]) * (i * 37 % 30_000)) for i in range(2000)]
    for i, data in sent:
        assert take.write(0, i, i, data)
    assert take.close(PATIENCE_S) and not take.fault
    assert messages_of(tmp_path / "t.mcap") == sent
    assert take.queued_bytes == 0
    assert take.written_bytes == (tmp_path / "t.mcap").stat().st_size


def test_single_small_message_reaches_the_system_without_another(tmp_path: Path) -> None:
    take = Take(tmp_path / "t.mcap", [CHANNEL], 1 << 20)
    before = take.written_bytes
    take.write(0, 1, 1, b"x")
    wait_for(lambda: take.written_bytes > before)
    assert (tmp_path / "t.mcap").stat().st_size == take.written_bytes
    take.close(PATIENCE_S)


def test_slow_disk_fills_the_queue_to_its_limit_and_no_further(tmp_path: Path) -> None:
    disk = SlowDisk()
    take = Take(tmp_path / "t.mcap", [CHANNEL], 1_000_000, writev=disk)
    accepted = [take.write(0, i, i, bytes(100_000)) for i in range(50)]
    assert 0 < sum(accepted) < 11
    assert take.queued_bytes <= 1_000_000
    disk.go.set()
    wait_for(lambda: take.queued_bytes == 0)
    assert take.write(0, 99, 99, b"again")
    assert take.close(PATIENCE_S)
    kept = [i for i, _ in messages_of(tmp_path / "t.mcap")]
    assert kept == [*(i for i, ok in enumerate(accepted) if ok), 99]


def test_take_that_is_still_written_says_so(tmp_path: Path) -> None:
    disk = SlowDisk()
    take = Take(tmp_path / "t.mcap", [CHANNEL], 1_000_000, writev=disk)
    take.write(0, 1, 1, b"x")
    assert not take.close(0.0)
    assert not take.write(0, 2, 2, b"too late")
    disk.go.set()
    assert take.close(PATIENCE_S)
    assert messages_of(tmp_path / "t.mcap") == [(1, b"x")]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_keeps_what_it_has_and_says_so(tmp_path: Path, number: int) -> None:
    path = tmp_path / "t.mcap"
    take = Take(path, [CHANNEL], 1 << 30, writev=FullDisk(1_000_000, number))
    for i in range(200):
        take.write(0, i, i, bytes([i]) * 10_000)
    assert take.close(PATIENCE_S)
    assert take.fault == "the disk is full; what was recorded up to then is kept"
    assert not take.write(0, 0, 0, b"")
    found = messages_of(path)
    assert 90 <= len(found) < 100
    assert found == [(i, bytes([i]) * 10_000) for i in range(len(found))]
    assert take.repaired is not None and len(take.repaired.stamps_ns["/a"]) == len(found)


def test_broken_disk_is_named(tmp_path: Path) -> None:
    take = Take(tmp_path / "t.mcap", [CHANNEL], 1 << 30, writev=FullDisk(100_000, errno.EIO))
    for i in range(100):
        take.write(0, i, i, bytes(10_000))
    assert take.close(PATIENCE_S)
    assert "writing failed ([Errno 5] Input/output error)" in take.fault


def test_disk_that_takes_what_it_cannot_store_ends_the_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    monkeypatch.setattr(steady_sync, "_PERIOD_S", 0.01)
    take = Take(tmp_path / "t.mcap", [CHANNEL], 1 << 20)
    take.write(0, 1, 1, b"x")
    wait_for(lambda: not take.write(0, 2, 2, b"y"))
    assert "writing failed ([Errno 5] Input/output error)" in take.fault
    assert take.close(PATIENCE_S)


def test_disk_stores_a_take_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[int] = []
    really = os.fdatasync

    def fdatasync(fd: int) -> None:
        really(fd)
        stored.append(os.fstat(fd).st_size)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(steady_sync, "_PERIOD_S", 0.01)
    take = Take(tmp_path / "t.mcap", [CHANNEL], 1 << 20)
    take.write(0, 1, 1, bytes(50_000))
    wait_for(lambda: bool(stored) and stored[-1] > 50_000)
    assert take.close(PATIENCE_S) and not take.fault


_LIMITED = """
import resource, signal, sys
from pathlib import Path
from genima.recording.take import Channel, Take
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
take = Take(Path(sys.argv[1]), [Channel("/a", "std_msgs/msg/String", "string data")], 1 << 30)
for i in range(1000):
    take.write(0, i, i, bytes([i % 256]) * 10_000)
assert take.close(60.0)
print(take.fault)
"""


def test_limit_of_the_system_on_files_ends_the_take_as_a_full_disk_does(tmp_path: Path) -> None:
    path = tmp_path / "t.mcap"
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "the disk is full; what was recorded up to then is kept\n", done.stderr
    found = messages_of(path)
    assert 250 < len(found) < 300
    assert path.stat().st_size <= 3_000_000


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
@pytest.mark.parametrize("storage", [ImageStorage.PNG, ImageStorage.JPEG])
def test_images_are_compressed_in_order_and_keep_stamp_and_colours(
    tmp_path: Path, storage: ImageStorage, encoding: str
) -> None:
    encoder = ImageEncoder(storage, 95, threads=3)
    channel = Channel("/i/compressed", COMPRESSED_TYPE, "", compressed=True)
    path = tmp_path / "t.mcap"
    take = Take(path, [channel], 1 << 30, encoder)
    pictures = [np.full((48, 64, 3), (3 * i, 100, 255 - 3 * i), np.uint8) for i in range(40)]
    for i, picture in enumerate(pictures):
        message = cases.image_message(picture, i / 30, encoding, padding=5)
        take.write(0, i, cases.ns(i / 30), cases.serialized(message))
    assert take.close(PATIENCE_S) and not take.fault
    encoder.close()
    found = messages_of(path)
    assert [i for i, _ in found] == list(range(40))
    for i, data in found:
        image = decode_compressed_image(data)
        assert image.header.stamp_ns == cases.ns(i / 30)
        assert image.format == f"{encoding}; {storage.value} compressed bgr8"
        error = rgb_of(COMPRESSED_TYPE, data).astype(int) - pictures[i]
        assert abs(error).max() <= (0 if storage is ImageStorage.PNG else 3)


def test_png_keeps_every_bit_and_jpeg_quality_changes_the_size() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    data = cases.serialized(cases.image_message(noise, 0.0))
    png = ImageEncoder(ImageStorage.PNG, 1, 1).encode(data)
    assert np.array_equal(rgb_of(COMPRESSED_TYPE, png), noise)
    sizes = [len(ImageEncoder(ImageStorage.JPEG, quality, 1).encode(data)) for quality in (50, 95)]
    assert sizes[0] < sizes[1]


def test_images_being_compressed_count_as_waiting(tmp_path: Path) -> None:
    encoder = ImageEncoder(ImageStorage.PNG, 1, threads=1)
    held = threading.Event()
    encoder._threads.submit(held.wait, PATIENCE_S)  # the only thread is busy
    channel = Channel("/i/compressed", COMPRESSED_TYPE, "", compressed=True)
    take = Take(tmp_path / "t.mcap", [channel], 100_000, encoder)
    data = cases.serialized(cases.image_message(np.zeros((100, 100, 3), np.uint8), 0.0))
    accepted = [take.write(0, i, i, data) for i in range(20)]
    assert sum(accepted) == 3
    held.set()
    assert take.close(PATIENCE_S)
    assert len(messages_of(tmp_path / "t.mcap")) == 3
    encoder.close()


def test_image_that_cannot_be_compressed_ends_the_take(tmp_path: Path) -> None:
    encoder = ImageEncoder(ImageStorage.PNG, 1, threads=1)
    channel = Channel("/i/compressed", COMPRESSED_TYPE, "", compressed=True)
    take = Take(tmp_path / "t.mcap", [channel], 1 << 30, encoder)
    message = cases.image_message(np.zeros((4, 4, 3), np.uint8), 0.0)
    message.encoding = "yuv422"
    take.write(0, 1, 1, cases.serialized(message))
    assert take.close(PATIENCE_S)
    assert "images of encoding 'yuv422' are not read" in take.fault
    encoder.close()


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_raw_image_is_read_as_rgb_without_its_padding(encoding: str) -> None:
    picture = cases.stamped_image(1.5, 64, 48)
    data = cases.serialized(cases.image_message(picture, 1.5, encoding, padding=7))
    assert np.array_equal(rgb_of(IMAGE_TYPE, data), picture)


def test_damaged_images_are_refused_with_a_sentence() -> None:
    message = cases.image_message(np.zeros((4, 4, 3), np.uint8), 0.0)
    message.height = 5
    with pytest.raises(InvalidImage, match="48 bytes of data, too few"):
        rgb_of(IMAGE_TYPE, cases.serialized(message))
    png = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    from genima.recording.cdr import Header, encode_compressed_image

    broken = encode_compressed_image(Header(0, ""), "png", png[:20])
    with pytest.raises(InvalidImage, match="cannot be decoded"):
        rgb_of(COMPRESSED_TYPE, broken)
