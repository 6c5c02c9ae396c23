# SPDX-License-Identifier: Apache-2.0
"""The networks that draw, and the one way in which they are asked: training and drawing share it.

Latents are those of a variance preserving process, sqrt(a) x0 + sqrt(1 - a) noise with a from the
scheduler's `alphas_cumprod`; a scheduler that counts in sigmas scales its input to just that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from jaxtyping import Float, Int
from torch import Tensor, nn

from genima.diffusion.arm_view import ArmView
from genima.diffusion.conditioning import DrawInput
from genima.diffusion.config import DrawConfig, Output, Target
from genima.diffusion.ground import ground_seen
from genima.diffusion.heads import change_target, palette_image
from genima.diffusion.motion_head import MotionHead
from genima.diffusion.patch_vae import PatchVAE
from genima.diffusion.places import places_in, scores_of
from genima.diffusion.prompt import Prompt
from genima.diffusion.witness import Witness


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What a batch is drawn from.

    Attributes:
        pictures: Camera images, then the picture of the present spheres if the model takes one,
            0 to 1.
        state: Of the arm, as of `DrawInput`; None if the model takes none.
        arm: For `Output.SPHERES` alone.
        shown: Camera images for the witness to learn from, 0 to 1; in training alone.
    """

    pictures: Float[Tensor, "b 3*p h w"]
    state: Float[Tensor, "b 15"] | None = None
    arm: ArmView | None = None
    shown: Float[Tensor, "b 3 h w"] | None = None

    def tensors(self) -> list[Tensor]:
        """All that a drawing is made from, for `conditioning_from`."""
        state = [] if self.state is None else [self.state]
        arm = self.arm
        view = [] if arm is None else [arm.q, arm.cam_T_base, arm.lens]
        return [self.pictures, *state, *view]


