# SPDX-License-Identifier: Apache-2.0
"""What is trained, as one module."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genima.diffusion.models import DrawModels
from genima.diffusion.network import Conditioning, Prediction
from genima.diffusion.training.told import Told


@dataclass(frozen=True, eq=False)
class Taught:
    """What a network says in a step of its training.

    Attributes:
        prediction: Of what it is shown.
        answer: Of what it is told, by `MotionHead`; None if it is told nothing.
    """

    prediction: Prediction
    answer: Float[Tensor, "n 8"] | None = None


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
        self,
        noisy: Tensor,
        step: Tensor,
        conditioning: Conditioning,
        goals: Sequence[str],
        told: Told | None = None,
    ) -> Taught:
        """What the network says of noisy drawings, and of steps that it is told."""
        prompt = self.text.encode([self._prompt(goal) for goal in goals])
        prediction = self.network(noisy, step, conditioning, prompt)
        if told is None:
            return Taught(prediction)
        words = sorted(set(told.goals))
        hidden = self.text.encode([self._prompt(goal) for goal in words]).hidden
        row = torch.tensor([words.index(goal) for goal in told.goals], device=hidden.device)
        answer = self.network.motion(told.q, told.state, told.ground, hidden[row])
        return Taught(prediction, answer)
