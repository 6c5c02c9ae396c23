# SPDX-License-Identifier: Apache-2.0
"""Cameras on and around the robot, and the file that says where they are.

A camera frame is ROS's optical frame: x right, y down, z forward. The pixel convention is that of
`genima.intrinsics`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from genima.arrays import Array, Float
from genima.calibration import checked_pose, load_calibration
from genima.errors import CalibrationError, InvalidParameter
from genima.intrinsics import Intrinsics, square_image
from genima.kinematics import FRAME_NAMES, base_T_frame
from genima.strict_yaml import read_mapping, require_keys, require_numbers, require_text
from genima.view import CameraView

__all__ = [
    "BASE_FRAME",
    "Camera",
    "CameraRig",
    "CameraView",
    "Intrinsics",
    "load_rig",
    "rlbench_to_ros",
    "square_image",
]

BASE_FRAME = "panda_link0"


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera that is fixed to a frame of the robot.

    Attributes:
        name: As in the policy, e.g. `front`.
        intrinsics: Its pinhole model.
        parent_frame: The frame it is fixed to, one of `kinematics.FRAME_NAMES`.
        parent_T_cam: Pose of the optical frame in the parent.
        frame_id: Name of the optical frame in messages; by default `<name>_color_optical_frame`.
    """

    name: str
    intrinsics: Intrinsics
    parent_frame: str
    parent_T_cam: "Float[Array, '4 4']"
    frame_id: str = ""

    def __post_init__(self) -> None:
        if self.parent_frame not in FRAME_NAMES:
            raise InvalidParameter(
                f"camera {self.name!r}: parent_frame {self.parent_frame!r} is no frame of the "
                f"robot; use one of {list(FRAME_NAMES)}"
            )
        if not self.frame_id:
            object.__setattr__(self, "frame_id", f"{self.name}_color_optical_frame")

    def view(self, q: Float[Array, "7"]) -> CameraView:
        """The camera while the arm is at `q` [rad]."""
        if self.parent_frame == BASE_FRAME:
            return CameraView(self.intrinsics, self.parent_T_cam)
        return CameraView(self.intrinsics, base_T_frame(q, self.parent_frame) @ self.parent_T_cam)


@dataclass(frozen=True, eq=False)
class CameraRig:
    """All cameras, by name. `load_rig` reads one from a file."""

    cameras: Mapping[str, Camera]

    def __post_init__(self) -> None:
        misnamed = [name for name, camera in self.cameras.items() if camera.name != name]
        if misnamed:
            raise InvalidParameter(
                f"cameras {misnamed} are listed under other names than their own"
            )
        object.__setattr__(self, "cameras", MappingProxyType(dict(self.cameras)))

    def views(self, q: Float[Array, "7"]) -> dict[str, CameraView]:
        """All cameras while the arm is at `q` [rad]."""
        return {name: camera.view(q) for name, camera in self.cameras.items()}

    def with_intrinsics(self, name: str, intrinsics: Intrinsics) -> "CameraRig":
        """The same rig with other intrinsics for one camera, as its CameraInfo gave them.

        Raises:
            InvalidParameter: The rig has no camera of that name.
        """
        if name not in self.cameras:
            raise InvalidParameter(f"no camera {name!r} in the rig; it has {list(self.cameras)}")
        camera = replace(self.cameras[name], intrinsics=intrinsics)
        return CameraRig({**self.cameras, name: camera})


