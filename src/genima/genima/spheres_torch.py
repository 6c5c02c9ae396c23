# SPDX-License-Identifier: Apache-2.0
"""The target spheres for whole batches of tiles, on any device: the twin of `genima.spheres`.

The formulas and the single precision are those of `genima.sphere_tracing`, so the pictures agree
but for single pixels whose ray grazes an edge within rounding. All pixels of all images are
computed at once, without bounding boxes, which would differ from image to image.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from genima.errors import InvalidParameter
from genima.spheres import COLOURED, STRIPE_WIDTH, Z_FAR_M, sphere_colours


@dataclass(frozen=True, eq=False)
class CameraBatch:
    """The cameras of a batch of tiles; all images have one size.

    Attributes:
        height: Image height [px].
        width: Image width [px].
        pinhole: fx, fy, cx, cy of each camera [px], in the convention of `genima.intrinsics`.
        base_T_cam: Pose of each optical frame in the base, for every tile.
        radii_m: Sphere radius in each camera [m].
    """

    height: int
    width: int
    pinhole: Float[Tensor, "c 4"]
    base_T_cam: Float[Tensor, "b c 4 4"]
    radii_m: Float[Tensor, "c"]

    def __post_init__(self) -> None:
        cameras = self.base_T_cam.shape[1] if self.base_T_cam.ndim == 4 else None
        if cameras is None or self.pinhole.shape != (cameras, 4) or len(self.radii_m) != cameras:
            raise InvalidParameter(
                f"base_T_cam {tuple(self.base_T_cam.shape)}, pinhole {tuple(self.pinhole.shape)}, "
                f"radii_m {tuple(self.radii_m.shape)}: expected (b, c, 4, 4), (c, 4) and (c,), "
                "with one c for all"
            )


@dataclass(frozen=True, eq=False)
class SphereBatch:
    """What is drawn over the images of a batch of tiles.

    Attributes:
        rgb: Colours; black where there is no sphere.
        mask: Where there is a sphere.
        index: Which one is in front, in the order of `Sphere`; -1 for none.
    """

    rgb: UInt8[Tensor, "b c h w 3"]
    mask: Bool[Tensor, "b c h w"]
    index: Int[Tensor, "b c h w"]


def render_spheres_batch(
    base_T_spheres: Float[Tensor, "b 4 4 4"], gripper_open: Bool[Tensor, "b"], cameras: CameraBatch
) -> SphereBatch:
    """Draw the four spheres of every tile as each of its cameras sees them.

    Args:
        base_T_spheres: Poses in the order of `Sphere`, as of `spheres.sphere_poses`.
        gripper_open: Whether the gripper is to be open, for each tile.
        cameras: On the same device as the poses.

    Raises:
        InvalidParameter: Poses, gripper states and cameras are not of one batch.
    """
    batch = cameras.base_T_cam.shape[0]
    if base_T_spheres.shape != (batch, 4, 4, 4) or gripper_open.shape != (batch,):
        raise InvalidParameter(
            f"base_T_spheres {tuple(base_T_spheres.shape)}, gripper_open "
            f"{tuple(gripper_open.shape)}: expected ({batch}, 4, 4, 4) and ({batch},) for these "
            "cameras"
        )
    depth, x_over_r = _trace(_in_cameras(base_T_spheres, cameras.base_T_cam), cameras)
    depth = torch.where(depth < Z_FAR_M, depth, torch.inf)  # a miss is NaN, which is not nearer
    nearest, index = depth.min(dim=2)
    mask = nearest.isfinite()
    x_over_r = x_over_r.gather(2, index[:, :, None])[:, :, 0]
    stripe = ((x_over_r + 1) * (1 / STRIPE_WIDTH)).nan_to_num(0.0).long()
    tones = _tones(gripper_open)  # (b, sphere, stripe, 3)
    tile = torch.arange(batch, device=index.device)[:, None, None, None]
    rgb = tones[tile, index, stripe.clamp(0, len(COLOURED) - 1)]
    rgb = rgb * mask[..., None]
    return SphereBatch(rgb, mask, torch.where(mask, index, -1).to(torch.int8))


def _in_cameras(
    base_T_spheres: Float[Tensor, "b 4 4 4"], base_T_cam: Float[Tensor, "b c 4 4"]
) -> Float[Tensor, "b c 4 4 4"]:
    """The poses cam_T_sphere, in single precision but computed in the precision they came in."""
    cam_R_base = base_T_cam[..., :3, :3].transpose(-1, -2)
    cam_T_base = base_T_cam.clone()
    cam_T_base[..., :3, :3] = cam_R_base
    cam_T_base[..., :3, 3:] = -cam_R_base @ base_T_cam[..., :3, 3:]
    return cam_T_base[:, :, None] @ base_T_spheres[:, None]


def _trace(
    cam_T_sphere: Float[Tensor, "b c s 4 4"], cameras: CameraBatch
) -> tuple[Float[Tensor, "b c s h w"], Float[Tensor, "b c s h w"]]:
    """Depth [m] and x / r of each pixel's nearest hit with each sphere; NaN for a miss."""
    a, b = _rays(cameras)
    centre, axis = cam_T_sphere[..., :3, 3], cam_T_sphere[..., :3, 0]
    radius = cameras.radii_m.to(centre.dtype)[:, None]
    power = (centre * centre).sum(-1) - radius * radius
    offset = _as_image((axis * centre).sum(-1) / radius)
    x, y, z = (_as_image(part) for part in centre.unbind(-1))
    xx, xy, xz = (_as_image(part) for part in (axis / radius[..., None]).unbind(-1))
    length2 = a * a + (b * b + 1)
    along = a * x + (b * y + z)
    depth = (along - (along * along - length2 * _as_image(power)).sqrt()) / length2
    # Negative for what rays hit backwards, and for all of a sphere around the camera.
    depth = torch.where(depth > 0, depth, torch.nan)
    return depth, (a * xx + (b * xy + xz)) * depth - offset


def _as_image(values: Float[Tensor, "b c s"]) -> Float[Tensor, "b c s 1 1"]:
    return values.float()[..., None, None]


def _rays(cameras: CameraBatch) -> tuple[Float[Tensor, "c 1 1 w"], Float[Tensor, "c 1 h 1"]]:
    """Rays through the pixel centres as (a, b, 1), by column and by row."""
    fx, fy, cx, cy = cameras.pinhole.double().unbind(-1)
    u = torch.arange(cameras.width, device=fx.device) + 0.5
    v = torch.arange(cameras.height, device=fx.device) + 0.5
    a = (u - cx[:, None]) / fx[:, None]
    b = (v - cy[:, None]) / fy[:, None]
    return a.float()[:, None, None, :], b.float()[:, None, :, None]


def _tones(gripper_open: Bool[Tensor, "b"]) -> UInt8[Tensor, "b 4 11 3"]:
    """Colour of each stripe of each sphere."""
    colours = torch.stack([torch.from_numpy(sphere_colours(state)) for state in (False, True)])
    stripes = colours[:, :, None] * torch.tensor(COLOURED)[:, None]
    return stripes.to(gripper_open.device)[gripper_open.long()]
