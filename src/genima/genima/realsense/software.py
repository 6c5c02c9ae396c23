# SPDX-License-Identifier: Apache-2.0
"""librealsense's software device: a camera whose frames are given by code, and can be recorded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genima.arrays import Array, UInt8
from genima.errors import CameraError
from genima.intrinsics import Intrinsics
from genima.realsense.calibration import ColourCalibration
from genima.realsense.devices import DeviceInfo
from genima.realsense.frames import ColourSettings, FrameClock
from genima.realsense.sdk import load_sdk

#: As of a D435 at 640x480, roughly; its colour stream reports no distortion.
_FOCAL_PX_PER_WIDTH = 0.95


class SoftwareCamera:
    """A colour camera without hardware, for tests and benchmarks.

    Args:
        info: What it says of itself.
        settings: The one stream that it offers; its exposure, if not 0, is the longest possible.
        calibration: Of the stream; a plausible one if None.
    """

    def __init__(
        self,
        info: DeviceInfo,
        settings: ColourSettings,
        calibration: ColourCalibration | None = None,
    ) -> None:
        rs = load_sdk()
        self.device = rs.software_device()
        keys = rs.camera_info
        self.device.register_info(keys.name, info.name)
        self.device.register_info(keys.serial_number, info.serial)
        self.device.register_info(keys.usb_type_descriptor, info.usb)
        self._sensor = self.device.add_sensor("RGB Camera")
        stream = _video_stream(settings, calibration or _plausible(settings))
        self._profile = self._sensor.add_video_stream(stream).as_video_stream_profile()
        if settings.exposure:
            self._offer(rs.option.exposure, 1, settings.exposure)
            self._offer(rs.option.enable_auto_exposure, 0, 1)

    def _offer(self, option: Any, least: int, most: int) -> None:
        allowed = load_sdk().option_range()
        allowed.min, allowed.max, allowed.step, allowed.default = least, most, 1, least
        self._sensor.add_option(option, allowed, True)

    def send(
        self,
        image: UInt8[Array, "h w 3"],
        time_s: float,
        number: int,
        clock: FrameClock = FrameClock.SYSTEM,
    ) -> None:
        """Deliver a frame to whoever has started the sensor; it is copied.

        Args:
            image: RGB.
            time_s: When it was taken, by `clock` [s].
            number: Its frame number.
            clock: Which clock that is; not RECORDED.
        """
        rs = load_sdk()
        domains = rs.timestamp_domain
        frame = rs.software_video_frame()
        frame.pixels = image
        frame.stride, frame.bpp = image.shape[1] * 3, 3
        frame.timestamp = time_s * 1e3
        own = clock is FrameClock.CAMERA
        frame.domain = domains.hardware_clock if own else domains.global_time
        frame.frame_number = number
        frame.profile = self._profile
        self._sensor.on_video_frame(frame)


class Recorder:
    """Records what software cameras send, each into a file of its own.

    Args:
        cameras: The cameras.
        paths: Where each is recorded to; `.db3`.

    Raises:
        CameraError: A file cannot be written.
    """

    def __init__(self, cameras: Sequence[SoftwareCamera], paths: Sequence[Path]) -> None:
        rs = load_sdk()
        self._recorders: list[Any] = []
        self._sensors: list[Any] = []
        for camera, path in zip(cameras, paths, strict=True):
            try:
                recorder = rs.recorder(str(path), camera.device)
            except RuntimeError as error:
                raise CameraError(f"{path}: cannot be recorded to ({error})") from error
            (sensor,) = recorder.query_sensors()
            sensor.open(sensor.get_stream_profiles()[0])
            sensor.start(rs.frame_queue(1))
            self._recorders.append(recorder)
            self._sensors.append(sensor)

    def close(self) -> None:
        """Finish the files."""
        for sensor in self._sensors:
            sensor.stop()
            sensor.close()
        self._sensors.clear()
        self._recorders.clear()  # librealsense closes a file when its recorder is let go


def _plausible(settings: ColourSettings) -> ColourCalibration:
    f = settings.width * _FOCAL_PX_PER_WIDTH
    centre = (settings.width / 2, settings.height / 2)
    intrinsics = Intrinsics(settings.width, settings.height, f, f, *centre)
    return ColourCalibration(intrinsics, (0.0, 0.0, 0.0, 0.0, 0.0))


def _video_stream(settings: ColourSettings, calibration: ColourCalibration) -> Any:
    rs = load_sdk()
    K = calibration.intrinsics.K_ros
    raw = rs.intrinsics()
    raw.width, raw.height = settings.width, settings.height
    raw.fx, raw.fy, raw.ppx, raw.ppy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    raw.model = rs.distortion.inverse_brown_conrady
    raw.coeffs = list(calibration.distortion)
    stream = rs.video_stream()
    stream.type, stream.fmt = rs.stream.color, rs.format.rgb8
    stream.index = stream.uid = 0
    stream.width, stream.height, stream.fps = settings.width, settings.height, settings.rate_hz
    stream.bpp = 3
    stream.intrinsics = raw
    return stream
