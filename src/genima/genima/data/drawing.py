# SPDX-License-Identifier: Apache-2.0
"""The pictures of one window: its spheres on what the cameras saw, or on random backgrounds."""

from collections.abc import Mapping, Sequence

import numpy as np

from genima.arrays import Array, UInt8
from genima.cameras import Camera
from genima.data.backgrounds import Backgrounds
from genima.data.demonstration import Frames
from genima.data.targets import Window
from genima.intrinsics import square_image
from genima.policy import Policy
from genima.spheres import draw_spheres, draw_targets, render_spheres, sphere_poses
from genima.tiles import tile_images

#: The least opacity of a sphere on a random background; the original's `alpha_blend`.
LEAST_ALPHA = 0.7


def draw_on_backgrounds(
    window: Window,
    cameras: Sequence[Camera],
    policy: Policy,
    backgrounds: Backgrounds,
    rng: np.random.Generator,
) -> list[UInt8[Array, "s s 3"]]:
    """One picture for each camera of the policy, with a background and an opacity of its own.

    Args:
        window: What to draw, and where the arm is meanwhile.
        cameras: The policy's in its order, with images of the backgrounds' size.
        policy: Radii of the spheres.
        backgrounds: What to draw on.
        rng: All chance comes from it.
    """
    base_T_spheres = sphere_poses(window.q_target)
    images = []
    for camera, drawn in zip(cameras, window.drawn, strict=True):
        image = backgrounds.draw(rng)
        alpha = rng.uniform(LEAST_ALPHA, 1.0)
        if drawn:
            view = camera.view(window.q)
            radius_m = policy.sphere_radii_m[camera.name]
            layer = render_spheres(base_T_spheres, window.gripper_target, view, radius_m)
            image = draw_spheres(image, layer, alpha)
        images.append(image)
    return images


def draw_on_observation(
    window: Window,
    cameras: Sequence[Camera],
    policy: Policy,
    frames: Mapping[str, Frames],
    step: int,
) -> tuple[UInt8[Array, "2s 2s 3"], UInt8[Array, "2s 2s 3"]]:
    """What the cameras saw at a step as a tile, without and with the target's spheres.

    Args:
        window: Of this step.
        cameras: The policy's in its order, with images of its size.
        policy: Tile and radii.
        frames: Images of each camera, of any size.
        step: Which of them.
    """
    images = {
        camera.name: square_image(frames[camera.name][step], policy.image_size_px)
        for camera in cameras
    }
    views = {camera.name: camera.view(window.q) for camera in cameras}
    drawn = draw_targets(images, window.q_target, window.gripper_target, views, policy)
    return tile_images(images, policy.cameras), tile_images(drawn, policy.cameras)
