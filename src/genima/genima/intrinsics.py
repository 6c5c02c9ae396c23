# SPDX-License-Identifier: Apache-2.0
"""Intrinsics of a pinhole camera, and cropping and resizing an image together with them.

Pixel coordinates (u, v) have their origin at the outer corner of the image, so the centre of the
top left pixel is (0.5, 0.5) and the centre of a w x h image is (w / 2, h / 2). ROS (CameraInfo),
OpenCV and librealsense count from the centre of that pixel: use `from_ros` and `K_ros` there.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.errors import InvalidImage, InvalidParameter

_ROS_ORIGIN_PX = 0.5


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion.

    Attributes:
        width: Image width [px].
        height: Image height [px].
        fx: Focal length along u [px].
        fy: Focal length along v [px].
        cx: u of the principal point [px].
        cy: v of the principal point [px].
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise InvalidParameter(
                f"image size {self.width}x{self.height}: width and height must be at least 1 px"
            )
        if not (0 < self.fx < math.inf and 0 < self.fy < math.inf):
            raise InvalidParameter(
                f"focal lengths fx={self.fx}, fy={self.fy}: both must be positive numbers of "
                "pixels; convert RLBench's negative ones with rlbench_to_ros"
            )
        if not (math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise InvalidParameter(f"principal point ({self.cx}, {self.cy}): both must be numbers")

    @classmethod
    def from_fovy(cls, fovy_rad: float, width: int, height: int) -> "Intrinsics":
        """Square pixels and a centred principal point, from the vertical field of view [rad]."""
        if not 0 < fovy_rad < math.pi:
            raise InvalidParameter(f"fovy {fovy_rad} rad: must lie between 0 and pi")
        f = height / 2 / math.tan(fovy_rad / 2)
        return cls(width, height, f, f, width / 2, height / 2)

    @classmethod
    def from_matrix(cls, K: "Float[Array, '3 3']", width: int, height: int) -> "Intrinsics":
        """From a camera matrix whose pixel origin is ours."""
        return cls(width, height, float(K[0][0]), float(K[1][1]), float(K[0][2]), float(K[1][2]))

    @classmethod
    def from_ros(cls, K: "Float[Array, '3 3']", width: int, height: int) -> "Intrinsics":
        """From the camera matrix of a CameraInfo, of OpenCV or of librealsense."""
        ours = np.array(K, float)
        ours[:2, 2] += _ROS_ORIGIN_PX
        return cls.from_matrix(ours, width, height)

    @property
    def K(self) -> "Float[Array, '3 3']":
        """The camera matrix [px]."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def K_ros(self) -> "Float[Array, '3 3']":
        """The camera matrix for a CameraInfo [px]."""
        K = self.K
        K[:2, 2] -= _ROS_ORIGIN_PX
        return K

    @cached_property
    def rays(self) -> Float[Array, "h w 3"]:
        """Through the centre of each pixel, in the camera frame and with z = 1. Read-only."""
        u = (np.arange(self.width) + 0.5 - self.cx) / self.fx
        v = (np.arange(self.height) + 0.5 - self.cy) / self.fy
        rays = np.ones((self.height, self.width, 3))
        rays[..., 0] = u
        rays[..., 1] = v[:, None]
        rays.setflags(write=False)
        return rays

    def crop(self, x: int, y: int, width: int, height: int) -> "Intrinsics":
        """Of the part of the image whose top left pixel is (x, y).

        Raises:
            InvalidParameter: The part reaches beyond the image.
        """
        if x < 0 or y < 0 or x + width > self.width or y + height > self.height:
            raise InvalidParameter(
                f"crop of {width}x{height} px at ({x}, {y}) reaches beyond the image of "
                f"{self.width}x{self.height} px"
            )
        return Intrinsics(width, height, self.fx, self.fy, self.cx - x, self.cy - y)

    def resize(self, width: int, height: int) -> "Intrinsics":
        """Of the same image with another number of pixels."""
        sx, sy = width / self.width, height / self.height
        return Intrinsics(width, height, self.fx * sx, self.fy * sy, self.cx * sx, self.cy * sy)

    def square(self, size: int) -> "Intrinsics":
        """Of the largest central square, resized to `size` x `size`; see `square_image`."""
        return self.crop(*_central_square(self.width, self.height)).resize(size, size)


def square_image(image: UInt8[Array, "h w 3"], size: int) -> UInt8[Array, "s s 3"]:
    """Cut out the largest central square and resize it by area, exactly as `Intrinsics.square`.

    Raises:
        InvalidImage: `image` is not 8-bit RGB.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InvalidImage(
            f"image of shape {image.shape}, type {image.dtype}: must be (height, width, 3), uint8"
        )
    x, y, side, _ = _central_square(image.shape[1], image.shape[0])
    square = image[y : y + side, x : x + side]
    if side == size:
        return np.ascontiguousarray(square)
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _central_square(width: int, height: int) -> tuple[int, int, int, int]:
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side, side
