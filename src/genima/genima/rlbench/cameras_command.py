# SPDX-License-Identifier: Apache-2.0
"""Has RLBench say once where its cameras are, and keeps that in a file."""

from pathlib import Path

from genima.cameras import CameraRig
from genima.policy import Policy
from genima.rlbench.cameras import cameras_file, write_cameras
from genima.rlbench.installation import installed
from genima.rlbench.simulator import RlbenchOptions, read_cameras
from genima.rlbench.tasks import installed_tasks


def write_cameras_of_rlbench(path: Path) -> CameraRig:
    """Start RLBench and write where its cameras are.

    Raises:
        MissingDependency: RLBench is not installed.
        WorldError: RLBench does not start.
    """
    task = next(iter(installed_tasks().values()))
    rig = read_cameras(installed(), task, Policy().image_size_px, RlbenchOptions())
    write_cameras(path, rig)
    return rig


def require_cameras_file() -> Path:
    """The file of this computer's RLBench; written now if it is not there.

    Raises:
        MissingDependency: RLBench is not installed.
        WorldError: RLBench does not start.
    """
    path = cameras_file()
    if not path.exists():
        write_cameras_of_rlbench(path)
    return path
