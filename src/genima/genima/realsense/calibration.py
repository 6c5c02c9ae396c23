# SPDX-License-Identifier: Apache-2.0
"""The calibration that a RealSense camera carries for its colour stream."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from genima.errors import CameraError
from genima.intrinsics import Intrinsics
from genima.realsense.sdk import load_sdk


@dataclass(frozen=True)
class ColourCalibration:
    """A pinhole camera with distortion.

    Attributes:
        intrinsics: The pinhole.
        distortion: Coefficients k1, k2, p1, p2, k3 of the model that OpenCV uses and ROS calls
            plumb_bob; zeros for most RealSense colour streams.
    """

    intrinsics: Intrinsics
    distortion: tuple[float, float, float, float, float]


def read_calibration(profile: Any) -> ColourCalibration:
    """The calibration of a colour stream profile.

    The coefficients of librealsense's Brown-Conrady models are used as they are. `brown_conrady`
    is OpenCV's model. Despite its name, `inverse_brown_conrady` is applied from the scene to the
    image by the SDK's own (de)projection as well, with the tangential part on radially distorted
    points (as in `modified_brown_conrady`), which is within 0.02 px of OpenCV's.

    Raises:
        CameraError: The lens is of another model and distorts.
    """
    rs = load_sdk()
    raw = profile.as_video_stream_profile().get_intrinsics()
    same = (
        rs.distortion.none,
        rs.distortion.brown_conrady,
        rs.distortion.modified_brown_conrady,
        rs.distortion.inverse_brown_conrady,
    )
    coefficients = [float(value) for value in raw.coeffs]
    if raw.model == rs.distortion.none:
        coefficients = [0.0] * 5
    if raw.model not in same:
        raise CameraError(
            f"the colour stream is calibrated with the lens model {raw.model.name!r}, which "
            f"camera_info cannot express; known are {[model.name for model in same]}"
        )
    K = np.array([[raw.fx, 0.0, raw.ppx], [0.0, raw.fy, raw.ppy], [0.0, 0.0, 1.0]])
    k1, k2, p1, p2, k3 = coefficients
    intrinsics = Intrinsics.from_ros(K, raw.width, raw.height)
    return ColourCalibration(intrinsics, (k1, k2, p1, p2, k3))
