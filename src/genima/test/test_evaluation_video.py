# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import av
import numpy as np
import pytest

from genima.arrays import Array, UInt8
from genima.errors import InvalidImage
from genima.evaluation.video import Caption, Outcome, VideoWriter, compose_frame

ORDER = ("wrist", "front", "right_shoulder", "left_shoulder")
CAPTION = Caption("push_button", 7, "push the red button", 3, Outcome.RUNNING)


def views(size: int = 256) -> dict[str, UInt8[Array, "s s 3"]]:
    return {name: np.full((size, size, 3), 40 * i, np.uint8) for i, name in enumerate(ORDER, 1)}


def test_frame_has_live_views_in_tile_order_and_the_tile_beside_them() -> None:
    frame = compose_frame(views(), np.full((512, 512, 3), 250, np.uint8), ORDER, CAPTION)
    top, middle, left = frame.shape[0] - 512, frame.shape[0] - 256, frame.shape[1] - 512
    assert (frame[top:middle, :256] == 40).all()
    assert (frame[top:middle, 256:512] == 80).all()
    assert (frame[middle:, :256] == 120).all()
    assert (frame[top:, left:] == 250).all()
    assert frame.shape[0] % 2 == 0
    assert frame.shape[1] % 2 == 0


def test_caption_changes_with_the_outcome_only_above_the_pictures() -> None:
    running = compose_frame(views(), None, ORDER, CAPTION)
    done = Caption("push_button", 7, "push the red button", 3, Outcome.SUCCESS)
    changed = np.argwhere((running != compose_frame(views(), None, ORDER, done)).any(axis=2))
    assert len(changed)
    assert changed[:, 0].max() < running.shape[0] - 512


def test_missing_view_is_named() -> None:
    incomplete = views()
    del incomplete["front"]
    with pytest.raises(InvalidImage, match="front"):
        compose_frame(incomplete, None, ORDER, CAPTION)


def test_video_is_h264_and_keeps_the_time_of_frames_where_some_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    frame = np.zeros((64, 96, 3), np.uint8)
    with VideoWriter(path, 20) as video:
        for index in (0, 1, 1, 4):
            video.write(frame, index)
        video.hold(frame, 2)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times_s = [round(float(picture.time), 3) for picture in container.decode(stream)]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
    assert times_s == [0.0, 0.05, 0.2, 0.25, 0.3]


def test_video_without_frames_does_no_harm(tmp_path: Path) -> None:
    VideoWriter(tmp_path / "video.mp4", 20).close()
