# SPDX-License-Identifier: Apache-2.0
"""A lossless stand-in for an image autoencoder: squares of pixels become channels."""

from types import SimpleNamespace
from typing import Any

import torch
from diffusers import ConfigMixin
from diffusers.configuration_utils import register_to_config
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle


class PatchVAE(nn.Module, ConfigMixin):  # type: ignore[misc]
    """Packs `patch_px` x `patch_px` pixels into one, without weights and without loss.

    It answers to what the pipelines of diffusers ask of an AutoencoderKL. Images lie between -1
    and 1.

    Args:
        patch_px: Side of the squares, a power of 2 [px].
        block_out_channels: Only its length counts: the pipelines take from it how much smaller
            latents are than images.
        scaling_factor: What latents are multiplied with.
    """

    config_name: Any = "config.json"
    _place: Tensor

    @register_to_config
    def __init__(
        self,
        patch_px: int = 8,
        block_out_channels: tuple[int, ...] = (1, 1, 1, 1),
        scaling_factor: float = 1.0,
        latent_channels: int = 192,
        force_upcast: bool = False,
        shift_factor: float | None = None,
    ) -> None:
        super().__init__()
        self.patch_px = patch_px
        self.register_buffer("_place", torch.zeros(()), persistent=False)

    @classmethod
    def of(cls, patch_px: int, latent_channels: int = 0) -> "PatchVAE":
        """One for squares of this side.

        Args:
            patch_px: The side [px].
            latent_channels: For latents of that size that are no pictures.
        """
        levels = (1,) * patch_px.bit_length()
        return cls(patch_px, levels, latent_channels=latent_channels or 3 * patch_px**2)

    @property
    def dtype(self) -> torch.dtype:
        """Of its latents."""
        return self._place.dtype

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._place.device

    def encode(self, images: Float[Tensor, "b 3 h w"]) -> SimpleNamespace:
        """As an AutoencoderKL: the result's `latent_dist` has `sample()` and `mode()`."""
        latents = pixel_unshuffle(images, self.patch_px)
        certain = SimpleNamespace(sample=lambda generator=None: latents, mode=lambda: latents)
        return SimpleNamespace(latent_dist=certain)

    def decode(
        self, latents: Float[Tensor, "b c h w"], return_dict: bool = True, generator: object = None
    ) -> SimpleNamespace | tuple[Float[Tensor, "b 3 h w"]]:
        """As an AutoencoderKL."""
        images = pixel_shuffle(latents, self.patch_px)
        return SimpleNamespace(sample=images) if return_dict else (images,)
