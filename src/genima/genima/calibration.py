# SPDX-License-Identifier: Apache-2.0
"""Hand-eye calibrations, as easy_handeye2 (`.calib`) and easy_handeye (`.yaml`) save them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from genima.arrays import Array, Float
from genima.errors import CalibrationError
from genima.files import write_text
from genima.geometry import quat_xyzw_from_rotation, rotation_from_quat_xyzw, transform
from genima.kinematics import FRAME_NAMES
from genima.strict_yaml import read_mapping, require_numbers, require_text

#: Further than this from its parent [m] no camera of a table-top robot is; millimetres are.
FARTHEST_CAMERA_M = 3.0
#: Rounding to three digits, as some people do by hand, stays below this.
_QUATERNION_NORM_TOLERANCE = 2e-3


@dataclass(frozen=True, eq=False)
class Calibration:
    """Where a camera is.

    Attributes:
        parent_frame: The robot frame that the pose is expressed in.
        child_frame: The optical frame of the camera.
        parent_T_cam: Pose of the camera in the parent.
        path: The file it came from.
    """

    parent_frame: str
    child_frame: str
    parent_T_cam: "Float[Array, '4 4']"
    path: Path

    def require_frames(self, parent_frame: str, child_frame: str) -> None:
        """Refuse a calibration that was made for other frames.

        Raises:
            CalibrationError: A frame differs; both names are in the message.
        """
        if self.parent_frame != parent_frame:
            raise CalibrationError(
                f"{self.path}: the camera was calibrated in {self.parent_frame!r}, but the "
                f"configuration says parent_frame {parent_frame!r}; use this camera's own "
                "calibration or correct the configuration"
            )
        if self.child_frame != child_frame:
            raise CalibrationError(
                f"{self.path}: frame {self.child_frame!r} was calibrated, the configuration says "
                f"frame_id {child_frame!r}; calibrate the optical frame that the images carry"
            )


def load_calibration(path: Path) -> Calibration:
    """Read a calibration of either format; the keys tell which one it is.

    Raises:
        CalibrationError: The file is unreadable or breaks a rule: known parent frame, unit
            quaternion, metres, finite numbers, all keys present.
    """
    content = read_mapping(path, CalibrationError)
    where = str(path)
    parameters = _child(content, "parameters", where)
    if "transform" in content:
        in_hand = _calibration_type(parameters, where)
        values = _child(content, "transform", where)
        xyz = _numbers(_child(values, "translation", f"{where}: transform"), "xyz", where)
        quat = _numbers(_child(values, "rotation", f"{where}: transform"), "xyzw", where)
    elif "transformation" in content:
        in_hand = _eye_on_hand(parameters, where)
        values = _child(content, "transformation", where)
        xyz = _numbers(values, "xyz", where)
        quat = _numbers(values, ("qx", "qy", "qz", "qw"), where)
    else:
        raise CalibrationError(
            f"{path}: has neither 'transform' (easy_handeye2) nor 'transformation' "
            "(easy_handeye); save the calibration again with one of the two"
        )
    parent_key = "robot_effector_frame" if in_hand else "robot_base_frame"
    parent_frame = _text(parameters, parent_key, where)
    if parent_frame not in FRAME_NAMES:
        raise CalibrationError(
            f"{path}: {parent_key} is {parent_frame!r}, which is no frame of the robot; "
            f"calibrate in one of {list(FRAME_NAMES)}"
        )
    child_frame = _text(parameters, "tracking_base_frame", where)
    return Calibration(parent_frame, child_frame, checked_pose(xyz, quat, where), path)


def save_calibration(
    calibration: Calibration, effector_frame: str, marker_frame: str, name: str
) -> None:
    """Write the file that easy_handeye2 saves, and that it and `load_calibration` read.

    Args:
        calibration: What is written, and where to; a camera whose parent is the robot's base
            stands beside it, another one is in the hand.
        effector_frame: The frame of the hand that moved with the camera or the board.
        marker_frame: Name of the board's frame.
        name: Of the calibration.
    """
    in_hand = calibration.parent_frame != FRAME_NAMES[0]
    x, y, z = (float(v) for v in calibration.parent_T_cam[:3, 3])
    quat = quat_xyzw_from_rotation(calibration.parent_T_cam[:3, :3])
    content = {
        "parameters": {
            "name": name,
            "calibration_type": "eye_in_hand" if in_hand else "eye_on_base",
            "robot_base_frame": FRAME_NAMES[0],
            "robot_effector_frame": effector_frame,
            "tracking_base_frame": calibration.child_frame,
            "tracking_marker_frame": marker_frame,
            "freehand_robot_movement": True,
            "move_group_namespace": "/",
            "move_group": "manipulator",
        },
        "transform": {
            "translation": {"x": x, "y": y, "z": z},
            "rotation": {axis: float(v) for axis, v in zip("xyzw", quat, strict=True)},
        },
    }
    write_text(calibration.path, yaml.safe_dump(content, sort_keys=False))


def checked_pose(xyz: list[float], quat_xyzw: list[float], where: str) -> "Float[Array, '4 4']":
    """The pose of a camera from a file, refused if its numbers cannot be one.

    Raises:
        CalibrationError: The quaternion is not of unit length, or the position is in millimetres.
    """
    norm = float(np.linalg.norm(quat_xyzw))
    if abs(norm - 1.0) > _QUATERNION_NORM_TOLERANCE:
        raise CalibrationError(
            f"{where}: the quaternion {quat_xyzw} has length {norm:.4g} and must have 1; "
            "check the order x, y, z, w and that no digit is missing"
        )
    distance = float(np.linalg.norm(xyz))
    if distance > FARTHEST_CAMERA_M:
        raise CalibrationError(
            f"{where}: the camera would be {distance:.4g} m from its parent, more than "
            f"{FARTHEST_CAMERA_M:g} m, so {xyz} is suspiciously like millimetres; give metres"
        )
    return transform(rotation_from_quat_xyzw(np.array(quat_xyzw)), np.array(xyz))


def _calibration_type(parameters: dict[str, Any], where: str) -> bool:
    kind = _text(parameters, "calibration_type", where)
    if kind not in ("eye_in_hand", "eye_on_base"):
        raise CalibrationError(
            f"{where}: calibration_type is {kind!r}; must be 'eye_in_hand' or 'eye_on_base'"
        )
    return kind == "eye_in_hand"


def _eye_on_hand(parameters: dict[str, Any], where: str) -> bool:
    value = parameters.get("eye_on_hand")
    if not isinstance(value, bool):
        raise CalibrationError(
            f"{where}: parameters: eye_on_hand is {value!r}; must be true or false"
        )
    return value


def _child(entry: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = entry.get(key)
    if not isinstance(value, dict):
        raise CalibrationError(f"{where}: lacks the section {key!r}; save the calibration again")
    return value


def _text(parameters: dict[str, Any], key: str, where: str) -> str:
    if key not in parameters:
        raise CalibrationError(f"{where}: parameters: lacks {key!r}; save the calibration again")
    return require_text(parameters, key, f"{where}: parameters", CalibrationError)


def _numbers(entry: dict[str, Any], keys: str | tuple[str, ...], where: str) -> list[float]:
    missing = [key for key in keys if key not in entry]
    if missing:
        raise CalibrationError(f"{where}: the pose lacks {missing}; save the calibration again")
    values = [entry[key] for key in keys]
    return require_numbers(values, len(keys), f"{where}: {', '.join(keys)}", CalibrationError)
