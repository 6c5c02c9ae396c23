# SPDX-License-Identifier: Apache-2.0
"""Images freed from the distortion of their lens, cropped square and resized."""

from collections.abc import Mapping

import cv2
import numpy as np

from genima.arrays import Array, UInt8
from genima.errors import CalibrationError, InvalidImage
from genima.intrinsics import Intrinsics, square_image
from genima.recording.cdr import CameraInfo, Header
from genima.recording.recording import Recording

_MODELS = ("plumb_bob", "rational_polynomial")


class Rectification:
    """What is done to every image of one camera.

    The rectified image has the camera matrix of `p` where the driver gives one, as that of ROS's
    image_proc has, and that of `k` where it does not.

    Args:
        name: Of the camera, for messages.
        info: What the camera says of itself.
        size_px: Side of the images that are wanted [px].

    Raises:
        CalibrationError: The camera is uncalibrated, or its lens has a model that is not known.
    """

    def __init__(self, name: str, info: CameraInfo, size_px: int) -> None:
        self._name = name
        self._size_px = size_px
        self._shape = (info.height, info.width)
        K = np.reshape(info.k, (3, 3))
        if not (K[0, 0] > 0 and K[1, 1] > 0 and info.width > 0 and info.height > 0):
            raise CalibrationError(
                f"camera {name!r}: camera_info with focal lengths {K[0, 0]:g}, {K[1, 1]:g} and "
                f"size {info.width}x{info.height} is not a calibrated camera; calibrate it"
            )
        self._maps: tuple[Array, Array] | None = None
        self.distorted = bool(np.any(info.d))
        if self.distorted:
            K = self._map(info, K)
        self.intrinsics: Intrinsics = Intrinsics.from_ros(K, info.width, info.height)
        self.intrinsics = self.intrinsics.square(size_px)

    def _map(self, info: CameraInfo, K: Array) -> Array:
        if info.distortion_model not in _MODELS or not np.isfinite(info.d).all():
            raise CalibrationError(
                f"camera {self._name!r}: distortion {info.distortion_model!r} with coefficients "
                f"{list(info.d)} cannot be removed; known are {list(_MODELS)}"
            )
        P = np.reshape(info.p, (3, 4))[:, :3]
        K_new = P if P[0, 0] > 0 and P[1, 1] > 0 else K
        size = (info.width, info.height)
        maps = cv2.initUndistortRectifyMap(K, info.d, None, K_new, size, cv2.CV_16SC2)
        self._maps = np.asarray(maps[0]), np.asarray(maps[1])
        return K_new

    def __call__(self, image: UInt8[Array, "h w 3"]) -> UInt8[Array, "s s 3"]:
        """The image as the policy sees it.

        Raises:
            InvalidImage: The image has another size than the camera's info says.
        """
        if image.shape[:2] != self._shape:
            raise InvalidImage(
                f"image of {image.shape[1]}x{image.shape[0]} px and "
                f"camera_info for {self._shape[1]}x{self._shape[0]} px; set both to one size"
            )
        if self._maps is not None:
            image = np.asarray(cv2.remap(image, *self._maps, cv2.INTER_LINEAR))
        return square_image(image, self._size_px)


def rectification_of(
    source: Recording, camera: str, infos: Mapping[str, CameraInfo], size_px: int
) -> Rectification:
    """What is done to a camera's images: by its camera_info, or else by the calibration file.

    Raises:
        CalibrationError: Neither describes images of the recorded size.
    """
    if camera not in source.rig.cameras:
        raise CalibrationError(
            f"{source.path}: cameras.yaml lacks {camera!r}, which was recorded; it has "
            f"{list(source.rig.cameras)}"
        )
    info = infos.get(camera)
    if info is None:
        facts, intrinsics = source.info.cameras[camera], source.rig.cameras[camera].intrinsics
        if (intrinsics.width, intrinsics.height) != (facts.width, facts.height):
            raise CalibrationError(
                f"camera {camera!r}: no camera_info was recorded, and cameras.yaml describes "
                f"images of {intrinsics.width}x{intrinsics.height} px instead of {facts}"
            )
        K = intrinsics.K_ros.ravel()
        info = CameraInfo(
            Header(0, ""), facts.height, facts.width, "", np.empty(0), K, K, np.zeros(12)
        )
    return Rectification(camera, info, size_px)
