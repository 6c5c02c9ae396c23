# SPDX-License-Identifier: Apache-2.0
"""Exposure, white balance, and what keeps rate and stamps steady."""

from typing import Any

from genima.errors import CameraError
from genima.realsense.frames import ColourSettings
from genima.realsense.sdk import load_sdk


def require_options(sensor: Any, settings: ColourSettings) -> None:
    """Refuse a fixed exposure or white balance that a sensor cannot be set to.

    Raises:
        CameraError: It has no such option, or the value is out of its range.
    """
    for _, option, value in _chosen(settings):
        if value == 0:
            continue
        if not sensor.supports(option):
            raise CameraError(f"has no option {option.name!r}; leave it at 0 for automatic")
        allowed = sensor.get_option_range(option)
        if not allowed.min <= value <= allowed.max:
            raise CameraError(
                f"takes {option.name!r} from {allowed.min:g} to {allowed.max:g}, got {value}; "
                "0 is automatic"
            )


def set_options(sensor: Any, settings: ColourSettings) -> None:
    """Set all options of a sensor; those that it does not have are left out."""
    option = load_sdk().option
    # Else a camera halves its rate in a dim room.
    _set(sensor, option.auto_exposure_priority, 0)
    # Stamps in this computer's time.
    _set(sensor, option.global_time_enabled, 1)
    for automatic, chosen, value in _chosen(settings):
        _set(sensor, automatic, value == 0)
        if value:
            _set(sensor, chosen, value)


def _chosen(settings: ColourSettings) -> tuple[tuple[Any, Any, int], ...]:
    """The automatic, its option and the wanted value of what can be chosen."""
    option = load_sdk().option
    return (
        (option.enable_auto_exposure, option.exposure, settings.exposure),
        (option.enable_auto_white_balance, option.white_balance, settings.white_balance_k),
    )


def _set(sensor: Any, option: Any, value: float) -> None:
    if sensor.supports(option) and not sensor.is_option_read_only(option):
        sensor.set_option(option, float(value))
