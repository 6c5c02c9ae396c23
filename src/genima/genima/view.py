# SPDX-License-Identifier: Apache-2.0
"""A camera at one moment: where points of the base appear in its image."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genima.arrays import Array, Float
from genima.geometry import apply, invert
from genima.intrinsics import Intrinsics


@dataclass(frozen=True, eq=False)
class CameraView:
    """A camera at one moment.

    Attributes:
        intrinsics: Its pinhole model.
        base_T_cam: Pose of the optical frame in the base.
    """

    intrinsics: Intrinsics
    base_T_cam: "Float[Array, '4 4']"

    @cached_property
    def cam_T_base(self) -> "Float[Array, '4 4']":
        """Pose of the base in the optical frame."""
        return invert(self.base_T_cam)

    def project(
        self, points_base: Float[Array, "*n 3"]
    ) -> tuple[Float[Array, "*n 2"], Float[Array, "*n"]]:
        """Where points of the base [m] appear.

        Returns:
            uv: Pixel coordinates, which may lie outside the image; NaN for points that are not in
                front of the camera.
            depth: Distances along the optical axis [m].
        """
        points_cam = apply(self.cam_T_base, points_base)
        depth = points_cam[..., 2]
        in_front = np.where(depth > 0, depth, np.nan)
        uv = np.empty((*depth.shape, 2))
        uv[..., 0] = self.intrinsics.fx * points_cam[..., 0] / in_front + self.intrinsics.cx
        uv[..., 1] = self.intrinsics.fy * points_cam[..., 1] / in_front + self.intrinsics.cy
        return uv, depth

    def ray_directions(self) -> Float[Array, "h w 3"]:
        """Unit vectors from the camera through the centre of each pixel, in the base.

        `intrinsics.rays` are the same in the camera frame, with z = 1.
        """
        rays = self.intrinsics.rays @ self.base_T_cam[:3, :3].T
        return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))
