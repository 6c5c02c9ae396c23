# SPDX-License-Identifier: Apache-2.0
"""Room for recordings and models."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, warning
from genima.doctor.intended import Intended

#: The recorder's own reserve, and half an hour of four raw cameras at 111 MB/s [GB].
_LEAST_GB, _ENOUGH_GB = 2.0, 200.0


def check_disk(_computer: Computer, intended: Intended) -> Iterator[Finding]:
    """Free space where recordings go."""
    folder = intended.data_folder.absolute()
    while not folder.exists():
        folder = folder.parent
    yield judge_space(folder, shutil.disk_usage(folder).free / 1e9)


def judge_space(folder: Path, free_gb: float) -> Finding:
    """Whether there is enough."""
    found = f"{free_gb:.0f} GB are free at {folder}"
    if free_gb < _LEAST_GB:
        return missing("disk", found, "make room, or give --data-folder on another disk")
    if free_gb < _ENOUGH_GB:
        return warning(
            "disk",
            f"{found}: about {free_gb / 0.111 / 60:.0f} minutes of four raw cameras",
            "fine for trying; record to a larger disk, or with image_storage:=jpeg",
        )
    return ok("disk", found)
