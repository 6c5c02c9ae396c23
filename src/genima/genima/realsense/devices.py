# SPDX-License-Identifier: Apache-2.0
"""Which cameras are connected, and which streams they offer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from genima.errors import CameraError
from genima.realsense.frames import ColourSettings
from genima.realsense.sdk import load_sdk

_USB3 = "put it into a USB 3 port (blue, or marked SS), with a USB 3 cable"


@dataclass(frozen=True)
class DeviceInfo:
    """What a camera says of itself.

    Attributes:
        name: Model, e.g. `Intel RealSense D435`.
        serial: Serial number.
        usb: USB version of its connection, e.g. `3.2`; empty if it does not tell.
    """

    name: str
    serial: str
    usb: str

    def __str__(self) -> str:
        usb = f", USB {self.usb}" if self.usb else ""
        return f"{self.serial} ({self.name}{usb})"

    @property
    def slow(self) -> bool:
        """Whether the connection is slower than USB 3."""
        return self.usb.startswith(("1", "2"))

    @property
    def advice(self) -> str:
        """What to do about a slow connection; empty if nothing."""
        if not self.slow:
            return ""
        return f"is connected by USB {self.usb}, which two cameras overfill; {_USB3}"


def device_info(device: Any) -> DeviceInfo:
    """What a device of librealsense says of itself."""
    keys = load_sdk().camera_info

    def read(key: Any) -> str:
        return str(device.get_info(key)) if device.supports(key) else ""

    return DeviceInfo(read(keys.name), read(keys.serial_number), read(keys.usb_type_descriptor))


def connected_devices() -> list[tuple[DeviceInfo, Any]]:
    """All cameras on this computer."""
    found = []
    for device in _context().query_devices():
        try:
            found.append((device_info(device), device))
        except RuntimeError:  # unplugged in this moment
            continue
    return found


def find_device(serial: str) -> Any:
    """The connected camera with a serial number.

    Raises:
        CameraError: There is none.
    """
    devices = connected_devices()
    for info, device in devices:
        if info.serial == serial:
            return device
    raise CameraError(
        f"no camera with serial number {serial} is connected; "
        f"{connected_sentence([info for info, _ in devices])}"
    )


def connected_sentence(infos: Sequence[DeviceInfo]) -> str:
    """What is connected, for the end of an error message."""
    if infos:
        return f"connected are {', '.join(map(str, infos))}"
    return (
        "no RealSense camera is connected, or this user may not open it: check cables and ports, "
        "and install librealsense's udev rules"
    )


def require_serials(serials: Mapping[str, str], infos: Sequence[DeviceInfo]) -> None:
    """Refuse cameras that are not connected, all in one sentence.

    Args:
        serials: Serial number of each camera, by its name.
        infos: What is connected.

    Raises:
        CameraError: Some are missing.
    """
    present = {info.serial for info in infos}
    missing = [f"{name} ({serial})" for name, serial in serials.items() if serial not in present]
    if missing:
        raise CameraError(
            f"not connected: {', '.join(missing)}; {connected_sentence(infos)}; serial numbers "
            "are set in realsense.yaml"
        )


def colour_stream(device: Any, wanted: ColourSettings) -> tuple[Any, Any]:
    """The sensor and the profile of a device that give the wanted stream in rgb8.

    Raises:
        CameraError: The device does not offer it.
    """
    rs = load_sdk()
    offered = set()
    for sensor in device.query_sensors():
        for profile in sensor.get_stream_profiles():
            # A D405 has its colour in the stereo module, so the sensor's name says nothing.
            if profile.stream_type() != rs.stream.color or profile.format() != rs.format.rgb8:
                continue
            video = profile.as_video_stream_profile()
            size = (video.width(), video.height(), profile.fps())
            if size == (wanted.width, wanted.height, wanted.rate_hz):
                return sensor, profile
            offered.add(size)
    sizes = ", ".join(str(ColourSettings(*size)) for size in sorted(offered))
    raise CameraError(f"offers no colour of {wanted} in rgb8; it offers {sizes or 'none in rgb8'}")


@cache
def _context() -> Any:
    """One for the process: each watches the USB bus in threads of its own."""
    return load_sdk().context()
