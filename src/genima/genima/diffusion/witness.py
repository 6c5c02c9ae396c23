# SPDX-License-Identifier: Apache-2.0
"""Says whether the camera images show the arm where its joints say that it is.

A head that draws spheres draws one crisp arm whatever it was shown, so its drawing tells nothing
of whether it saw anything. The witness is a small network beside it that is given the images
alone, and says where in each view the spheres of the present arm would be, or that they are not to
be seen. The joints say so too. Images that are white, black, noise, of another camera, of another
time or of another scene contradict them.
"""

from collections.abc import Mapping

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, pixel_unshuffle

from genima.diffusion.arm_view import ArmView, cells_of_tile, places_of, seen_spheres

#: Places in a row of a view.
GRID = 16
#: A sphere counts as seen where it should be within this of it, in sides of the image.
_NEAR = 0.12
#: How probable that must be at least, for each sphere in each view.
LEAST = 0.1
_SPHERES = 4


class Witness(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Where the arm is, by images alone.

    Args:
        views: Cameras, each of which is read in its own way.
        channels: Of all layers.
    """

    @register_to_config
    def __init__(self, views: int = 4, channels: int = 32) -> None:
        super().__init__()
        self.first = nn.Conv2d(12, channels, 3, padding=1)
        self.halve = nn.Conv2d(channels, channels, 4, stride=2, padding=1)
        self.camera = nn.Parameter(torch.randn(views, channels) * 0.5)
        widths = (1, 2, 4, 1)
        self.layers = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=width, dilation=width) for width in widths
        )
        self.norms = nn.ModuleList(nn.GroupNorm(8, channels) for _ in widths)
        self.place = nn.Conv2d(channels, _SPHERES, 1)
        self.nowhere = nn.Linear(channels, _SPHERES)

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b v 4 n"]:
        """Scores of each sphere's places in each view, row by row, then of being nowhere.

        Args:
            pictures: Tiles of camera images, 0 to 1.
        """
        cells = cells_of_tile(pictures)
        small = adaptive_avg_pool2d(cells.flatten(0, 1), 4 * GRID)
        x = nn.functional.silu(self.first(pixel_unshuffle(2.0 * small - 1.0, 2)))
        camera = self.camera.repeat(len(cells), 1)[:, :, None, None]
        x = nn.functional.silu(self.halve(x) + camera)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + nn.functional.silu(norm(layer(x)))
        scores = torch.cat([self.place(x).flatten(2), self.nowhere(x.mean((2, 3)))[..., None]], 2)
        return scores.unflatten(0, cells.shape[:2])


def sphere_places(arm: ArmView) -> Float[Tensor, "b 4 4 2"]:
    """Where the spheres of the present arm are seen, in sides of the image; NaN if nowhere."""
    q = arm.q.float()
    place = places_of(seen_spheres(q[:, None].expand(-1, 4, -1), arm)[0], arm)
    inside = ((place >= 0) & (place < 1)).all(dim=-1, keepdim=True)
    return torch.where(inside, place, torch.nan)


def probability_of(scores: Float[Tensor, "b 4 4 n"], arm: ArmView) -> Float[Tensor, "b 4"]:
    """How probable it is, by each view, that the least clear sphere is where the joints say.

    Args:
        scores: Of the witness.
        arm: Its joint positions and cameras.
    """
    place = sphere_places(arm)
    middle = (torch.arange(GRID, device=place.device) + 0.5) / GRID
    right = (middle - place[..., 0, None]).abs() < _NEAR
    down = (middle - place[..., 1, None]).abs() < _NEAR
    near: Bool[Tensor, "b 4 4 n"] = (down[..., :, None] & right[..., None, :]).flatten(3)
    share = (scores.float().softmax(dim=3)[..., :-1] * near).sum(dim=3)
    return torch.where(place[..., 0].isnan(), 1.0, share).amin(dim=2)


def contradiction(probabilities: Mapping[str, float]) -> str:
    """Why images cannot be of this arm, in a sentence; empty if they can.

    Args:
        probabilities: Of each camera, as of `probability_of`.
    """
    unclear = {name: p for name, p in probabilities.items() if p < LEAST}
    if not unclear:
        return ""
    return (
        f"the images of {', '.join(sorted(unclear))} do not show the arm where its joints say it "
        f"is ({min(unclear.values()):.0%} sure, {LEAST:.0%} needed); look at the image, at the "
        "camera's calibration and at joint_states"
    )
