# SPDX-License-Identifier: Apache-2.0
"""A second, closer look at each sphere, which reads the stripes.

In the image that the backbone gets, the spheres of a standing camera are some 14 pixels wide and
their stripes little more than one, so it learns where spheres are but not how they are turned. A
glimpse is cut out of the finer image around each place that was read, as large as the sphere
appears at the depth that was read; one small network for all of them then reads again. As the
sphere lies always in the middle and always of one size, that takes few samples to learn.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genima.act.auxiliary import READINGS, SPHERES, AuxiliaryOutput

_WIDTHS = (24, 48, 64)
_INNER = 128
#: Half of a glimpse, in radii of the sphere: what was read may be off by more than half a radius.
MARGIN = 1.6
#: Glimpses are neither smaller nor larger than these shares of half an image.
_LEAST, _MOST = 0.03, 1.0


class Glimpses(nn.Module):
    """Reads every sphere in every view once more.

    Args:
        side_px: Side of a glimpse.
        cameras: How many there are.

    Attributes:
        reach: Half of a glimpse of a sphere at 1 m in each camera, as a share of half its image;
            the training sets it from the cameras and the spheres' radii.
    """

    reach: Tensor

    def __init__(self, side_px: int, cameras: int) -> None:
        super().__init__()
        self._side = side_px
        self.register_buffer("reach", torch.full((cameras,), 0.2))
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
        nn.init.zeros_(self.read.weight)  # begins as what was read before
        nn.init.zeros_(self.read.bias)

    def forward(
        self, images: Float[Tensor, "b c 3 s s"], first: AuxiliaryOutput
    ) -> AuxiliaryOutput:
        """Correct the place, depth and visibility that were read, and read the stripes anew."""
        batch, cameras = images.shape[:2]
        place, log_depth = first.pixel.detach().float(), first.log_depth.detach().float()
        half = (self.reach[:, None] * torch.exp(-log_depth)).clamp(_LEAST, _MOST)
        seen = self.look(self._cut(images, place, half))
        which = self.sphere.to(seen.dtype).repeat(batch * cameras, 1)
        values = self.read(self.inner(torch.cat([seen, which], dim=-1))).float()
        values = values.view(batch, cameras, SPHERES, -1)
        return AuxiliaryOutput(
            place + half[..., None] * values[..., :2],
            log_depth + values[..., 2],
            values[..., 3:6],
            first.visible_logit.detach() + values[..., 6],
        )

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
