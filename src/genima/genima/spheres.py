# SPDX-License-Identifier: Apache-2.0
"""The spheres that say where the arm should be: places, colours, stripes, and drawing them.

The picture is the original's (pyrender, flat, opaque over the scene), but without OpenGL and
without polygons: the ray of each pixel is intersected with the exact sphere. As in the original,

* spheres hide one another by depth, and the scene never hides them;
* nothing is drawn beyond `Z_FAR_M` along the optical axis;
* a camera inside a sphere does not see it, since only outer faces are drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from types import MappingProxyType

import cv2
import numpy as np

from genima.arrays import Array, Bool, Float, Int, UInt8
from genima.errors import InvalidImage, InvalidParameter
from genima.kinematics import LINK8_T_TCP, frame_poses
from genima.policy import Policy
from genima.sphere_tracing import trace_sphere
from genima.view import CameraView

#: The original's far plane: deeper than this along the optical axis nothing is drawn [m].
Z_FAR_M = 3.0


class Sphere(Enum):
    """The four spheres, by the frame in whose origin each is centred.

    The frames turn with their own joint, so every stripe pattern shows that joint's angle too.
    """

    BASE = "panda_link2"
    ELBOW = "panda_link4"
    WRIST = "panda_link6"
    GRIPPER = "panda_hand_tcp"


def _tinted(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """A texture's colour as it appears: the original multiplies all but yellow by a light blue."""
    red, green, blue = (round(c * tint) for c, tint in zip(rgb, (0.604, 0.863, 1.0), strict=True))
    return red, green, blue


#: Colour of each sphere's coloured stripes in the image; of the gripper's while it is to be open.
SPHERE_RGB: Mapping[Sphere, tuple[int, int, int]] = MappingProxyType(
    {
        Sphere.BASE: _tinted((255, 0, 0)),
        Sphere.ELBOW: _tinted((71, 240, 62)),
        Sphere.WRIST: _tinted((218, 120, 240)),
        Sphere.GRIPPER: _tinted((8, 239, 235)),
    }
)
GRIPPER_CLOSED_RGB = (255, 255, 0)

STRIPE_WIDTH = 2 * 24 / 256  # of a sphere's x / r from -1 to 1; 24 columns of a 256 px texture
COLOURED = (True, False, True, False, True, False, True, False, True, False, False)

#: x / r where the colour changes, from -1 to 1. The first stripe is coloured, then they take
#: turns. As the last, black one is wider than the first, +x can be told from -x.
STRIPE_EDGES: tuple[float, ...] = (*(-1 + i * STRIPE_WIDTH for i in range(10)), 1.0)


def is_coloured(x_over_r: Float[Array, "*b"]) -> Bool[Array, "*b"]:
    """Whether points of a sphere lie in a coloured stripe, by their local x over the radius."""
    return np.take(np.array(COLOURED), _stripe(np.asarray(x_over_r)), mode="clip")


def _stripe(x_over_r: Float[Array, "*b"]) -> Int[Array, "*b"]:
    """Index into `COLOURED`; anything for NaN."""
    scale = x_over_r.dtype.type(1 / STRIPE_WIDTH)
    with np.errstate(invalid="ignore"):
        return np.asarray(((x_over_r + x_over_r.dtype.type(1)) * scale).astype(np.intp))


def sphere_colours(gripper_open: bool) -> UInt8[Array, "4 3"]:
    """Stripe colours of the spheres in the order of `Sphere`."""
    gripper = SPHERE_RGB[Sphere.GRIPPER] if gripper_open else GRIPPER_CLOSED_RGB
    return np.array([*(SPHERE_RGB[s] for s in tuple(Sphere)[:3]), gripper], np.uint8)


def sphere_poses(q: Float[Array, "*b 7"]) -> Float[Array, "*b 4 4 4"]:
    """Poses base_T_sphere in the order of `Sphere`, for joint positions [rad]."""
    links = frame_poses(q)
    poses = links[..., (2, 4, 6, 8), :, :]
    poses[..., 3, :, :] = poses[..., 3, :, :] @ LINK8_T_TCP
    return np.asarray(poses)


