# SPDX-License-Identifier: Apache-2.0
"""What is trained, as one module."""

from collections.abc import Sequence

from torch import Tensor, nn

from genima.diffusion.models import DrawModels
from genima.diffusion.network import Conditioning, Prediction


class Trainee(nn.Module):
    """Networks and text encoders as one module, so that one wrapper serves both.

    Args:
        models: What is trained.
    """

    def __init__(self, models: DrawModels) -> None:
        super().__init__()
        self.network, self.text = models.network, models.text
        self._prompt = models.config.policy.prompt

    def forward(
        self, noisy: Tensor, step: Tensor, conditioning: Conditioning, goals: Sequence[str]
    ) -> Prediction:
        """What the network says of noisy drawings."""
        prompt = self.text.encode([self._prompt(goal) for goal in goals])
        return self.network(noisy, step, conditioning, prompt)  # type: ignore[no-any-return]
