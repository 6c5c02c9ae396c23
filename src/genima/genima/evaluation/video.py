# SPDX-License-Identifier: Apache-2.0
"""Videos of episodes: the four live views beside the newest drawn tile, under a caption."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np

from genima.arrays import Array, UInt8
from genima.tiles import tile_images

_GAP_PX = 8
_CAPTION_PX = 56
_BACKGROUND = (24, 26, 30)
_TEXT = (235, 235, 235)
_FAINT = (150, 155, 165)
_FONT = cv2.FONT_HERSHEY_DUPLEX
#: Good enough to see the stripes of a sphere in the front view, and about 1 MB an episode.
_ENCODER = {"crf": "21", "preset": "veryfast"}


class Outcome(Enum):
    """How an episode stands, and the colour that says so."""

    RUNNING = (200, 205, 215)
    SUCCESS = (90, 220, 120)
    FAILURE = (250, 90, 90)


@dataclass(frozen=True)
class Caption:
    """What stands above a frame.

    Attributes:
        task: Name of the task.
        seed: Seed of the episode.
        instruction: What the arm was told.
        step: Policy steps since the start.
        outcome: How the episode stands.
    """

    task: str
    seed: int
    instruction: str
    step: int
    outcome: Outcome


def compose_frame(
    images: Mapping[str, UInt8[Array, "s s 3"]],
    tile: UInt8[Array, "2s 2s 3"] | None,
    order: Sequence[str],
    caption: Caption,
) -> UInt8[Array, "h w 3"]:
    """One frame: caption, live views on the left, drawn tile (once there is one) on the right.

    Args:
        images: The live view of each camera.
        tile: The newest drawn tile, as large as the four views together.
        order: Camera names in tile order.
        caption: What stands above.

    Raises:
        InvalidImage: A view is missing or not square.
    """
    live = tile_images(images, order)
    side = live.shape[0]
    frame = np.empty((_CAPTION_PX + side, 2 * side + _GAP_PX, 3), np.uint8)
    frame[:] = _BACKGROUND
    frame[_CAPTION_PX:, :side] = live
    if tile is not None and tile.shape == live.shape:
        frame[_CAPTION_PX:, side + _GAP_PX :] = tile
    else:
        _write(frame, "no target drawn yet", side + _GAP_PX + 20, _CAPTION_PX + 40, _FAINT)
    _write_caption(frame, caption, side)
    return frame


def _write_caption(frame: UInt8[Array, "h w 3"], caption: Caption, side: int) -> None:
    _write(frame, f"{caption.task}   seed {caption.seed}", 10, 22, _TEXT)
    _write(frame, "live views", 10, 47, _FAINT)
    right = side + _GAP_PX
    _write(frame, f"step {caption.step}", right, 22, _TEXT)
    outcome = caption.outcome
    _write(frame, outcome.name.lower(), right + 120, 22, outcome.value)
    _write(frame, f'drawn targets for "{caption.instruction}"', right, 47, _FAINT)


def _write(
    frame: UInt8[Array, "h w 3"], text: str, x: int, y: int, colour: tuple[int, int, int]
) -> None:
    cv2.putText(frame, text, (x, y), _FONT, 0.5, colour, 1, cv2.LINE_AA)


#: What a video writer raises where it cannot write, for instance on a full disk.
VIDEO_ERRORS = (OSError, av.FFmpegError)


class VideoWriter:
    """Writes H.264 in an mp4 file. Frames keep their place in time where some are missing.

    Args:
        path: The file; it is complete after `close`.
        rate_hz: Frames a second.
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._container = av.open(str(path), "w")
        self._stream = self._container.add_stream("libx264", rate=rate_hz, options=_ENCODER)
        self._stream.pix_fmt = "yuv420p"
        # More threads would compete with the nodes that are being filmed.
        self._stream.thread_count = 1
        self._time_base = Fraction(1, rate_hz)
        self._last = -1

    def write(self, frame: UInt8[Array, "h w 3"], index: int) -> None:
        """Add an RGB frame of even size; one that does not lie after the last is left out."""
        if index <= self._last:
            return
        if self._last < 0:
            self._stream.height, self._stream.width = frame.shape[:2]
        self._last = index
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts, picture.time_base = index, self._time_base
        self._container.mux(self._stream.encode(picture))

    def hold(self, frame: UInt8[Array, "h w 3"], frames: int) -> None:
        """Show a frame for some time at the end."""
        for _ in range(frames):
            self.write(frame, self._last + 1)

    def close(self) -> None:
        """Finish the file."""
        if self._last >= 0:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
