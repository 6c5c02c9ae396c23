# SPDX-License-Identifier: Apache-2.0
"""From a list such as `front=831612073525` to the sources of all cameras, checked together."""

import re
from collections.abc import Sequence
from pathlib import Path

from genima.errors import CameraError, InvalidParameter
from genima.realsense.devices import connected_devices, connected_sentence, require_serials
from genima.realsense.frames import ColourSettings, FrameSource
from genima.realsense.live import LiveCamera
from genima.realsense.recorded import RecordedCamera

#: As topics allow it.
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")


def parse_cameras(entries: Sequence[str]) -> dict[str, str]:
    """Serial number or recorded file of each camera, by its name.

    Args:
        entries: Each `<name>=<serial number>` or `<name>=<file>`.

    Raises:
        InvalidParameter: One is malformed, or a name or a place is given twice.
    """
    cameras: dict[str, str] = {}
    for entry in entries:
        name, equals, place = (part.strip() for part in entry.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise InvalidParameter(
                f"camera {entry!r}: must be <name>=<serial number> or <name>=<recorded file>, "
                "the name of letters, digits and _"
            )
        if name in cameras:
            raise InvalidParameter(f"camera {name!r} is given twice; give each its own name")
        other = next((n for n, p in cameras.items() if place and p == place), None)
        if other is not None:
            raise InvalidParameter(
                f"cameras {other!r} and {name!r} have the same serial number or file {place}; "
                "give each its own"
            )
        cameras[name] = place
    return cameras


def make_sources(
    cameras: dict[str, str], settings: ColourSettings, repeat_recordings: bool
) -> dict[str, FrameSource]:
    """A source for each camera, all of which could be started now.

    Args:
        cameras: Serial number or recorded file of each camera, by its name.
        settings: How their streams are wanted.
        repeat_recordings: Begin a recorded file anew at its end.

    Raises:
        CameraError: One is missing, or does not offer what is wanted.
    """
    sources: dict[str, FrameSource] = {}
    serials = {name: place for name, place in cameras.items() if not _is_file(place)}
    if serials or not cameras:
        _require_devices(serials)
    for name, place in cameras.items():
        if name in serials:
            sources[name] = LiveCamera(place, settings)
        else:
            sources[name] = RecordedCamera(Path(place), settings, repeat=repeat_recordings)
        try:
            sources[name].check()
        except CameraError as error:
            raise CameraError(f"camera {name!r}: {error}") from error
    return sources


def _is_file(place: str) -> bool:
    return "/" in place or "." in place  # serial numbers are digits


def _require_devices(serials: dict[str, str]) -> None:
    infos = [info for info, _ in connected_devices()]
    unset = [name for name, serial in serials.items() if not serial]
    if unset or not serials:
        what = f"no serial number is given for {', '.join(unset)}" if unset else "none is given"
        raise CameraError(
            f"{what}: write e.g. front=831612073525 under 'cameras' of realsense.yaml; "
            f"{connected_sentence(infos)}"
        )
    require_serials(serials, infos)
