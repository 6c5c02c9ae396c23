# SPDX-License-Identifier: Apache-2.0
"""From what a network draws to a tile of the policy's size."""

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from jaxtyping import Float
from jaxtyping import UInt8 as Bytes
from torch import Tensor
from torch.nn.functional import interpolate

from genima.arrays import Array, UInt8
from genima.decode.palette import LABEL_RGB, Label
from genima.diffusion.config import DrawConfig
from genima.intrinsics import square_image
from genima.tiles import tile_images


def cells_of(drawn: Float[Tensor, "b c h w"], config: DrawConfig) -> Float[Tensor, "4 c s s"]:
    """The four images of a tile in the policy's order; without tiling they are that already."""
    if not config.tiled:
        return drawn
    channels, side = drawn.shape[1], config.cell_px
    parts = drawn.reshape(channels, 2, side, 2, side)
    return parts.permute(1, 3, 0, 2, 4).reshape(4, channels, side, side)


def labels_of(scores: Float[Tensor, "4 7 s s"], config: DrawConfig) -> Bytes[Tensor, "4 p p"]:
    """The label with the highest score at each pixel of the policy's images."""
    size = config.policy.image_size_px
    if scores.shape[-1] != size:
        scores = interpolate(scores.float(), size=(size, size), mode="bilinear")
    return scores.argmax(dim=1).to(torch.uint8)


def pixels_of(images: Float[Tensor, "4 3 s s"]) -> Bytes[Tensor, "4 s s 3"]:
    """Pixels of images from -1 to 1."""
    levels = (images.float() * 127.5 + 127.5).round().clamp(0.0, 255.0)
    return levels.permute(0, 2, 3, 1).to(torch.uint8)


def painted(
    labels: UInt8[Array, "4 p p"], images: Mapping[str, UInt8[Array, "s s 3"]], config: DrawConfig
) -> UInt8[Array, "t t 3"]:
    """The camera images as they are, with the labels' colours over them."""
    cells = {}
    for name, label in zip(config.policy.cameras, labels, strict=True):
        cells[name] = square_image(images[name], config.policy.image_size_px).copy()
        drawn = label != Label.OTHER
        cells[name][drawn] = _COLOURS[label[drawn]]
    return tile_images(cells, config.policy.cameras)


def enlarged(pixels: UInt8[Array, "4 s s 3"], config: DrawConfig) -> UInt8[Array, "t t 3"]:
    """Drawn images as a tile of the policy's size."""
    size = config.policy.image_size_px
    cells = {
        name: np.asarray(cv2.resize(image, (size, size)) if len(image) != size else image)
        for name, image in zip(config.policy.cameras, pixels, strict=True)
    }
    return tile_images(cells, config.policy.cameras)


#: By label; that of `OTHER` is never used.
_COLOURS = np.concatenate([np.zeros((1, 3)), LABEL_RGB, np.zeros((1, 3))]).astype(np.uint8)
