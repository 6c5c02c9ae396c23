# SPDX-License-Identifier: Apache-2.0
"""A camera that is connected to this computer."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from genima.errors import CameraError
from genima.realsense.calibration import read_calibration
from genima.realsense.devices import DeviceInfo, colour_stream, device_info, find_device
from genima.realsense.frame_queue import FrameQueue
from genima.realsense.frames import ColourSettings, SensorFrame
from genima.realsense.options import require_options, set_options


class LiveCamera:
    """The colour stream of one device, found by its serial number each time it is started.

    It drives the sensor itself, as realsense-ros does. A pipeline would wait 15 s for a camera
    that is absent, restart by itself one that was lost, and cannot run on a software device.

    Args:
        serial: Serial number.
        settings: How the stream is wanted.
        find: Finds the device; raises a CameraError where there is none.
    """

    ended = False

    def __init__(
        self,
        serial: str,
        settings: ColourSettings,
        find: Callable[[str], Any] = find_device,
    ) -> None:
        self._settings = settings
        self._find = find
        self._info = DeviceInfo("camera", serial, "")
        self._sensor: Any = None
        self._queue: FrameQueue | None = None

    @property
    def description(self) -> str:
        """Serial number, model and connection."""
        return str(self._info)

    @property
    def advice(self) -> str:
        """What to do about a slow connection; empty if nothing."""
        return self._info.advice

    def check(self) -> None:
        """Find the device, and the stream and the options on it.

        Raises:
            CameraError: It is not connected, or does not offer one of them.
        """
        self._find_stream()

    def start(self) -> None:
        """Begin to deliver frames.

        Raises:
            CameraError: It is not connected, taken, or does not offer the stream or an option.
        """
        sensor, profile = self._find_stream()
        self._queue = FrameQueue(read_calibration(profile), recorded=False)
        self._sensor = sensor
        try:
            set_options(sensor, self._settings)
            sensor.open(profile)
            sensor.start(self._queue.sink)
        except RuntimeError as error:
            self.stop()
            raise CameraError(
                f"{self._info} cannot be opened ({error}); end other programs that use it, such "
                "as realsense-viewer or realsense-ros, or plug it in anew"
            ) from error

    def wait(self, timeout_s: float) -> SensorFrame | None:
        """The next frame; None if none came in time."""
        return self._queue.wait(timeout_s) if self._queue is not None else None

    def stop(self) -> None:
        """Let go of the device; one that was unplugged has gone already."""
        if self._sensor is not None:
            with suppress(RuntimeError):
                self._sensor.stop()
            with suppress(RuntimeError):
                self._sensor.close()
        self._sensor = self._queue = None

    def _find_stream(self) -> tuple[Any, Any]:
        device = self._find(self._info.serial)
        try:
            self._info = device_info(device)
            sensor, profile = colour_stream(device, self._settings)
            require_options(sensor, self._settings)
            return sensor, profile
        except RuntimeError as error:
            raise CameraError(
                f"{self._info} does not answer ({error}); plug it in anew"
            ) from error
        except CameraError as error:
            raise CameraError(f"{self._info} {error}") from error