def rlbench_to_ros(
    world_T_sim: "Float[Array, '4 4']", K_sim: "Float[Array, '3 3']"
) -> tuple["Float[Array, '4 4']", Intrinsics]:
    """Convert a camera of RLBench, the only place where its conventions are known.

    CoppeliaSim's vision sensors look along +z with x to the left and y up, and PyRep makes up for
    that with negative focal lengths. The principal point is the centre of the image.

    Args:
        world_T_sim: `<camera>_camera_extrinsics` of `Observation.misc`.
        K_sim: `<camera>_camera_intrinsics` of `Observation.misc`.

    Returns:
        world_T_optical: Pose of the ROS optical frame in the same world.
        intrinsics: With positive focal lengths.

    Raises:
        InvalidParameter: The focal lengths are not negative, so the camera is not RLBench's.
    """
    K_sim = np.asarray(K_sim, float)
    if not (K_sim[0, 0] < 0 and K_sim[1, 1] < 0):
        raise InvalidParameter(
            f"focal lengths {K_sim[0, 0]}, {K_sim[1, 1]}: RLBench's are both negative; "
            "a camera with positive ones needs no conversion"
        )
    width, height = round(2 * K_sim[0, 2]), round(2 * K_sim[1, 2])
    world_T_optical = np.asarray(world_T_sim, float) @ np.diag([-1.0, -1.0, 1.0, 1.0])
    return world_T_optical, Intrinsics.from_matrix(np.abs(K_sim), width, height)


def load_rig(path: Path) -> CameraRig:
    """Read `cameras.yaml`. Calibration files are looked for relative to it.

    Raises:
        CalibrationError: The file or a calibration is missing, malformed or contradictory.
    """
    root = read_mapping(path, CalibrationError)
    require_keys(root, {"cameras"}, set(), str(path), CalibrationError)
    entries = root["cameras"]
    if not isinstance(entries, dict) or not entries:
        raise CalibrationError(f"{path}: 'cameras' must map camera names to their descriptions")
    rig = CameraRig({str(name): _read_camera(path, str(name), entries[name]) for name in entries})
    frame_ids = [camera.frame_id for camera in rig.cameras.values()]
    shared = sorted({frame_id for frame_id in frame_ids if frame_ids.count(frame_id) > 1})
    if shared:
        raise CalibrationError(
            f"{path}: several cameras have the frame_id {shared}; give each its own"
        )
    return rig


def _read_camera(path: Path, name: str, entry: Any) -> Camera:
    where = f"{path}: camera {name!r}"
    require_keys(
        entry,
        {"frame_id", "parent_frame", "intrinsics"},
        {"pose", "calibration"},
        where,
        CalibrationError,
    )
    if ("pose" in entry) == ("calibration" in entry):
        raise CalibrationError(f"{where}: give either 'pose' or 'calibration', and not both")
    parent_frame = require_text(entry, "parent_frame", where, CalibrationError)
    frame_id = require_text(entry, "frame_id", where, CalibrationError)
    if "pose" in entry:
        parent_T_cam = _read_pose(entry["pose"], f"{where}: pose")
    else:
        file = path.parent / require_text(entry, "calibration", where, CalibrationError)
        calibration = load_calibration(file)
        calibration.require_frames(parent_frame, frame_id)
        parent_T_cam = calibration.parent_T_cam
    try:
        intrinsics = _read_intrinsics(entry["intrinsics"], f"{where}: intrinsics")
        return Camera(name, intrinsics, parent_frame, parent_T_cam, frame_id)
    except InvalidParameter as error:
        raise CalibrationError(f"{where}: {error}") from error


def _read_intrinsics(entry: Any, where: str) -> Intrinsics:
    keys = ("width", "height", "fx", "fy", "cx", "cy")
    require_keys(entry, set(keys), set(), where, CalibrationError)
    values = [entry[key] for key in keys]
    width, height, *pinhole = require_numbers(values, 6, where, CalibrationError)
    if width != int(width) or height != int(height):
        raise CalibrationError(f"{where}: width and height must be whole numbers of pixels")
    return Intrinsics(int(width), int(height), *pinhole)


def _read_pose(entry: Any, where: str) -> "Float[Array, '4 4']":
    require_keys(entry, {"xyz", "quat_xyzw"}, set(), where, CalibrationError)
    xyz = require_numbers(entry["xyz"], 3, f"{where}: xyz", CalibrationError)
    quat_xyzw = require_numbers(entry["quat_xyzw"], 4, f"{where}: quat_xyzw", CalibrationError)
    return checked_pose(xyz, quat_xyzw, where)
