# SPDX-License-Identifier: Apache-2.0
"""What a view shows, as a further thing to learn: it teaches the backbone to look at spheres.

By configuration what it reads is also used; see `genima.act.readings`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

SPHERES = 4
_VALUES = 7  # pixel (2), logarithm of the depth (1), stripe axis (3), visibility (1)
#: Numbers that are read in one view.
READINGS = SPHERES * _VALUES


@dataclass(frozen=True, eq=False)
class SphereView:
    """The spheres in the views of a batch, as they were drawn.

    Attributes:
        pixel: Centre, from -1 to 1 across the image.
        log_depth: Logarithm of the depth in metres.
        axis: Direction of the stripes' axis in the camera's frame.
        visible: Whether the sphere was drawn and its centre lies in the image, not behind another.
    """

    pixel: Float[Tensor, "b c 4 2"]
    log_depth: Float[Tensor, "b c 4"]
    axis: Float[Tensor, "b c 4 3"]
    visible: Bool[Tensor, "b c 4"]

    @classmethod
    def stacked(cls, views: Sequence["SphereView"]) -> "SphereView":
        """One batch of views that have no batch dimension."""
        return cls(*(torch.stack(list(part)) for part in zip(*map(_parts, views), strict=True)))

    def at(self, rows: Int[Tensor, "n"]) -> "SphereView":
        """Some of the batch."""
        return SphereView(*(part[rows] for part in _parts(self)))

    def to(self, device: torch.device) -> "SphereView":
        """The same on another device."""
        return SphereView(*(part.to(device) for part in _parts(self)))


def _parts(view: SphereView) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return view.pixel, view.log_depth, view.axis, view.visible


@dataclass(frozen=True, eq=False)
class AuxiliaryOutput:
    """What is read; as `SphereView`, with a logit for the visibility.

    Attributes:
        pixel: See there.
        log_depth: See there.
        axis: See there.
        visible_logit: Above 0 for visible.
        half: Half the side of what was looked at, as a share of half an image.
    """

    pixel: Float[Tensor, "b c 4 2"]
    log_depth: Float[Tensor, "b c 4"]
    axis: Float[Tensor, "b c 4 3"]
    visible_logit: Float[Tensor, "b c 4"]
    half: Float[Tensor, "b c 4"] | None = None

    def values(self) -> Float[Tensor, "b c r"]:
        """All readings of each view in one row, the visibility as a probability."""
        parts = (self.pixel.flatten(2), self.log_depth, self.axis.flatten(2))
        return torch.cat([*parts, self.visible_logit.sigmoid()], dim=-1)

    def loss(self, truth: SphereView) -> Float[Tensor, ""]:
        """Errors of what is visible, and of the visibility itself.

        A place counts in units of what was looked at, or little would be learned from a glimpse.
        """
        visible = truth.visible
        count = visible.sum().clamp(min=1)
        place = (self.pixel - truth.pixel).abs().mean(-1)
        errors = (
            (place if self.half is None else place / self.half)
            + (self.log_depth - truth.log_depth).abs()
            + (self.axis - truth.axis).abs().mean(-1)
        )
        seen = nn.functional.binary_cross_entropy_with_logits(
            self.visible_logit, visible.to(self.visible_logit.dtype)
        )
        return (errors * visible).sum() / count + 0.3 * seen


class AuxiliaryHead(nn.Module):
    """One linear map a camera, from its whole map of features."""

    def __init__(self, channels: int, side: int, cameras: int) -> None:
        super().__init__()
        inputs = channels * side * side
        self.weight = nn.Parameter(torch.randn(cameras, inputs, READINGS) * 0.01)
        self.bias = nn.Parameter(torch.zeros(cameras, 1, READINGS))

    def forward(self, features: Float[Tensor, "b c d h w"]) -> AuxiliaryOutput:
        """Read the spheres in every view."""
        flat = features.flatten(2).transpose(0, 1)  # c b d
        values = torch.baddbmm(self.bias.to(flat.dtype), flat, self.weight.to(flat.dtype))
        values = values.transpose(0, 1).float().unflatten(-1, (SPHERES, _VALUES))
        return AuxiliaryOutput(values[..., :2], values[..., 2], values[..., 3:6], values[..., 6])
