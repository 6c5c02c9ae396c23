# SPDX-License-Identifier: Apache-2.0
"""A head that draws with spheres, not pixels: every latent pixel says where the arm shall go.

A network that has seen a few thousand pictures draws soft spots where a sphere might be, and no
stripes; and spheres that are a pixel or two off in one view already belong to no configuration.
Asked at each place of the tile by how much each joint shall move, it answers smoothly. Each pixel
is then coloured as the renderer colours it for the answer at its place: edges and stripes are
crisp at any size, and the views agree as far as the answers do.

What is diffused are the answers: a latent has one channel for each joint and one for the gripper.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from jaxtyping import UInt8 as Bytes
from torch import Tensor
from torch.nn.functional import interpolate

from genima.arrays import Array
from genima.arrays import Float as Reals
from genima.decode.palette import Label
from genima.kinematics import LINK8_T_TCP, frame_entries
from genima.policy import Policy
from genima.spheres import COLOURED, STRIPE_WIDTH
from genima.view import CameraView

#: Of a latent: seven joints, then the gripper.
CHANNELS = 8
#: By how much an answer of 1 moves a joint [rad].
MOTION_RAD = 0.2
_GRIPPER = 3
_LINKS = (2, 4, 6, 8)  # those whose frames carry the spheres; the last one with the TCP


@dataclass(frozen=True, eq=False)
class ArmView:
    """The arm and the cameras of a tile.

    Attributes:
        q: Joint positions [rad].
        cam_T_base: Pose of the base in each optical frame.
        lens: fx, fy, cx, cy of each camera in sides of its image, and its spheres' radius [m].
    """

    q: Float[Tensor, "b 7"]
    cam_T_base: Float[Tensor, "b 4 4 4"]
    lens: Float[Tensor, "b 4 5"]

    def to(self, device: torch.device) -> "ArmView":
        """The same on another device."""
        return ArmView(self.q.to(device), self.cam_T_base.to(device), self.lens.to(device))


def lenses(views: Mapping[str, CameraView], policy: Policy) -> "Reals[Array, '4 5']":
    """What `ArmView.lens` says of each camera, in the policy's order."""
    rows = []
    for name in policy.cameras:
        k = views[name].intrinsics
        rows.append([k.fx / k.width, k.fy / k.width, k.cx / k.width, k.cy / k.width])
        rows[-1].append(policy.sphere_radii_m[name])
    return np.array(rows)


def answer_for(
    q: Float[Tensor, "b 7"], q_target: Float[Tensor, "b 7"], gripper_open: Bool[Tensor, "b"]
) -> Float[Tensor, "b 8"]:
    """What the network should answer everywhere.

    Args:
        q: Present joint positions, as the model is told them [rad].
        q_target: Those that shall be drawn [rad].
        gripper_open: Whether the gripper is to be open.
    """
    gripper = 2.0 * gripper_open.to(q.dtype) - 1.0
    return torch.cat([(q_target - q) / MOTION_RAD, gripper[:, None]], dim=1)


def labels_drawn(
    answers: Float[Tensor, "b 8 h w"], arm: ArmView, side: int
) -> Bytes[Tensor, "b 4 s s"]:
    """The `genima.decode.palette.Label` of each pixel, in cells of this side.

    Args:
        answers: Of the network.
        arm: To which they refer.
        side: Of a cell [px].
    """
    cells = _cells(answers.float())
    q = arm.q.float()[:, None, :, None, None] + MOTION_RAD * cells[:, :, :7]
    centre, axis = _seen(q, arm)
    shape = (*centre.shape[:4], side, side)
    places = torch.cat([centre, axis], dim=3).flatten(0, 1).flatten(1, 2)
    places = interpolate(places, size=(side, side), mode="bilinear", align_corners=False)
    centre, axis = places.reshape(*shape[:3], 6, side, side).split(3, dim=3)
    radius = arm.lens.float()[:, :, 4]
    nearest, x_over_r, hit = _trace(centre, axis, _rays(arm.lens, side), radius)
    stripe = ((x_over_r + 1.0) / STRIPE_WIDTH).long().clamp(0, len(COLOURED) - 1)
    coloured = torch.tensor(COLOURED, device=answers.device)[stripe]
    # Of the whole tile, since a gripper cannot be both.
    closed = (cells[:, :, 7].mean(dim=(1, 2, 3)) < 0)[:, None, None, None]
    colour = nearest + int(Label.BASE)
    colour = torch.where((nearest == _GRIPPER) & closed, int(Label.CLOSED), colour)
    labels = torch.where(coloured, colour, int(Label.BLACK))
    return torch.where(hit, labels, int(Label.OTHER)).to(torch.uint8)


