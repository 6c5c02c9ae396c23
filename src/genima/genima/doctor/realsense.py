# SPDX-License-Identifier: Apache-2.0
"""RealSense cameras: library, rights, connection, and the serial numbers that are configured."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, unknown, warning
from genima.doctor.intended import Intended
from genima.errors import CameraError, GenimaError, MissingDependency
from genima.realsense.devices import DeviceInfo, connected_devices, require_serials
from genima.realsense.sources import parse_cameras
from genima.strict_yaml import read_mapping

_RULES = ("/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")


def check_realsense(computer: Computer, intended: Intended) -> Iterator[Finding]:
    """Udev rules, pyrealsense2, each connected camera, and the configured serial numbers."""
    yield judge_rules(computer)
    try:
        infos = [info for info, _ in connected_devices()]
    except MissingDependency as error:
        yield missing("pyrealsense2", str(error), "pip install 'genima[robot]'")
        return
    yield ok("pyrealsense2", "can be imported")
    yield from judge_devices(infos, on_the_bus=_on_the_bus(computer))
    if intended.realsense_file is not None:
        yield judge_serials(intended.realsense_file, infos)


def judge_rules(computer: Computer) -> Finding:
    """Whether this user may open a camera."""
    for folder in _RULES:
        for file in sorted(computer.path(folder).glob("*realsense*.rules")):
            return ok("udev rules", f"/{file.relative_to(computer.root)}")
    return missing(
        "udev rules",
        "there are none for RealSense, so that only root may open a camera",
        "sudo cp 99-realsense-libusb.rules /etc/udev/rules.d/ from librealsense's folder config, "
        "then sudo udevadm control --reload-rules && sudo udevadm trigger",
    )


def _on_the_bus(computer: Computer) -> int:
    """How many devices on USB call themselves RealSense."""
    products = computer.path("/sys/bus/usb/devices").glob("*/product")
    return sum("realsense" in file.read_text(errors="replace").lower() for file in products)


def judge_devices(infos: Sequence[DeviceInfo], on_the_bus: int) -> Iterator[Finding]:
    """What is to be said of what is connected."""
    if not infos and on_the_bus:
        yield missing(
            "cameras",
            f"{on_the_bus} are connected, and this user may not open them",
            "install the udev rules, then unplug and plug them in",
        )
    elif not infos:
        yield missing(
            "cameras", "no RealSense camera is connected", "plug them into ports of USB 3"
        )
    for info in infos:
        if info.slow:
            yield warning("cameras", f"{info} {info.advice.partition(';')[0]}", "use USB 3")
        else:
            yield ok("cameras", str(info))


def judge_serials(file: Path, infos: Sequence[DeviceInfo]) -> Finding:
    """Whether the cameras that are configured are those that are connected."""
    subject = "serial numbers"
    try:
        (section,) = read_mapping(file, CameraError).values()
        cameras = parse_cameras(section["ros__parameters"]["cameras"])
    except (GenimaError, KeyError, TypeError, ValueError) as error:
        return missing(subject, f"{file} cannot be read: {error}", "begin with the suite's own")
    empty = [name for name, place in cameras.items() if not place]
    if empty:
        return missing(
            subject,
            f"{file} gives none for {', '.join(empty)}",
            "write <name>=<serial number> into it (docs/cameras.md)",
        )
    serials = {name: place for name, place in cameras.items() if place.isdecimal()}
    if not serials:
        return unknown(subject, f"{file} names recorded files")
    try:
        require_serials(serials, infos)
    except CameraError as error:
        return missing(subject, str(error), "correct the numbers, or plug the cameras in")
    return ok(subject, f"all {len(serials)} of {file} are connected")
