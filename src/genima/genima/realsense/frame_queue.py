# SPDX-License-Identifier: Apache-2.0
"""From librealsense's frames to ours, the same for live and recorded cameras."""

from typing import Any

import numpy as np

from genima.realsense.calibration import ColourCalibration
from genima.realsense.frames import FrameClock, SensorFrame
from genima.realsense.sdk import load_sdk

#: Frames that may wait while Python is busy: a quarter of a second. The SDK has 16 buffers.
_CAPACITY = 8


class FrameQueue:
    """Takes the frames of one stream from librealsense's thread.

    Args:
        calibration: Of the stream.
        recorded: The frames come from a file.
    """

    def __init__(self, calibration: ColourCalibration, recorded: bool) -> None:
        self._calibration = calibration
        self._recorded = recorded
        self._hardware_clock = load_sdk().timestamp_domain.hardware_clock
        #: What a sensor or pipeline of librealsense is started with.
        self.sink = load_sdk().frame_queue(_CAPACITY)

    def wait(self, timeout_s: float) -> SensorFrame | None:
        """The next frame; None if none came in time."""
        came, frame = self.sink.try_wait_for_frame(round(timeout_s * 1000))
        return self._convert(frame) if came else None

    def _convert(self, frame: Any) -> SensorFrame:
        if frame.is_frameset():
            frame = frame.as_frameset().get_color_frame()
        image = np.asanyarray(frame.get_data())  # keeps the frame's memory in use
        image.setflags(write=False)
        return SensorFrame(
            image,
            frame.get_timestamp() * 1e-3,
            self._clock(frame),
            frame.get_frame_number(),
            self._calibration,
        )

    def _clock(self, frame: Any) -> FrameClock:
        if self._recorded:
            return FrameClock.RECORDED
        on_camera = frame.get_frame_timestamp_domain() == self._hardware_clock
        return FrameClock.CAMERA if on_camera else FrameClock.SYSTEM
