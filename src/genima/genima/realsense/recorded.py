# SPDX-License-Identifier: Apache-2.0
"""A recorded file in place of a camera."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from genima.errors import CameraError
from genima.realsense.calibration import ColourCalibration, read_calibration
from genima.realsense.devices import DeviceInfo, colour_stream, device_info
from genima.realsense.frame_queue import FrameQueue
from genima.realsense.frames import ColourSettings, SensorFrame
from genima.realsense.sdk import load_sdk

#: What realsense-viewer and rs-record write: now, and in earlier versions.
SUFFIXES = (".db3", ".bag")


class RecordedCamera:
    """The colour stream of a file that librealsense recorded, played in real time.

    Args:
        path: The file.
        settings: The stream that it must hold; exposure and white balance are past.
        repeat: Begin anew at the end.
    """

    advice = ""

    def __init__(self, path: Path, settings: ColourSettings, *, repeat: bool) -> None:
        self._path = path
        self._settings = settings
        self._repeat = repeat
        self._info: DeviceInfo | None = None
        self._pipeline: Any = None
        self._playback: Any = None
        self._queue: FrameQueue | None = None

    @property
    def description(self) -> str:
        """The file, and the camera that it was recorded from."""
        return f"{self._path.name}, recorded from {self._info}" if self._info else str(self._path)

    @property
    def ended(self) -> bool:
        """Whether the file has been played to its end, and is not repeated."""
        if self._repeat or self._playback is None:  # repeated, it stops for a moment at its end
            return False
        return bool(self._playback.current_status() == load_sdk().playback_status.stopped)

    def check(self) -> None:
        """Open the file and look for the stream.

        Raises:
            CameraError: It is missing, unreadable, or does not hold the stream.
        """
        self._read_calibration()

    def start(self) -> None:
        """Begin to deliver frames, from the beginning.

        Raises:
            CameraError: The file is missing, unreadable, or does not hold the stream.
        """
        self._queue = FrameQueue(self._read_calibration(), recorded=True)
        rs, s = load_sdk(), self._settings
        config = rs.config()
        config.enable_device_from_file(str(self._path), self._repeat)
        config.enable_stream(rs.stream.color, s.width, s.height, rs.format.rgb8, s.rate_hz)
        pipeline = rs.pipeline()
        try:
            profile = pipeline.start(config, self._queue.sink)
        except RuntimeError as error:
            raise CameraError(f"{self._path}: cannot be played ({error})") from error
        self._pipeline = pipeline
        self._playback = profile.get_device().as_playback()

    def wait(self, timeout_s: float) -> SensorFrame | None:
        """The next frame; None if none came in time."""
        return self._queue.wait(timeout_s) if self._queue is not None else None

    def stop(self) -> None:
        """Close the file."""
        if self._pipeline is not None:
            with suppress(RuntimeError):  # it has failed already
                self._pipeline.stop()
        self._pipeline = self._playback = self._queue = None

    def _read_calibration(self) -> ColourCalibration:
        if not self._path.is_file():
            raise CameraError(f"{self._path}: there is no such file; check the path")
        rs = load_sdk()
        try:
            device = rs.context().load_device(str(self._path))
            self._info = device_info(device)
            _, profile = colour_stream(device, self._settings)
            return read_calibration(profile)  # profiles end with their device
        except RuntimeError as error:
            raise CameraError(
                f"{self._path}: is no recording of librealsense {rs.__version__} ({error}); "
                f"it must be a {' or '.join(SUFFIXES)} file of realsense-viewer or rs-record"
            ) from error
        except CameraError as error:
            raise CameraError(f"{self._path}: {error}") from error
