# SPDX-License-Identifier: Apache-2.0
"""The pictures that a drawing is made from, the same in training and on the robot."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Bool, Float, UInt8
from genima.diffusion.arm_view import lenses
from genima.diffusion.config import DrawConfig, Present
from genima.intrinsics import square_image
from genima.spheres import paint_spheres, sphere_poses
from genima.tiles import tile_images
from genima.view import CameraView

#: Behind the present spheres: neither a colour of theirs nor the black of their stripes.
GREY = 128


@dataclass(frozen=True, eq=False)
class ArmState:
    """Where the arm was when the images were taken.

    Attributes:
        q: Joint positions [rad].
        gripper_open: Whether the gripper was open.
        views: The policy's cameras then, with the intrinsics of the policy's image size.
    """

    q: Float[Array, "7"]
    gripper_open: bool
    views: Mapping[str, CameraView]


@dataclass(frozen=True, eq=False)
class DrawInput:
    """What one drawing is made from.

    Attributes:
        pictures: As the model takes them: one tile, or without tiling one entry for each camera;
            the camera images' RGB, then that of the present spheres if it takes them.
        state: Joint positions without their mean, in standard deviations; the squares of these
            less 1; and 1 if the gripper is open, -1 if not.
        q: Joint positions [rad].
        cam_T_base: Pose of the base in the optical frame of each of the policy's cameras.
        lens: Of each camera, as of `ArmView`.
    """

    pictures: UInt8[Array, "b h w 3*p"]
    state: Float[Array, "15"]
    q: Float[Array, "7"]
    cam_T_base: Float[Array, "4 4 4"]
    lens: Float[Array, "4 5"]


def draw_input(
    images: Mapping[str, UInt8[Array, "s s 3"]], arm: ArmState, config: DrawConfig
) -> DrawInput:
    """Prepare the images of one moment.

    Args:
        images: One square RGB image for each camera of the policy, of any size.
        arm: Where the arm was then.
        config: The model's.
    """
    order = config.policy.cameras
    cells = {name: square_image(images[name], config.cell_px) for name in order}
    parts = [cells]
    if config.present is not Present.NONE:
        present = {name: present_spheres(name, arm, config) for name in order}
        if config.present is Present.CELL:
            cells[config.virtual_camera] = present[config.virtual_camera]
        else:
            parts.append(present)
    pictures = np.concatenate([arranged(part, config) for part in parts], axis=-1)
    state = state_of(np.asarray(arm.q), np.asarray(arm.gripper_open), config)
    cam_T_base = np.stack([arm.views[name].cam_T_base for name in order])
    lens = lenses(arm.views, config.policy)
    numbers = (state, np.asarray(arm.q), cam_T_base, lens)
    return DrawInput(pictures, *(part.astype(np.float32) for part in numbers))


def state_of(
    q: Float[Array, "*b 7"], gripper_open: Bool[Array, "*b"], config: DrawConfig
) -> Float[Array, "*b 15"]:
    """What `DrawInput.state` says.

    Args:
        q: Joint positions [rad].
        gripper_open: Whether the gripper is open.
        config: The model's.
    """
    z = (q - config.q_mean) / config.q_spread
    gripper = np.where(gripper_open, 1.0, -1.0)[..., None]
    return np.concatenate([z, z**2 - 1.0, gripper], axis=-1)


def present_spheres(camera: str, arm: ArmState, config: DrawConfig) -> UInt8[Array, "c c 3"]:
    """The spheres where the arm is, on grey, as a camera sees them."""
    picture = np.full((config.cell_px, config.cell_px, 3), GREY, np.uint8)
    view = arm.views[camera]
    small = CameraView(view.intrinsics.resize(config.cell_px, config.cell_px), view.base_T_cam)
    radius_m = config.policy.sphere_radii_m[camera]
    paint_spheres(picture, sphere_poses(arm.q), arm.gripper_open, small, radius_m)
    return picture


def arranged(
    cells: Mapping[str, UInt8[Array, "c c 3"]], config: DrawConfig
) -> UInt8[Array, "b h w 3"]:
    """Images as the model draws them: one tile, or one after the other."""
    if config.tiled:
        return tile_images(cells, config.policy.cameras)[None]
    return np.stack([cells[name] for name in config.policy.cameras])
