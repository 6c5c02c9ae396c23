# SPDX-License-Identifier: Apache-2.0
"""Changes of training images, on tensors: the original's, and what drawn tiles suffer from.

Each sample has its own draw, the same for the views of one sample where geometry is concerned.
"""

import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genima.act.config import ActConfig

#: Views of this side have the sizes that the configuration speaks of [px].
_REFERENCE_PX = 256
_ELASTIC_ALPHA_PX, _ELASTIC_SIGMA_PX = 80.0, 10.0  # the original's
_SHARE = 0.5  # of the samples that each change is applied to
_ROW = 2**22  # numbers from which noise is cut


class Augmentations:
    """Draws and applies changes to a batch of views.

    Args:
        config: Their strengths.
        generator: Of the random numbers, on the images' device.
    """

    def __init__(self, config: ActConfig, generator: torch.Generator) -> None:
        self._config = config
        self._generator = generator

    def __call__(self, images: Float[Tensor, "b c 3 s s"]) -> Float[Tensor, "b c 3 s s"]:
        """Change images with values from 0 to 1."""
        config = self._config
        scale = images.shape[-1] / _REFERENCE_PX
        if config.elastic:
            images = self._elastic(images, scale)
        if config.crop_padding_px:
            images = self._shift(images, config.crop_padding_px * scale)
        if config.colour_jitter:
            images = self._recolour(images, config.colour_jitter)
        if config.blur_px:
            images = self._blur(images, config.blur_px * scale)
        if config.noise:
            images = images + config.noise / 255.0 * self._noise(images.shape)
        return images

    def _noise(self, shape: torch.Size) -> Float[Tensor, "b c 3 s s"]:
        """Another stretch of the same long row for each sample; drawing anew takes ten times."""
        length = math.prod(shape[1:])
        row = _normal_row(max(_ROW, 2 * length))
        firsts = torch.randint(len(row) - length, (shape[0],), generator=self._generator)
        return torch.stack([row[first : first + length] for first in firsts.tolist()]).view(shape)

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        device = self._generator.device
        return low + (high - low) * torch.rand(shape, generator=self._generator, device=device)

    def _chosen(self, batch: int) -> Float[Tensor, "b 1 1 1 1"]:
        return (self._uniform(batch, 1, 1, 1, 1) < _SHARE).float()

    def _elastic(self, images: Tensor, scale: float) -> Tensor:
        batch, cameras, _, height, width = images.shape
        field = self._uniform(batch * cameras, 2, height, width, low=-1.0)
        field = gaussian_blur(
            field, torch.full((len(field),), _ELASTIC_SIGMA_PX * scale, device=field.device)
        )
        pixels = _ELASTIC_ALPHA_PX * scale * field.permute(0, 2, 3, 1)
        chosen = self._chosen(batch).repeat(1, cameras, 1, 1, 1).view(-1, 1, 1, 1)
        return _moved(images, chosen * pixels)

    def _shift(self, images: Tensor, largest_px: float) -> Tensor:
        batch, cameras, _, height, width = images.shape
        shift = self._uniform(batch, 1, 1, 1, 2, low=-largest_px, high=largest_px)
        pixels = (self._chosen(batch) * shift).expand(-1, cameras, height, width, -1)
        return _moved(images, pixels.flatten(0, 1))

    def _recolour(self, images: Tensor, strength: float) -> Tensor:
        batch = len(images)
        chosen = self._chosen(batch)
        if not chosen.any():
            return images
        shape = (batch, 1, 1, 1, 1)
        brightness = self._uniform(*shape, low=1.0 - strength, high=1.0 + strength)
        contrast = self._uniform(*shape, low=1.0 - strength, high=1.0 + strength)
        tint = self._uniform(
            batch, 1, 3, 1, 1, low=1.0 - 0.3 * strength, high=1.0 + 0.3 * strength
        )
        mean = images.mean(dim=(2, 3, 4), keepdim=True)
        changed = ((images - mean) * contrast + mean) * brightness * tint
        return torch.where(chosen > 0, changed, images).clamp(0.0, 1.0)

    def _blur(self, images: Tensor, largest_px: float) -> Tensor:
        batch, cameras = images.shape[:2]
        sigma = self._uniform(batch, high=largest_px).repeat_interleave(cameras)
        chosen = (self._uniform(batch) < _SHARE).repeat_interleave(cameras)
        flat = images.flatten(0, 1).clone()
        if chosen.any():
            flat[chosen] = gaussian_blur(flat[chosen], sigma[chosen])
        return flat.unflatten(0, (batch, cameras))


@cache
def _normal_row(length: int) -> Float[Tensor, "n"]:
    return torch.randn(length, generator=torch.Generator().manual_seed(0))


def gaussian_blur(
    images: Float[Tensor, "n k h w"], sigma_px: Float[Tensor, "n"]
) -> Float[Tensor, "n k h w"]:
    """Blur each image with its own standard deviation [px]."""
    reach = max(1, int(3.0 * float(sigma_px.max()) + 0.5))
    place = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (place / sigma_px.clamp(min=1e-3)[:, None]).square())
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    count, channels, height, width = images.shape
    weight = kernel.repeat_interleave(channels, dim=0)[:, None]
    flat = images.reshape(1, count * channels, height, width)
    padded = nn.functional.pad(flat, (reach, reach, reach, reach), mode="replicate")
    rows = nn.functional.conv2d(padded, weight[:, :, None], groups=count * channels)
    both = nn.functional.conv2d(rows, weight[:, :, :, None], groups=count * channels)
    return both.view(count, channels, height, width)


def _moved(
    images: Float[Tensor, "b c 3 h w"], pixels: Float[Tensor, "n h w 2"]
) -> Float[Tensor, "b c 3 h w"]:
    """Images whose every pixel comes from so many pixels to the right and below; black outside."""
    batch, cameras, _, height, width = images.shape
    still = nn.functional.affine_grid(
        torch.eye(2, 3, device=images.device)[None], [1, 1, height, width], align_corners=False
    )
    grid = still + pixels * torch.tensor([2.0 / width, 2.0 / height], device=images.device)
    moved = nn.functional.grid_sample(images.flatten(0, 1), grid, align_corners=False)
    return moved.unflatten(0, (batch, cameras))
