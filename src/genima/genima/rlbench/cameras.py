# SPDX-License-Identifier: Apache-2.0
"""Where RLBench's cameras are, for the nodes that draw and read targets.

The nodes take cameras from a file. The one for RLBench is written from what its simulator says of
them, since its scene is not ours to hand on.
"""

from pathlib import Path

import numpy as np
import yaml

from genima.cameras import CameraRig
from genima.errors import CalibrationError
from genima.files import cache_root, write_text
from genima.geometry import pose_error
from genima.recording.dataset import rig_content

_HEADING = (
    "# RLBench's cameras, as its simulator describes them; written by './genima rlbench cameras'."
)
#: Half a pixel or so in the picture of a camera 1.5 m away.
_SAME_M, _SAME_RAD, _SAME_FOCAL = 0.003, 0.003, 0.003


def cameras_file() -> Path:
    """Where the file is kept that was written for this computer's RLBench."""
    return cache_root() / "rlbench" / "cameras.yaml"


def write_cameras(path: Path, rig: CameraRig) -> None:
    """Write a file that `load_rig` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_dump(rig_content(rig), sort_keys=False, default_flow_style=None)
    write_text(path, f"{_HEADING}\n{content}")


def require_same_cameras(given: CameraRig, actual: CameraRig) -> None:
    """Refuse cameras that are not where RLBench has them: targets would be drawn elsewhere.

    Raises:
        CalibrationError: They differ; the message names the first.
    """
    for name, camera in actual.cameras.items():
        differences = _differences(given, name, actual) if name in given.cameras else "is missing"
        if differences:
            raise CalibrationError(
                f"camera {name!r} {differences} in the cameras file, compared with "
                f"{camera.parent_frame} of this RLBench; write a file that fits with './genima "
                f"rlbench cameras' ({cameras_file()}) and give it as cameras_file"
            )


def _differences(given: CameraRig, name: str, actual: CameraRig) -> str:
    there, here = given.cameras[name], actual.cameras[name]
    if there.parent_frame != here.parent_frame:
        return f"is fixed to {there.parent_frame}"
    distance, angle = pose_error(there.parent_T_cam, here.parent_T_cam)
    distance_m, angle_rad = float(distance), float(angle)
    if distance_m > _SAME_M or angle_rad > _SAME_RAD:
        return f"is {distance_m * 1e3:.1f} mm and {np.degrees(angle_rad):.2f} degrees off"
    focal = abs(there.intrinsics.fx / here.intrinsics.fx - 1.0)
    if focal > _SAME_FOCAL or there.intrinsics.width != here.intrinsics.width:
        return (
            f"has a focal length of {there.intrinsics.fx:.1f} px instead of "
            f"{here.intrinsics.fx:.1f} px"
        )
    return ""
