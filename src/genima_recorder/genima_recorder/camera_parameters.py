# SPDX-License-Identifier: Apache-2.0
"""Parameters of the camera node."""

from dataclasses import dataclass

from genima_ros.parameters import parameter


@dataclass(frozen=True)
class CameraParameters:
    """What `config/realsense.yaml` sets."""

    autostart: bool = parameter(True, "Configure and activate without being told.")
    cameras: list[str] = parameter(  # noqa: RUF009
        ["front=", "wrist=", "left_shoulder=", "right_shoulder="],
        "Each <name>=<serial number>, or <name>=<recorded file>.",
    )
    width: int = parameter(640, "Image width.", unit="px", minimum=1)
    height: int = parameter(480, "Image height.", unit="px", minimum=1)
    rate_hz: int = parameter(30, "Frames a second.", unit="Hz", minimum=1)
    exposure: int = parameter(
        0, "In the camera's own unit, mostly 100 us; 0 for automatic.", minimum=0
    )
    white_balance_k: int = parameter(
        0, "Colour temperature; 0 for automatic.", unit="K", minimum=0
    )
    repeat_recordings: bool = parameter(True, "Begin a recorded file anew at its end.")
