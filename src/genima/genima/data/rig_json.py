# SPDX-License-Identifier: Apache-2.0
"""A camera rig as JSON, without loss of a digit."""

from typing import Any

import numpy as np

from genima.cameras import Camera, CameraRig
from genima.errors import GenimaError, InvalidDataset
from genima.intrinsics import Intrinsics

_PINHOLE = ("width", "height", "fx", "fy", "cx", "cy")


def rig_to_json(rig: CameraRig) -> dict[str, Any]:
    """Plain data, by camera name."""
    return {
        name: {
            "frame_id": camera.frame_id,
            "parent_frame": camera.parent_frame,
            "parent_T_cam": np.asarray(camera.parent_T_cam, float).tolist(),
            "intrinsics": {key: getattr(camera.intrinsics, key) for key in _PINHOLE},
        }
        for name, camera in rig.cameras.items()
    }


def rig_from_json(entries: Any, where: str) -> CameraRig:
    """The rig that `rig_to_json` made plain.

    Poses are taken as they are: whether they can be poses is for `validate` to say.

    Raises:
        InvalidDataset: The entries are malformed.
    """
    try:
        if not entries:
            raise ValueError("there are none")
        return CameraRig({str(name): _camera(str(name), entries[name]) for name in entries})
    except (KeyError, TypeError, ValueError, GenimaError) as error:
        raise InvalidDataset(
            f"{where}: 'cameras' cannot be read ({error!s}); each camera has frame_id, "
            f"parent_frame, parent_T_cam (4x4) and intrinsics with {', '.join(_PINHOLE)}"
        ) from error


def _camera(name: str, entry: Any) -> Camera:
    parent_T_cam = np.array(entry["parent_T_cam"], float)
    if parent_T_cam.shape != (4, 4):
        raise ValueError(f"parent_T_cam of {name} has shape {parent_T_cam.shape}")
    pinhole = entry["intrinsics"]
    width, height = int(pinhole["width"]), int(pinhole["height"])
    intrinsics = Intrinsics(width, height, *(float(pinhole[key]) for key in _PINHOLE[2:]))
    return Camera(name, intrinsics, entry["parent_frame"], parent_T_cam, entry["frame_id"])
