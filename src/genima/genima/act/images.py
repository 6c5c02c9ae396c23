# SPDX-License-Identifier: Apache-2.0
"""From camera images to what the backbone gets, in training and in use alike."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

#: Of ImageNet; the paper's backbone was trained with them.
_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def values(images: UInt8[Tensor, "*b 3 s s"]) -> Float[Tensor, "*b 3 s s"]:
    """Pixels as values from 0 to 1."""
    return images.to(torch.float32).div_(255.0)


def pixels(images: Float[Tensor, "*b 3 s s"]) -> UInt8[Tensor, "*b 3 s s"]:
    """The inverse; values beyond are cut off."""
    return (images.clamp(0.0, 1.0) * 255.0).round_().to(torch.uint8)


def standardise(images: Float[Tensor, "b c 3 s s"]) -> Float[Tensor, "b c 3 s s"]:
    """Values around zero."""
    return (images - _MEAN.to(images.device)) / _STD.to(images.device)
