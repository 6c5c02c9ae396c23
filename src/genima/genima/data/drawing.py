# SPDX-License-Identifier: Apache-2.0
"""The pictures of one window: its spheres on what the cameras saw, or on random backgrounds."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from genima.arrays import Array, UInt8
from genima.cameras import Camera
from genima.data.backgrounds import Backgrounds
from genima.data.demonstration import Frames
from genima.data.targets import Window
from genima.intrinsics import square_image
from genima.policy import Policy
from genima.spheres import draw_targets, paint_spheres, sphere_poses
from genima.tiles import tile_images

#: The least opacity of a sphere on a random background; the original's `alpha_blend`.
LEAST_ALPHA = 0.7
#: Where spheres are that are not drawn: beyond what is drawn of any.
_OUT_OF_SIGHT_M = 100.0


def draw_on_backgrounds(
    window: Window,
    cameras: Sequence[Camera],
    policy: Policy,
    backgrounds: Backgrounds,
    rng: np.random.Generator,
) -> Iterator[UInt8[Array, "s s 3"]]:
    """One picture for each camera of the policy, with a background and an opacity of its own.

    One after the other, so that memory is used again while it is still in the cache.

    Args:
        window: What to draw, and where the arm is meanwhile.
        cameras: The policy's in its order, with images of the backgrounds' size.
        policy: Radii of the spheres.
        backgrounds: What to draw on.
        rng: All chance comes from it.
    """
    base_T_spheres = sphere_poses(window.q_target)
    for index, camera in enumerate(cameras):
        image = backgrounds.draw(rng)
        alpha = rng.uniform(LEAST_ALPHA, 1.0)
        if window.drawn[index].any():
            poses = base_T_spheres.copy()
            poses[:, :3, 3] += window.offsets_m[index]
            poses[~window.drawn[index], :3, 3] += _OUT_OF_SIGHT_M
            view = camera.view(window.q)
            radius_m = policy.sphere_radii_m[camera.name]
            paint_spheres(image, poses, window.gripper_target, view, radius_m, alpha)
        yield image


def observed(
    frames: Mapping[str, Frames], step: int, cameras: Sequence[Camera]
) -> dict[str, UInt8[Array, "s s 3"]]:
    """What the cameras saw at a step, in the size of the cameras' images."""
    return {
        camera.name: square_image(frames[camera.name][step], camera.intrinsics.width)
        for camera in cameras
    }


def draw_on_observed(
    images: Mapping[str, UInt8[Array, "s s 3"]],
    window: Window,
    cameras: Sequence[Camera],
    policy: Policy,
) -> dict[str, UInt8[Array, "s s 3"]]:
    """The target's spheres on images of the window's step, as `observed` gives them."""
    views = {camera.name: camera.view(window.q) for camera in cameras}
    return draw_targets(images, window.q_target, window.gripper_target, views, policy)


def tiles_of(
    frames: Mapping[str, Frames],
    step: int,
    window: Window,
    cameras: Sequence[Camera],
    policy: Policy,
) -> tuple[UInt8[Array, "2s 2s 3"], UInt8[Array, "2s 2s 3"]]:
    """What the cameras saw at a step as a tile, without and with the target's spheres."""
    images = observed(frames, step, cameras)
    drawn = draw_on_observed(images, window, cameras, policy)
    return tile_images(images, policy.cameras), tile_images(drawn, policy.cameras)
