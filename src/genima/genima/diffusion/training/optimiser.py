# SPDX-License-Identifier: Apache-2.0
"""The optimiser, in 8 bits where that is asked for."""

import torch
from torch import nn

from genima.diffusion.training.config import TrainConfig
from genima.errors import MissingDependency


def make_optimiser(trained: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW over all weights that are trained.

    Raises:
        MissingDependency: 8 bits are asked for, and bitsandbytes is not installed.
    """
    weights = list(trained.parameters())
    rate, decay = config.learning_rate, config.weight_decay
    if not config.adam_8bit:
        return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise MissingDependency(
            "--adam-8bit needs the package bitsandbytes and an NVIDIA GPU: pip install "
            "bitsandbytes"
        ) from error
    optimiser: torch.optim.Optimizer = AdamW8bit(weights, lr=rate, weight_decay=decay)
    return optimiser