@dataclass(frozen=True, eq=False)
class Guidance:
    """Conditioning in the form in which every denoising step takes it.

    Attributes:
        embedding: The ControlNet's embedding of the pictures, or their latents.
        camera_latent: Clean latent of the camera images, for `Output.RESIDUAL` alone.
        camera_image: Camera images, -1 to 1.
        state: As in `Conditioning`.
        arm: As in `Conditioning`.
        ground: What goes in in place of noise; for `Output.SPHERES` alone.
    """

    embedding: Float[Tensor, "b c h w"]
    camera_latent: Float[Tensor, "b c h w"] | None
    camera_image: Float[Tensor, "b 3 h w"]
    state: Float[Tensor, "b 15"] | None
    arm: ArmView | None = None
    ground: Float[Tensor, "b 4 h w"] | None = None


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network says of a noisy latent.

    Attributes:
        target: What `DrawConfig.target` names: noise, velocity or the clean latent.
        scores: Of each palette label at each pixel; None for other outputs.
        marks: Scores of where the arm is to go, as of `places`; None for other outputs.
        seen: What the witness says of `Conditioning.shown`.
    """

    target: Float[Tensor, "b c h w"]
    scores: Float[Tensor, "b 7 h w"] | None = None
    marks: Float[Tensor, "b 4 p n"] | None = None
    seen: Float[Tensor, "b 4 4 n"] | None = None


def conditioning_of(
    inputs: Sequence[DrawInput], config: DrawConfig, device: torch.device
) -> Conditioning:
    """Several inputs as one batch."""
    stacked = torch.from_numpy(np.concatenate([one.pictures for one in inputs])).to(device)
    pictures = stacked.permute(0, 3, 1, 2).float() / 255.0
    state = arm = None
    if config.state:
        repeats = len(inputs[0].pictures)  # without tiling, each camera of an input has its state
        states = np.repeat(np.stack([one.state for one in inputs]), repeats, axis=0)
        state = torch.from_numpy(states).to(device)
    if config.output is Output.SPHERES:
        rows = [(one.q, one.cam_T_base, one.lens) for one in inputs]
        columns = zip(*rows, strict=True)
        arm = ArmView(*(torch.from_numpy(np.stack(column)).to(device) for column in columns))
    return Conditioning(pictures, state, arm)


def conditioning_from(tensors: Sequence[Tensor], config: DrawConfig) -> Conditioning:
    """The inverse of `Conditioning.tensors`."""
    pictures, *others = tensors
    state = others.pop(0) if config.state else None
    return Conditioning(pictures, state, ArmView(*others) if others else None)


class DrawNetwork(nn.Module):
    """UNet, ControlNet if there is one, and autoencoder, of any size.

    Args:
        config: How they are put together.
        unet: Takes noisy latents, with `Guide.CONCAT` those of the pictures beside them.
        controlnet: Only for `Guide.CONTROLNET`.
        vae: An AutoencoderKL, an AutoencoderTiny or a `PatchVAE`.
        witness: Only for `Output.SPHERES`.
        motion: Only for `Output.SPHERES`.
    """

    unet: Any  # of the classes named below, which torch's Module would hide from type checkers
    controlnet: Any
    vae: Any
    witness: Any
    motion: Any

    def __init__(
        self,
        config: DrawConfig,
        unet: UNet2DConditionModel,
        controlnet: ControlNetModel | None,
        vae: Any,
        witness: Witness | None = None,
        motion: MotionHead | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.unet = unet
        self.controlnet = controlnet
        self.vae = vae
        self.witness = witness
        self.motion = motion
        if controlnet is not None:
            self.controlnet.controlnet_cond_embedding.__class__ = _EmbedOnce

    def forward(
        self,
        noisy: Float[Tensor, "b c h w"],
        timestep: Int[Tensor, "b"],
        conditioning: Conditioning,
        prompt: Prompt,
    ) -> Prediction:
        """The whole way, as training takes it."""
        prediction = self.predict(noisy, timestep, self.guidance(conditioning), prompt)
        if conditioning.shown is None:
            return prediction
        return replace(prediction, seen=self.witness(conditioning.shown))

    def guidance(self, conditioning: Conditioning) -> Guidance:
        """What is the same in all steps of one drawing."""
        pictures = conditioning.pictures.to(self.unet.dtype)
        scaled = 2.0 * pictures - 1.0
        camera_image = scaled[:, :3]
        camera_latent = None
        if self.config.output is Output.RESIDUAL:
            camera_latent = self.encode(camera_image)
        if self.controlnet is not None:
            embedding = self.controlnet.controlnet_cond_embedding(pictures)
        else:  # the pipelines do not scale these latents
            latents = [_mode(self.vae.encode(part)) for part in scaled.split(3, dim=1)]
            embedding = torch.cat(latents, dim=1)
        state = conditioning.state
        state = None if state is None else state.to(self.unet.dtype)
        arm, ground = conditioning.arm, None
        if arm is not None:
            side = pictures.shape[-1] // self.latent_px // 2
            ground = ground_seen(arm, side).to(self.unet.dtype)
        return Guidance(embedding, camera_latent, camera_image, state, arm, ground)

    def predict(
        self,
        noisy: Float[Tensor, "b c h w"],
        timestep: Int[Tensor, "b"],
        guidance: Guidance,
        prompt: Prompt,
    ) -> Prediction:
        """One denoising step's question."""
        common: dict[str, Any] = {
            "encoder_hidden_states": prompt.hidden,
            "added_cond_kwargs": prompt.added,
            "class_labels": guidance.state,
            "return_dict": False,
        }
        if guidance.ground is not None:
            noisy = guidance.ground  # one step from nothing: what noise could tell is no answer
        if self.controlnet is None:
            joined = torch.cat([noisy, guidance.embedding], dim=1)
            return self._headed(self.unet(joined, timestep, **common)[0], guidance, prompt)
        down, middle = self.controlnet(
            noisy, timestep, controlnet_cond=guidance.embedding, **common
        )
        raw = self.unet(
            noisy,
            timestep,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            **common,
        )[0]
        return self._headed(raw, guidance, prompt)

    def _headed(
        self, raw: Float[Tensor, "b c h w"], guidance: Guidance, prompt: Prompt
    ) -> Prediction:
        if guidance.camera_latent is not None:
            return Prediction(raw + guidance.camera_latent)
        if self.config.output is Output.PALETTE:
            scores = nn.functional.pixel_shuffle(raw, self.vae.patch_px)
            image = palette_image(scores.float().softmax(dim=1), guidance.camera_image)
            return Prediction(self.encode(image.to(raw.dtype)), scores)
        if self.config.output is Output.SPHERES:
            arm, marks = guidance.arm, scores_of(raw)
            assert arm is not None  # of every model that does this
            ground = places_in(marks, arm).ground
            answer = self.motion(arm.q, guidance.state, ground, prompt.hidden)
            side = raw.shape[-2:]
            return Prediction(answer[..., None, None].expand(-1, -1, *side), marks=marks)
        return Prediction(raw)

    def clean(
        self,
        predicted: Float[Tensor, "b c h w"],
        noisy: Float[Tensor, "b c h w"],
        alpha: Float[Tensor, "b"],
    ) -> Float[Tensor, "b c h w"]:
        """The clean latent that a prediction stands for.

        Args:
            predicted: `Prediction.target`.
            noisy: What it was made from.
            alpha: The scheduler's `alphas_cumprod` at its time step.
        """
        return change_target(predicted, noisy, alpha, self.config.target, Target.SAMPLE)

    def encode(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Clean latents of images from -1 to 1, scaled as the UNet wants them."""
        return _mode(self.vae.encode(images)) * self.vae.config.scaling_factor

    def decode(self, latents: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h w"]:
        """Images from -1 to 1 of clean latents."""
        return decoded(self.vae, latents)

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return int(self.vae.config.latent_channels)

    @property
    def latent_px(self) -> int:
        """Pixels along one side of a latent's pixel."""
        if isinstance(self.vae, PatchVAE):
            return int(self.vae.patch_px)
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))


def decoded(vae: Any, latents: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h w"]:
    """Images from -1 to 1 of scaled latents, by an autoencoder."""
    images: Tensor = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]
    return images


class _EmbedOnce(ControlNetConditioningEmbedding):  # type: ignore[misc]
    """Lets pass what was embedded before, so that one embedding serves all steps."""

    def forward(self, conditioning: Tensor) -> Tensor:
        if conditioning.shape[1] == self.conv_out.out_channels:
            return conditioning
        # Squares of pixels as channels make the widest layer four times as cheap.
        side = math.isqrt(self.conv_in.in_channels // conditioning.shape[1])
        return super().forward(nn.functional.pixel_unshuffle(conditioning, side))


def _mode(encoded: Any) -> Tensor:
    """Of an AutoencoderKL's distribution; an AutoencoderTiny gives the latents themselves."""
    return encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
