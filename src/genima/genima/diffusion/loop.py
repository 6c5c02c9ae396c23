# SPDX-License-Identifier: Apache-2.0
"""The denoising loop: what does not depend on the step is worked out before it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genima.diffusion.heads import change_target
from genima.diffusion.network import Conditioning, DrawNetwork, Prediction
from genima.diffusion.prompt import Prompt
from genima.diffusion.schedule import Schedule


@dataclass(frozen=True, eq=False)
class Denoised:
    """What comes out of the loop.

    Attributes:
        latent: The clean latent, in single precision.
        last: What the network said in the last step.
    """

    latent: Float[Tensor, "b c h w"]
    last: Prediction


class DenoisingLoop:
    """Takes noise to a clean latent, without guidance and without a scheduler at hand.

    Args:
        network: Predicts.
        schedule: The steps.
        device: Where to compute.
    """

    def __init__(self, network: DrawNetwork, schedule: Schedule, device: torch.device) -> None:
        self._network = network
        self._schedule = schedule
        steps = schedule.steps
        self._timesteps = [torch.tensor([step.timestep], device=device) for step in steps]
        self._alphas = [torch.tensor([step.alpha], device=device) for step in steps]

    def __call__(
        self, conditioning: Conditioning, noise: Float[Tensor, "n b c h w"], prompt: Prompt
    ) -> Denoised:
        """Draw.

        Args:
            conditioning: What to draw from.
            noise: The first one, then one for each step; in single precision.
            prompt: What to draw.
        """
        network, given = self._network, self._network.config.target
        guidance = network.guidance(conditioning)
        sample = noise[0] * self._schedule.start
        for number, step in enumerate(self._schedule.steps):
            noisy = sample * step.scale
            timestep = self._timesteps[number]
            seen = noisy.to(network.unet.dtype)
            prediction = network.predict(seen, timestep, guidance, prompt)
            predicted = change_target(
                prediction.target.float(),
                noisy,
                self._alphas[number],
                given,
                self._schedule.target,
            )
            sample = step.keep * sample + step.add * predicted
            if step.fresh:
                sample = sample + step.fresh * noise[number + 1]
        return Denoised(sample, prediction)