@dataclass(frozen=True, eq=False)
class SphereLayer:
    """What is drawn over one camera image.

    Attributes:
        rgb: Colours; black where there is no sphere.
        mask: Where there is a sphere.
        index: Which one is in front, in the order of `Sphere`; -1 for none.
    """

    rgb: UInt8[Array, "h w 3"]
    mask: Bool[Array, "h w"]
    index: Int[Array, "h w"]


def render_spheres(
    base_T_spheres: Float[Array, "4 4 4"],
    gripper_open: bool,
    view: CameraView,
    radius_m: float,
) -> SphereLayer:
    """Draw the four spheres as one camera sees them.

    Args:
        base_T_spheres: Their poses in the order of `Sphere`, as of `sphere_poses`.
        gripper_open: Whether the gripper is to be open, which its sphere's colour tells.
        view: The camera.
        radius_m: Radius of all spheres in this camera [m].

    Raises:
        InvalidParameter: The radius is not positive.
    """
    shape = (view.intrinsics.height, view.intrinsics.width)
    rgb, index = np.zeros((*shape, 3), np.uint8), np.full(shape, np.int8(-1))
    drawn = _composed(base_T_spheres, gripper_open, view, radius_m)
    if drawn is not None:
        box, channels = drawn
        rgb[box] = cv2.cvtColor(channels, cv2.COLOR_RGBA2RGB)
        np.subtract(cv2.extractChannel(channels, 3).view(np.int8), np.int8(1), out=index[box])
    return SphereLayer(rgb, index >= 0, index)


def paint_spheres(
    image: UInt8[Array, "h w 3"],
    base_T_spheres: Float[Array, "4 4 4"],
    gripper_open: bool,
    view: CameraView,
    radius_m: float,
    alpha: float = 1.0,
) -> None:
    """Do as `render_spheres` and `draw_spheres`, but in the image itself, where it changes.

    Args:
        image: RGB image of the view's size, which is changed.
        base_T_spheres: As for `render_spheres`.
        gripper_open: As for `render_spheres`.
        view: The camera.
        radius_m: Radius of all spheres in this camera [m].
        alpha: Opacity of the spheres, 0 to 1.

    Raises:
        InvalidImage: The image is not of the view's size, or is not RGB uint8.
        InvalidParameter: The radius is not positive, or `alpha` lies outside 0 to 1.
    """
    shape = (view.intrinsics.height, view.intrinsics.width, 3)
    _require_paintable(image, shape, alpha)
    drawn = _composed(base_T_spheres, gripper_open, view, radius_m)
    if drawn is None:
        return
    box, channels = drawn
    rgb = cv2.cvtColor(channels, cv2.COLOR_RGBA2RGB)
    above = rgb if alpha == 1 else cv2.addWeighted(rgb, alpha, image[box], 1 - alpha, 0)
    cv2.copyTo(above, cv2.extractChannel(channels, 3), image[box])


def _composed(
    base_T_spheres: Float[Array, "4 4 4"], gripper_open: bool, view: CameraView, radius_m: float
) -> tuple[tuple[slice, slice], UInt8[Array, "r c 4"]] | None:
    """The spheres within the box of pixels that holds them all, if any can be seen.

    The fourth channel is one more than the index of the sphere in front, or 0 for none.
    """
    if not radius_m > 0:
        raise InvalidParameter(f"sphere radius {radius_m} m: must be above 0; see the policy")
    cam_T_spheres = view.cam_T_base @ base_T_spheres
    traced = [trace_sphere(pose, view.intrinsics, radius_m) for pose in cam_T_spheres]
    prints = [(f, tones) for f, tones in zip(traced, _tones(gripper_open), strict=True) if f]
    if not prints:
        return None
    top, left = min(f.rows.start for f, _ in prints), min(f.cols.start for f, _ in prints)
    bottom, right = max(f.rows.stop for f, _ in prints), max(f.cols.stop for f, _ in prints)
    nearest = np.full((bottom - top, right - left), np.float32(Z_FAR_M))
    pixels = np.zeros(nearest.shape, np.uint32)
    for footprint, tones in prints:
        rows, cols = footprint.rows, footprint.cols
        box = (
            slice(rows.start - top, rows.stop - top),
            slice(cols.start - left, cols.stop - left),
        )
        visible = footprint.depth_m < nearest[box]  # false for NaN
        tone = tones.take(_stripe(footprint.x_over_r), mode="clip")
        np.copyto(nearest[box], footprint.depth_m, where=visible)
        np.copyto(pixels[box], tone, where=visible)
    channels = pixels.view(np.uint8).reshape(*pixels.shape, 4)
    return (slice(top, bottom), slice(left, right)), channels


