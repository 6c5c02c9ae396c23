# SPDX-License-Identifier: Apache-2.0
"""Where the cameras are: whether the files can be read, are this robot's own, and recent."""

import time
from collections.abc import Iterator
from pathlib import Path

from genima.cameras import load_rig
from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, warning
from genima.doctor.intended import Intended
from genima.errors import CalibrationError, LaunchError
from genima.launching.ament import share_directory
from genima.strict_yaml import read_mapping

#: After this time somebody has bumped into a tripod [days].
_FRESH_DAYS = 30.0
_DAY_S = 86400.0
_SUBJECT = "calibration"
_CALIBRATE = (
    "calibrate anew (docs/calibrate.md), or see with genima calib check that it still fits"
)


def check_calibration(computer: Computer, intended: Intended) -> Iterator[Finding]:
    """The file with the cameras, and the calibrations that it names."""
    file = intended.cameras_file
    if file is None:
        yield missing(_SUBJECT, "no cameras_file was given", "give --cameras-file")
        return
    try:
        rig = load_rig(file)
    except CalibrationError as error:
        yield missing(_SUBJECT, str(error), "mend the file, or calibrate (docs/calibrate.md)")
        return
    if _is_example(computer, file):
        yield warning(
            _SUBJECT,
            f"{file} is the example, whose numbers are those of the simulated rig",
            "copy it, put your own calibrations in (docs/calibrate.md), and give --cameras-file",
        )
        return
    yield ok(_SUBJECT, f"{file}: {', '.join(rig.cameras)}")
    now_s = time.clock_gettime(time.CLOCK_REALTIME)
    for name, dated in _files(file).items():
        yield judge_age(name, dated, (now_s - dated.stat().st_mtime) / _DAY_S)


def _is_example(computer: Computer, file: Path) -> bool:
    try:
        folder = share_directory("genima_bringup", computer.environment)
        return (folder / "config" / "cameras.yaml").read_bytes() == file.read_bytes()
    except (LaunchError, OSError):
        return False


def _files(file: Path) -> dict[str, Path]:
    """The file that says where each camera is: its calibration, or the list of cameras itself."""
    entries = read_mapping(file, CalibrationError)["cameras"]
    own = {name: entry.get("calibration") for name, entry in entries.items()}
    return {name: file.parent / path if path else file for name, path in own.items()}


def judge_age(camera: str, file: Path, days: float) -> Finding:
    """Whether a calibration is recent."""
    subject = f"{_SUBJECT} of {camera}"
    if days > _FRESH_DAYS:
        return warning(subject, f"{file.name} is {days:.0f} days old", _CALIBRATE)
    return ok(subject, f"{file.name}, {max(days, 0.0):.0f} days old")
