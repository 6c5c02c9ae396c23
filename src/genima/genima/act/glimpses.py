# SPDX-License-Identifier: Apache-2.0
"""A second and a third, closer look at each sphere, which read the stripes.

In the image that the backbone gets, the spheres of a standing camera are some 14 pixels wide and
their stripes little more than one, so it learns where spheres are but not how they are turned. A
glimpse is cut out of the finer image around each place that was read, as large as the sphere
appears at the depth that was read; one small network for all of them then reads again, and once
more from the better place. In training it practises where the spheres truly are, give or take
some, so that it learns from the first step on, however bad the first reading is: 300,000 such
samples, some minutes of one core, teach it the axis of most stripes to 5 degrees.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genima.act.auxiliary import READINGS, SPHERES, AuxiliaryOutput, SphereView

_WIDTHS = (24, 48, 64)
_INNER = 128
_LOOKS = 2
#: Half of a glimpse, in radii of the sphere: what was read may be off by more than half a radius.
MARGIN = 1.5
#: Glimpses are neither smaller nor larger than these shares of half an image.
_LEAST, _MOST = 0.03, 1.0
#: Practice: how far beside the sphere at most, as a share of half a glimpse, and the standard
#: deviation of the logarithm of the depth.
_BESIDE, _DEPTH = 0.35, 0.1


class Glimpses(nn.Module):
    """Reads every sphere in every view again.

    Args:
        side_px: Side of a glimpse.
        cameras: How many there are.

    Attributes:
        reach: Half of a glimpse of a sphere at 1 m in each camera, as a share of half its image;
            the training sets it from the cameras and the spheres' radii.
        focal: Focal lengths along x and y of each camera, in halves of its image; likewise.
    """

    reach: Tensor
    focal: Tensor

    def __init__(self, side_px: int, cameras: int) -> None:
        super().__init__()
        self._side = side_px
        self.register_buffer("reach", torch.full((cameras,), 0.2))
        self.register_buffer("focal", torch.full((cameras, 2), 2.0))
        layers: list[nn.Module] = []
        inputs = 3
        for width, kernel in zip(_WIDTHS, (5, 3, 3), strict=True):
            layers += [
                nn.Conv2d(inputs, width, kernel, 2, kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            inputs = width
        self.look = nn.Sequential(*layers, nn.Flatten())
        self.sphere = nn.Parameter(torch.randn(SPHERES, 8) * 0.5)
        features = inputs * (side_px // 2 ** len(_WIDTHS)) ** 2
        self.inner = nn.Sequential(nn.Linear(features + 8, _INNER), nn.ReLU())
        self.read = nn.Linear(_INNER, READINGS // SPHERES)

    @torch.no_grad()
    def forward(
        self, images: Float[Tensor, "b c 3 s s"], first: AuxiliaryOutput
    ) -> AuxiliaryOutput:
        """Correct the places and depths that were read, and read the rest anew.

        It learns by practising alone.
        """
        read = first
        practising = self.look.training
        self.look.eval()  # statistics of glimpses at bad places are not those of good ones
        for _ in range(_LOOKS):
            read = self._look(images, read.pixel.float(), read.log_depth.float())
        self.look.train(practising)
        return read

    def practise(self, images: Float[Tensor, "b c 3 s s"], truth: SphereView) -> AuxiliaryOutput:
        """Read the spheres of a batch from places beside the true ones."""
        log_depth = truth.log_depth + _DEPTH * torch.randn_like(truth.log_depth)
        beside = _BESIDE * torch.rand_like(log_depth)[..., None]
        offset = beside * (2.0 * torch.rand_like(truth.pixel) - 1.0)
        place = truth.pixel + self._half(log_depth)[..., None] * offset
        return self._look(images, place, log_depth)

    def _half(self, log_depth: Float[Tensor, "b c 4"]) -> Float[Tensor, "b c 4"]:
        """Half of a glimpse, as a share of half the image."""
        return (self.reach[:, None] * torch.exp(-log_depth)).clamp(_LEAST, _MOST)

    def _look(
        self,
        images: Float[Tensor, "b c 3 s s"],
        place: Float[Tensor, "b c 4 2"],
        log_depth: Float[Tensor, "b c 4"],
    ) -> AuxiliaryOutput:
        batch, cameras = images.shape[:2]
        half = self._half(log_depth)
        seen = self.look(self._cut(images, place, half))
        which = self.sphere.to(seen.dtype).repeat(batch * cameras, 1)
        values = self.read(self.inner(torch.cat([seen, which], dim=-1))).float()
        values = values.view(batch, cameras, SPHERES, -1)
        place = place + half[..., None] * values[..., :2]
        axis = from_sight(values[..., 3:6], place.detach() / self.focal[:, None])
        return AuxiliaryOutput(place, log_depth + values[..., 2], axis, values[..., 6], half)

    def _cut(
        self,
        images: Float[Tensor, "b c 3 s s"],
        place: Float[Tensor, "b c 4 2"],
        half: Float[Tensor, "b c 4"],
    ) -> Float[Tensor, "n 3 g g"]:
        side = self._side
        steps = 2.0 * (torch.arange(side, device=images.device) + 0.5) / side - 1.0
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
        grid = place[..., None, None, :] + half[..., None, None, None] * grid
        grid = grid.flatten(0, 1).flatten(1, 2)  # (b c) (spheres g) g 2
        patches = nn.functional.grid_sample(
            images.flatten(0, 1).float(), grid, align_corners=False
        )
        patches = patches.unflatten(2, (SPHERES, side)).transpose(1, 2)
        return patches.flatten(0, 1)


def from_sight(
    direction: Float[Tensor, "*b 3"], ray: Float[Tensor, "*b 2"]
) -> Float[Tensor, "*b 3"]:
    """A direction in the camera's frame, from what it looks like in a glimpse.

    A glimpse does not show where in the image it was cut out, and a sphere beside the middle is
    seen from the side: by 20 degrees at the edge of a view of 40. So a network can only tell how
    stripes are turned against the line of sight, which this turns into the optical axis.

    Args:
        direction: Such that the line of sight is z.
        ray: x and y at z = 1 of the line of sight, in the camera's frame.
    """
    sight = nn.functional.normalize(nn.functional.pad(ray, (0, 1), value=1.0), dim=-1)
    x, y, z = sight.unbind(dim=-1)
    about = torch.stack([-y, x, torch.zeros_like(x)], dim=-1)  # z cross the line of sight
    once = torch.linalg.cross(about, direction)
    return direction + once + torch.linalg.cross(about, once) / (1.0 + z)[..., None]
