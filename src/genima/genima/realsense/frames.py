# SPDX-License-Identifier: Apache-2.0
"""What a colour camera delivers, and what every source of it has in common."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from genima.arrays import Array, UInt8
from genima.errors import InvalidParameter
from genima.realsense.calibration import ColourCalibration


class FrameClock(Enum):
    """Which clock the time of a frame was read from."""

    SYSTEM = "system"  #: This computer's, since 1970; librealsense may have converted it.
    CAMERA = "camera"  #: The camera's own, from an unknown start.
    RECORDED = "recorded"  #: Whichever it was when the file was recorded.


@dataclass(frozen=True)
class ColourSettings:
    """How a colour stream is wanted.

    Attributes:
        width: Image width [px].
        height: Image height [px].
        rate_hz: Frames a second; cameras offer whole numbers only.
        exposure: Exposure in the camera's own unit (100 us for most); 0 for automatic.
        white_balance_k: Colour temperature [K]; 0 for automatic.
    """

    width: int = 640
    height: int = 480
    rate_hz: int = 30
    exposure: int = 0
    white_balance_k: int = 0

    def __post_init__(self) -> None:
        if min(self.width, self.height, self.rate_hz) < 1:
            raise InvalidParameter(
                f"colour stream of {self}: width, height and rate must be at least 1"
            )
        if min(self.exposure, self.white_balance_k) < 0:
            raise InvalidParameter(
                f"exposure {self.exposure}, white balance {self.white_balance_k} K: neither may "
                "be negative; 0 means automatic"
            )

    def __str__(self) -> str:
        return f"{self.width}x{self.height} at {self.rate_hz} Hz"


@dataclass(frozen=True, eq=False)
class SensorFrame:
    """A frame as a source delivers it.

    Attributes:
        image: RGB; read-only, and memory of librealsense, which has few such buffers: copy it
            rather than keep it.
        time_s: When it was taken, by `clock` [s].
        clock: Which clock that is.
        number: As counted by the camera; a gap is a loss.
        calibration: Of the stream.
    """

    image: UInt8[Array, "h w 3"]
    time_s: float
    clock: FrameClock
    number: int
    calibration: ColourCalibration


class FrameSource(Protocol):
    """A camera, or what stands in for one. Used by one thread at a time."""

    @property
    def description(self) -> str:
        """What it is and how it can be told from others, e.g. model and serial number."""

    @property
    def advice(self) -> str:
        """What should be done to make it work well, in one sentence; empty if nothing."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will ever come, as at the end of a recording."""

    def check(self) -> None:
        """Find out whether it could be started.

        Raises:
            CameraError: It is absent, or does not offer what is wanted.
        """

    def start(self) -> None:
        """Begin to deliver frames.

        Raises:
            CameraError: It is absent, taken, or does not offer what is wanted.
        """

    def wait(self, timeout_s: float) -> SensorFrame | None:
        """The next frame; None if none came in time."""

    def stop(self) -> None:
        """Let go of the camera, whatever state it is in; it can be started again."""
