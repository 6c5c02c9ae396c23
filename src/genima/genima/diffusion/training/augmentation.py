# SPDX-License-Identifier: Apache-2.0
"""Changes of training pictures, on tensors: the original's, but drawn for each sample.

Colours change in the input alone, so that spheres and scene are drawn in their own colours
whatever the light. The place changes in input and target alike.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

_GREY = (0.299, 0.587, 0.114)


def jitter_colours(
    images: Float[Tensor, "b 3 h w"], strength: float, chance: torch.Generator
) -> Float[Tensor, "b 3 h w"]:
    """Change brightness, contrast, saturation and hue of images from 0 to 1.

    Args:
        images: RGB.
        strength: Largest relative change of brightness and contrast; half of it for saturation,
            and a quarter of it as part of the circle of hues.
        chance: Of the random numbers, on the images' device.
    """

    def draw(reach: float) -> Float[Tensor, "b 1 1 1"]:
        number = torch.rand(len(images), 1, 1, 1, generator=chance, device=images.device)
        return (2.0 * number - 1.0) * reach

    weights = torch.tensor(_GREY, device=images.device)[:, None, None]
    images = images * (1.0 + draw(strength))
    mean = (images * weights).sum(dim=1, keepdim=True).mean(dim=(2, 3), keepdim=True)
    images = (images - mean) * (1.0 + draw(strength)) + mean
    grey = (images * weights).sum(dim=1, keepdim=True)
    images = (images - grey) * (1.0 + draw(strength / 2)) + grey
    return _turned(images, draw(strength / 4)[:, 0, 0, 0] * 2.0 * torch.pi).clamp(0.0, 1.0)


def _turned(
    images: Float[Tensor, "b 3 h w"], angle_rad: Float[Tensor, "b"]
) -> Float[Tensor, "b 3 h w"]:
    """Turn colours about the axis of greys, which changes their hue."""
    cosine, sine = angle_rad.cos(), angle_rad.sin() / 3.0**0.5
    same = torch.eye(3, device=images.device)
    third = torch.full((3, 3), 1.0 / 3.0, device=images.device)
    swapped = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    turn = (
        cosine[:, None, None] * (same - third)
        + third
        + sine[:, None, None] * swapped.to(images.device)
    )
    return torch.einsum("bij,bjhw->bihw", turn, images)


def shifts(count: int, padding_px: int, chance: torch.Generator) -> Tensor:
    """Where each of some crops begins in its padded picture, (count, 2) [px]."""
    size = 2 * padding_px + 1
    return torch.randint(size, (count, 2), generator=chance, device=chance.device)


def cropped(
    pictures: Float[Tensor, "b c h w"], padding_px: int, begins: Tensor
) -> Float[Tensor, "b c h w"]:
    """The pictures continued by their mirror image beyond the edge, then cut to their size."""
    height, width = pictures.shape[-2:]
    padded = pad(pictures, (padding_px,) * 4, mode="reflect")
    return torch.stack(
        [
            picture[:, row : row + height, col : col + width]
            for picture, (row, col) in zip(padded, begins.tolist(), strict=True)
        ]
    )
