# SPDX-License-Identifier: Apache-2.0
"""Recorded files in place of cameras."""

import time
from pathlib import Path

import numpy as np
import pytest

from genima.errors import CameraError, MissingDependency
from genima.realsense.capture import CameraState, Capture
from genima.realsense.devices import DeviceInfo
from genima.realsense.frames import FrameClock
from genima.realsense.recorded import RecordedCamera
from genima.realsense.sdk import load_sdk
from genima.realsense.software import Recorder, SoftwareCamera
from genima.realsense.sources import make_sources
from genima.timing import DeadlineLoop

try:
    load_sdk()
except MissingDependency as error:
    pytest.skip(str(error), allow_module_level=True)

from .software_cameras import SERIAL, SETTINGS, Listener, software_camera, stripes

FRAMES = 12


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "front.db3"
    camera = software_camera()
    recorder = Recorder([camera], [path])
    numbers = iter(range(1, FRAMES + 1))

    def send() -> None:
        number = next(numbers)
        image = stripes()
        image[0, 0] = number
        camera.send(image, 1_700_000_000 + number / SETTINGS.rate_hz, number)

    sent: list[int] = []
    DeadlineLoop(1 / SETTINGS.rate_hz).run(
        lambda: sent.append(send()), lambda: len(sent) == FRAMES
    )
    recorder.close()
    return path


def play(source: RecordedCamera, listener: Listener) -> Capture:
    capture = Capture("front", source, listener, time.time)
    capture.start()
    return capture


def test_recording_is_played_to_its_end_as_it_was_recorded(recording: Path) -> None:
    listener = Listener()
    capture = play(RecordedCamera(recording, SETTINGS, repeat=False), listener)
    listener.wait_for(lambda: bool(listener.troubles))
    report = capture.report(time.time())
    capture.stop()
    assert listener.troubles == [
        f"front.db3, recorded from {SERIAL} (Software D435, USB 3.2) has ended"
    ]
    assert report.state is CameraState.ENDED and report.clock is FrameClock.RECORDED
    numbers = [frame.number for frame in listener.frames]
    assert numbers == [int(frame.image[0, 0, 0]) for frame in listener.frames]
    assert numbers == sorted(numbers) and report.frames + report.lost == numbers[-1]
    np.testing.assert_array_equal(listener.frames[-1].image[1:], stripes()[1:])
    assert listener.frames[0].calibration.intrinsics.width == SETTINGS.width


def test_stamps_of_a_recording_are_of_now_and_as_far_apart_as_recorded(recording: Path) -> None:
    listener = Listener()
    began_s = time.time()
    capture = play(RecordedCamera(recording, SETTINGS, repeat=False), listener)
    listener.wait_for(lambda: bool(listener.troubles))
    capture.stop()
    stamps_s = np.array([frame.stamp_s for frame in listener.frames])
    numbers = np.array([frame.number for frame in listener.frames])
    assert began_s - 0.05 < stamps_s[0] and stamps_s[-1] <= time.time()
    ahead_s = stamps_s - numbers / SETTINGS.rate_hz
    # Until the least delay has been seen, stamps may lie closer together, never further apart.
    assert (np.diff(ahead_s) < 1e-3).all()


def test_recording_is_repeated_without_counting_a_loss(recording: Path) -> None:
    listener = Listener()
    capture = play(RecordedCamera(recording, SETTINGS, repeat=True), listener)
    listener.wait_for(lambda: len(listener.frames) > 2 * FRAMES + 3)
    report = capture.report(time.time())
    capture.stop()
    assert report.state is CameraState.STREAMING and report.losses == 0
    assert 0 <= report.lost < FRAMES  # a busy machine may drop one
    assert not listener.troubles
    stamps_s = [frame.stamp_s for frame in listener.frames]
    assert stamps_s == sorted(stamps_s)


def test_recording_of_another_size_is_refused_with_what_it_holds(recording: Path) -> None:
    other = type(SETTINGS)(width=640, height=480, rate_hz=30)
    with pytest.raises(
        CameraError,
        match=r"^camera 'front': .*front.db3: offers no colour of 640x480 at 30 Hz.*"
        r"it offers 64x48 at 30 Hz$",
    ):
        make_sources({"front": str(recording)}, other, True)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"nowhere.db3: there is no such file; check the path"):
        RecordedCamera(tmp_path / "nowhere.db3", SETTINGS, repeat=True).check()


@pytest.mark.parametrize("name", ["broken.db3", "broken.bag", "broken.mcap"])
@pytest.mark.parametrize("content", [b"", b"this is no recording at all" * 100])
def test_file_that_is_no_recording_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CameraError, match=rf"{name}: is no recording of librealsense"):
        RecordedCamera(path, SETTINGS, repeat=True).check()


def test_recording_that_was_cut_short_is_refused_or_played(
    recording: Path, tmp_path: Path
) -> None:
    content = recording.read_bytes()
    path = tmp_path / "cut.db3"
    path.write_bytes(content[: len(content) // 2])
    source = RecordedCamera(path, SETTINGS, repeat=False)
    with pytest.raises(CameraError, match=r"cut.db3: is no recording"):
        source.check()


def test_place_that_cannot_be_recorded_to_is_named(tmp_path: Path) -> None:
    camera = SoftwareCamera(DeviceInfo("D435", SERIAL, "3.2"), SETTINGS)
    with pytest.raises(CameraError, match=r"nowhere/front.db3: cannot be recorded to"):
        Recorder([camera], [tmp_path / "nowhere" / "front.db3"])
