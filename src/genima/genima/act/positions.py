# SPDX-License-Identifier: Apache-2.0
"""Sine positions, which tell tokens apart."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

_TEMPERATURE = 10_000.0


def sine_1d(length: int, width: int) -> Float[Tensor, "n d"]:
    """Positions along a line."""
    return _waves(torch.arange(length, dtype=torch.float32), width)


def sine_2d(height: int, width_px: int, width: int) -> Float[Tensor, "h w d"]:
    """Positions in a map of features, one half for each axis, from 0 to one turn (DETR)."""
    rows = 2.0 * math.pi * (torch.arange(height) + 0.5) / height
    columns = 2.0 * math.pi * (torch.arange(width_px) + 0.5) / width_px
    y = _waves(rows, width // 2)[:, None].expand(-1, width_px, -1)
    x = _waves(columns, width // 2)[None].expand(height, -1, -1)
    return torch.cat([y, x], dim=-1)


def _waves(place: Float[Tensor, "n"], width: int) -> Float[Tensor, "n d"]:
    rate = _TEMPERATURE ** (-torch.arange(0, width, 2) / width)
    phase = place[:, None] * rate
    return torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(1)