def _cells(tile: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 4 c s s"]:
    batch, channels, height, width = tile.shape
    cells = tile.reshape(batch, channels, 2, height // 2, 2, width // 2)
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)


def _seen(q: Float[Tensor, "b 4 7 h w"], arm: ArmView) -> tuple[Tensor, Tensor]:
    """Centres [m] and x axes of the spheres in the optical frames, (b, 4, 4, 3, h, w)."""
    joints = q.unbind(dim=2)
    rows = frame_entries([a.cos() for a in joints], [a.sin() for a in joints])
    entries = torch.stack([row + torch.zeros_like(joints[0]) for row in rows], dim=2)
    links = entries.unflatten(2, (9, 4, 4))[:, :, _LINKS, :3]  # (b, 4, 4, 3, 4, h, w)
    tool = torch.as_tensor(LINK8_T_TCP, dtype=q.dtype, device=q.device)
    spheres = links.clone()
    spheres[:, :, _GRIPPER] = torch.einsum("bcijhw,jk->bcikhw", links[:, :, _GRIPPER], tool)
    camera = arm.cam_T_base.to(q.dtype)
    turned = torch.einsum("bcij,bcsjkhw->bcsikhw", camera[:, :, :3, :3], spheres)
    shift = camera[:, :, None, :3, 3, None, None]
    return turned[:, :, :, :, 3] + shift, turned[:, :, :, :, 0]


def _rays(lens: Float[Tensor, "b 4 5"], side: int) -> Float[Tensor, "b 4 3 s s"]:
    """Through the pixel centres of cells of this side, with z = 1."""
    middle = (torch.arange(side, device=lens.device) + 0.5) / side
    fx, fy, cx, cy = (part[..., None] for part in lens.float()[..., :4].unbind(-1))
    a, b = (middle - cx) / fx, (middle - cy) / fy
    shape = (*a.shape[:2], side, side)
    a, b = a[:, :, None, :].expand(shape), b[:, :, :, None].expand(shape)
    return torch.stack([a, b, torch.ones_like(a)], dim=2)


def _trace(
    centre: Float[Tensor, "b 4 4 3 s s"],
    axis: Float[Tensor, "b 4 4 3 s s"],
    ray: Float[Tensor, "b 4 3 s s"],
    radius: Float[Tensor, "b 4"],
) -> tuple[Tensor, Tensor, Bool[Tensor, "b 4 s s"]]:
    """Which sphere each ray meets first, the local x there over the radius, and if one at all."""
    ray, radius = ray[:, :, None], radius[:, :, None, None, None]
    length2 = ray.square().sum(dim=3)
    along = (ray * centre).sum(dim=3)
    inside = along.square() - length2 * (centre.square().sum(dim=3) - radius.square())
    depth = (along - inside.clamp(min=0.0).sqrt()) / length2
    x_over_r = ((ray * depth[:, :, :, None] - centre) * axis).sum(dim=3) / radius
    depth = torch.where((inside > 0) & (depth > 0), depth, torch.inf)
    depth, nearest = depth.min(dim=2)
    return nearest, x_over_r.gather(2, nearest[:, :, None])[:, :, 0], depth.isfinite()