def draw_spheres(
    image: UInt8[Array, "h w 3"], layer: SphereLayer, alpha: float = 1.0
) -> UInt8[Array, "h w 3"]:
    """Lay spheres over an image, which is left as it is.

    Args:
        image: RGB image.
        layer: Spheres of the same size.
        alpha: Opacity of the spheres, 0 to 1.

    Raises:
        InvalidImage: Image and layer differ in size, or the image is not RGB uint8.
        InvalidParameter: `alpha` lies outside 0 to 1.
    """
    _require_paintable(image, layer.rgb.shape, alpha)
    above = layer.rgb if alpha == 1 else cv2.addWeighted(layer.rgb, alpha, image, 1 - alpha, 0)
    drawn = image.copy()
    cv2.copyTo(above, layer.mask.view(np.uint8), drawn)
    return drawn


def draw_targets(
    images: Mapping[str, UInt8[Array, "h w 3"]],
    q_target: Float[Array, "7"],
    gripper_open: bool,
    views: Mapping[str, CameraView],
    policy: Policy,
) -> dict[str, UInt8[Array, "h w 3"]]:
    """Draw a target configuration on every image of the policy's cameras.

    Args:
        images: RGB image of each camera.
        q_target: Joint positions to draw [rad].
        gripper_open: Whether the gripper is to be open there.
        views: The cameras as they are now, while the arm has not moved yet.
        policy: Which cameras to draw on, and the radius of the spheres in each.

    Raises:
        InvalidImage: A camera's image or view is missing, or an image is not of its view's size.
    """
    missing = [name for name in policy.cameras if name not in images or name not in views]
    if missing:
        raise InvalidImage(
            f"no image or no view of {missing}; got images of {sorted(images)} and views of "
            f"{sorted(views)}, the policy draws on {list(policy.cameras)}"
        )
    base_T_spheres = sphere_poses(q_target)
    drawn = {}
    for name in policy.cameras:
        radius_m = policy.sphere_radii_m[name]
        drawn[name] = images[name].copy()
        paint_spheres(drawn[name], base_T_spheres, gripper_open, views[name], radius_m)
    return drawn


def _require_paintable(image: UInt8[Array, "h w 3"], shape: tuple[int, ...], alpha: float) -> None:
    if image.shape != shape or image.dtype != np.uint8:
        raise InvalidImage(
            f"image of shape {image.shape} and type {image.dtype}: the spheres were drawn for "
            f"{shape} and uint8; use the intrinsics of this image"
        )
    if not 0 <= alpha <= 1:
        raise InvalidParameter(f"alpha {alpha}: must lie between 0 and 1")


@lru_cache(maxsize=2)
def _tones(gripper_open: bool) -> Int[Array, "4 11"]:
    """Pixel values of each sphere's stripes, as one number so that a pixel takes one write.

    Its bytes are red, green, blue and one more than the sphere's index.
    """
    tones = np.zeros((4, len(COLOURED), 4), np.uint8)
    tones[:, np.array(COLOURED), :3] = sphere_colours(gripper_open)[:, None]
    tones[..., 3] = np.arange(1, 5)[:, None]
    return tones.view(np.uint32)[..., 0]
