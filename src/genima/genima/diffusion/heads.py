# SPDX-License-Identifier: Apache-2.0
"""What the outputs of a drawing network mean."""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from genima.decode.palette import LABEL_RGB, Label
from genima.diffusion.config import Target


def palette_image(
    shares: Float[Tensor, "b 7 h w"], camera_image: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b 3 h w"]:
    """The image, -1 to 1, in which each pixel is a mixture of the labels' colours.

    Args:
        shares: Of each `Label`, summing to 1; `OTHER` stands for what the camera saw.
        camera_image: What the camera saw, -1 to 1.
    """
    drawn = torch.einsum("blhw,lc->bchw", shares[:, 1:], _colours(shares.dtype, shares.device))
    return drawn + shares[:, Label.OTHER, None] * camera_image


@cache
def _colours(dtype: torch.dtype, device: torch.device) -> Float[Tensor, "6 3"]:
    """Of all labels but `OTHER`, -1 to 1; made once, since a captured graph cannot fetch them."""
    colours = torch.tensor(LABEL_RGB, dtype=dtype, device=device) / 127.5 - 1.0
    return torch.cat([colours, -torch.ones(1, 3, dtype=dtype, device=device)])


def change_target(
    value: Float[Tensor, "b c h w"],
    noisy: Float[Tensor, "b c h w"],
    alpha: Float[Tensor, "b"],
    given: Target,
    wanted: Target,
) -> Float[Tensor, "b c h w"]:
    """One of noise, velocity and clean latent from another.

    Args:
        value: What is given.
        noisy: sqrt(a) clean + sqrt(1 - a) noise.
        alpha: That a, of each latent.
        given: What `value` is.
        wanted: What is asked for.
    """
    if given is wanted:
        return value
    a = alpha.to(noisy.dtype).sqrt()[:, None, None, None]
    b = (1.0 - alpha.to(noisy.dtype)).sqrt()[:, None, None, None]
    if given is Target.SAMPLE:
        clean, noise = value, (noisy - a * value) / b
    elif given is Target.EPSILON:
        clean, noise = (noisy - b * value) / a, value
    else:
        clean, noise = a * noisy - b * value, b * noisy + a * value
    if wanted is Target.SAMPLE:
        return clean
    return noise if wanted is Target.EPSILON else a * noise - b * clean
