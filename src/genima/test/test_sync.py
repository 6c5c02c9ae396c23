# SPDX-License-Identifier: Apache-2.0
"""Behaviour of the camera synchroniser."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genima.errors import InvalidParameter
from genima.sync import Arrival, CameraFault, FrameSync

CAMERAS = ("front", "wrist", "left_shoulder", "right_shoulder")


def sync(**options: object) -> FrameSync[str]:
    return FrameSync(CAMERAS, slop_s=0.02, **options)


def push_all(frames: FrameSync[str], stamp_s: float, *, but: str = "") -> None:
    for camera in CAMERAS:
        if camera != but:
            frames.push(camera, stamp_s, f"{camera} {stamp_s:.2f}", stamp_s)


def faults(frames: FrameSync, now_s: float) -> dict[str, CameraFault]:
    return {report.camera: report.fault for report in frames.reports(now_s)}


# Sets


def test_set_has_one_picture_of_each_camera_and_the_oldest_stamp() -> None:
    frames = sync()
    for i, camera in enumerate(CAMERAS):
        assert frames.newest() is None
        frames.push(camera, 1.0 + 0.005 * i, camera, 1.1)
    found = frames.newest()
    assert dict(found.frames) == {camera: camera for camera in CAMERAS}
    assert found.stamp_s == 1.0
    assert found.stamps_s["wrist"] == 1.005


def test_pictures_further_apart_than_the_slop_are_no_set() -> None:
    frames = sync()
    push_all(frames, 1.0, but="wrist")
    frames.push("wrist", 1.021, "", 1.1)
    assert frames.newest() is None
    frames.push("wrist", 1.04, "", 1.1)
    push_all(frames, 1.05, but="wrist")
    assert frames.newest().stamp_s == 1.04


def test_newest_set_waits_for_the_slowest_camera() -> None:
    frames = sync()
    push_all(frames, 1.0)
    for n in range(1, 4):
        push_all(frames, 1.0 + 0.05 * n, but="front")
    assert frames.newest().stamp_s == 1.0
    frames.push("front", 1.05, "", 1.2)
    assert frames.newest().stamp_s == 1.05


def test_each_set_is_taken_once() -> None:
    frames = sync()
    push_all(frames, 1.0)
    assert frames.take().stamp_s == 1.0
    assert frames.take() is None
    push_all(frames, 1.05)
    assert frames.take().stamp_s == 1.05


def test_old_pictures_are_let_go() -> None:
    frames = sync()
    for n in range(10_000):
        frames.push("front", 0.01 * n, "", 0.01 * n)
    assert len(frames._cameras["front"].frames) < 100


@settings(max_examples=200, deadline=None)
@given(
    phases_s=st.lists(st.floats(0.0, 0.05), min_size=4, max_size=4),
    jitter_s=st.floats(0.0, 0.015),
    seed=st.integers(0, 2**32 - 1),
)
def test_result_does_not_depend_on_the_order_of_arrival(
    phases_s: list[float], jitter_s: float, seed: int
) -> None:
    rng = random.Random(seed)
    stamps = {
        camera: [phase_s + 0.05 * n + rng.uniform(0, jitter_s) for n in range(8)]
        for camera, phase_s in zip(CAMERAS, phases_s, strict=True)
    }
    results = []
    for _ in range(3):
        frames = sync()
        queues = {camera: list(queue) for camera, queue in stamps.items()}
        while queues:
            camera = rng.choice(sorted(queues))
            frames.push(camera, queues[camera].pop(0), "", now_s=1.0)
            if not queues[camera]:
                del queues[camera]
        found = frames.newest()
        results.append(found and dict(found.stamps_s))
    assert results[0] == results[1] == results[2]
    if results[0]:
        stamps_s = results[0].values()
        assert max(stamps_s) - min(stamps_s) <= 2 * 0.02


# What is wrong


def test_all_is_well_while_pictures_flow() -> None:
    frames = sync(min_rate_hz=10.0)
    for n in range(40):
        push_all(frames, 0.05 * n)
        assert frames.reports(0.05 * n) == []


def test_camera_that_never_sent_is_missing() -> None:
    frames = sync()
    frames.reports(10.0)
    push_all(frames, 11.5, but="wrist")
    (report,) = frames.reports(11.5)
    assert (report.camera, report.fault) == ("wrist", CameraFault.MISSING)
    assert report.message == "camera 'wrist' has sent nothing since the start, 1.5 s ago"


def test_camera_that_stopped_is_named_and_recovers() -> None:
    frames = sync(stale_after_s=0.5)
    for n in range(30):
        push_all(frames, 0.05 * n, but="front" if n > 5 else "")
    (report,) = frames.reports(1.45)
    assert (report.camera, report.fault) == ("front", CameraFault.STALE)
    assert report.message == "camera 'front' has sent nothing for 1.2 s"
    frames.push("front", 1.45, "", 1.45)
    assert frames.reports(1.45) == []
    assert frames.newest().stamp_s == 1.45


def test_camera_that_repeats_its_stamp_is_frozen_and_gives_no_new_set() -> None:
    frames = sync(stale_after_s=0.5)
    for n in range(6):
        push_all(frames, 0.05 * n)
    assert frames.take().stamp_s == 0.25
    for n in range(6, 30):
        push_all(frames, 0.05 * n, but="front")
        frames.push("front", 0.25, "", 0.05 * n)
    assert faults(frames, 1.45) == {"front": CameraFault.FROZEN}
    assert "1.2 s ago again and again" in frames.reports(1.45)[0].message
    assert frames.take() is None


def test_camera_that_repeats_its_content_is_frozen() -> None:
    frames = FrameSync(CAMERAS, 0.02, same_picture=np.array_equal, frozen_after=10)
    for n in range(20):
        for camera in CAMERAS:
            value = 5 if camera == "front" and n > 5 else n
            frames.push(camera, 0.05 * n, np.full((4, 4, 3), value, np.uint8), 0.05 * n)
    assert faults(frames, 0.95) == {"front": CameraFault.FROZEN}
    frames.push("front", 1.0, np.zeros((4, 4, 3), np.uint8), 1.0)
    assert frames.reports(1.0) == []


def test_content_may_repeat_where_stamps_are_trusted() -> None:
    frames = sync()
    for n in range(100):
        for camera in CAMERAS:
            frames.push(camera, 0.05 * n, "the same", 0.05 * n)
    assert frames.reports(4.95) == []


def test_slow_camera_is_named_with_its_rate() -> None:
    frames = sync(min_rate_hz=10.0)
    for n in range(40):
        push_all(frames, 0.05 * n, but="" if n % 4 == 0 else "wrist")
    (report,) = frames.reports(1.95)
    assert (report.camera, report.fault) == ("wrist", CameraFault.SLOW)
    assert report.message == "camera 'wrist' sends 5.0 pictures a second, at least 10 are needed"


def test_camera_with_unusable_stamps_is_named() -> None:
    frames = sync(stale_after_s=0.5)
    for n in range(20):
        push_all(frames, 0.05 * n, but="wrist")
        frames.push("wrist", 0.05 * n + 99.0, "", 0.05 * n)
    assert faults(frames, 0.95) == {"wrist": CameraFault.BAD_STAMPS}
    assert "stamped in the future" in frames.reports(0.95)[0].message


# Pictures that are not taken


def test_duplicates_and_older_pictures_are_ignored_and_counted() -> None:
    frames = sync()
    push_all(frames, 1.0)
    push_all(frames, 1.05)
    assert frames.push("front", 1.05, "again", 1.06) is Arrival.DUPLICATE
    assert frames.push("front", 1.0, "older", 1.06) is Arrival.OUT_OF_ORDER
    assert frames.newest().frames["front"] == "front 1.05"
    assert frames.counts == {
        Arrival.TAKEN: 8,
        Arrival.DUPLICATE: 1,
        Arrival.OUT_OF_ORDER: 1,
        Arrival.BAD_STAMP: 0,
    }


@pytest.mark.parametrize("stamp_s", [math.nan, math.inf, -math.inf, 1.2])
def test_picture_with_an_unusable_stamp_is_ignored(stamp_s: float) -> None:
    frames = sync()
    push_all(frames, 1.0)
    assert frames.push("front", stamp_s, "bad", 1.0) is Arrival.BAD_STAMP
    assert frames.newest().frames["front"] == "front 1.00"


def test_everything_is_forgotten_when_the_clock_goes_back() -> None:
    frames = sync()
    push_all(frames, 100.0)
    frames.take()
    push_all(frames, 1.0, but="wrist")
    assert frames.newest() is None
    assert faults(frames, 1.0) == {"wrist": CameraFault.MISSING}
    frames.push("wrist", 1.0, "", 1.0)
    assert frames.take().stamp_s == 1.0


def test_unknown_camera_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(InvalidParameter, match="right_shoulder"):
        sync().push("overhead", 0.0, "", 0.0)


@pytest.mark.parametrize(
    ("cameras", "options"),
    [
        ((), {}),
        (("front", "front"), {}),
        (CAMERAS, {"slop_s": -0.1}),
        (CAMERAS, {"stale_after_s": 0.0}),
        (CAMERAS, {"frozen_after": 0}),
        (CAMERAS, {"min_rate_hz": math.nan}),
    ],
)
def test_wrong_configuration_is_refused(
    cameras: tuple[str, ...], options: dict[str, float]
) -> None:
    with pytest.raises(InvalidParameter):
        FrameSync(cameras, **{"slop_s": 0.02, **options})
