# SPDX-License-Identifier: Apache-2.0
"""The videos of one camera in a LeRobotDataset: episodes one after the other in MP4 files."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from genima.data.demonstration import Frames
from genima.data.lerobot_layout import FILES_PER_CHUNK, VIDEO_FILE_MB, VIDEO_PATH
from genima.data.lerobot_statistics import ImageHistogram
from genima.errors import InvalidDataset

CODEC = "h264"
PIXEL_FORMAT = "yuv420p"
#: A keyframe every second frame, so that any frame is found quickly, as LeRobot itself does; no
#: frames that refer to later ones, so that time begins at 0; hardly visible loss.
_OPTIONS = {"g": "2", "bf": "0", "crf": "18", "preset": "medium"}
#: LeRobot takes its statistics from about so many images of an episode.
_SAMPLED_IMAGES = 100


@dataclass(frozen=True)
class VideoPlace:
    """Where an episode's images are.

    Attributes:
        chunk_index: Which folder.
        file_index: Which file in it.
        from_s: When the episode begins in the file [s].
        to_s: When it ends [s].
    """

    chunk_index: int
    file_index: int
    from_s: float
    to_s: float


class CameraVideo:
    """Encodes the images of one camera.

    Args:
        root: Of the data set.
        key: Of the camera, such as `observation.images.front`.
        fps: Images a second.
        size_px: Side of the square images [px].
    """

    def __init__(self, root: Path, key: str, fps: int, size_px: int) -> None:
        if size_px % 2:
            raise InvalidDataset(
                f"images of {size_px} px cannot become a video; their side must be even, so "
                "import or collect them in another size"
            )
        self._root = root
        self._key = key
        self._fps = fps
        self._size_px = size_px
        self._file_number = -1
        self._frames_in_file = 0
        self._path = root
        self._container: Any = None
        self._stream: Any = None
        self.histogram = ImageHistogram()

    def add_episode(self, frames: Frames) -> tuple[VideoPlace, ImageHistogram]:
        """Append an episode's images.

        Returns:
            Where they are, and their histogram.
        """
        if self._container is None or self._path.stat().st_size > VIDEO_FILE_MB * 2**20:
            self._open_next_file()
        begin = self._frames_in_file
        histogram = ImageHistogram()
        stride = -(-len(frames) // _SAMPLED_IMAGES)
        for i in range(len(frames)):
            image = frames[i]
            if i % stride == 0:
                histogram.add(image)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = self._frames_in_file, Fraction(1, self._fps)
            self._container.mux(self._stream.encode(frame))
            self._frames_in_file += 1
        self.histogram.merge(histogram)
        chunk, file = divmod(self._file_number, FILES_PER_CHUNK)
        end = self._frames_in_file
        return VideoPlace(chunk, file, begin / self._fps, end / self._fps), histogram

    def close(self) -> None:
        """Finish the open file."""
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._container = None

    def _open_next_file(self) -> None:
        self.close()
        self._file_number += 1
        self._frames_in_file = 0
        chunk, file = divmod(self._file_number, FILES_PER_CHUNK)
        relative = VIDEO_PATH.format(video_key=self._key, chunk_index=chunk, file_index=file)
        self._path = self._root / relative
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(self._path), "w")
        self._stream = self._container.add_stream("libx264", rate=self._fps, options=_OPTIONS)
        self._stream.width = self._stream.height = self._size_px
        self._stream.pix_fmt = PIXEL_FORMAT
