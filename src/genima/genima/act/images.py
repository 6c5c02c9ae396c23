# SPDX-License-Identifier: Apache-2.0
"""From camera images to what the backbone gets, in training and in use alike."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

#: Of ImageNet; the paper's backbone was trained with them.
_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def shrink(images: UInt8[Tensor, "b c 3 h w"], size_px: int) -> Float[Tensor, "b c 3 s s"]:
    """Values from 0 to 1 at the network's size; pixels are averaged by area."""
    values = images.flatten(0, 1).to(torch.float32) / 255.0
    if values.shape[-1] != size_px:
        values = nn.functional.interpolate(values, size=(size_px, size_px), mode="area")
    return values.unflatten(0, images.shape[:2])


def standardise(images: Float[Tensor, "b c 3 s s"]) -> Float[Tensor, "b c 3 s s"]:
    """Values around zero."""
    return (images - _MEAN.to(images.device)) / _STD.to(images.device)
