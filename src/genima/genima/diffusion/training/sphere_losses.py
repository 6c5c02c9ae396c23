# SPDX-License-Identifier: Apache-2.0
"""What a model that draws by joint positions is taught: places by images, motions by numbers."""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from genima.diffusion.motion_head import CHANNELS, answer_for
from genima.diffusion.network import Conditioning
from genima.diffusion.places import places_loss
from genima.diffusion.training.config import TrainConfig
from genima.diffusion.training.other_cameras import by_other_cameras
from genima.diffusion.training.samples import Samples
from genima.diffusion.training.told import Told
from genima.diffusion.training.trainee import Taught
from genima.diffusion.training.witness_loss import kinds, relit, spoiled, witness_loss

#: Errors below this count by their square, so that the last bit of noise does not matter.
_SMOOTH = 0.05
#: Time step of pure noise, with which one step of drawing begins.
_LAST_STEP = 999
#: Side of the noise from which cameras and spoiled images are drawn [px].
_NOISE_PX = 16


def sphere_losses(
    network: Callable[..., Taught],
    conditioning: Conditioning,
    samples: Samples,
    told: Told,
    config: TrainConfig,
    chance: torch.Generator,
) -> dict[str, Tensor]:
    """Let the network look at images, and move where it is told to.

    Args:
        network: A `Trainee`, perhaps wrapped for several processes.
        conditioning: The images, and where the arm is in them.
        samples: Where it is to go there.
        told: Other steps, without images.
        config: Weights.
        chance: Decides about everything random.

    Returns:
        The loss by the name `loss`, and its parts.
    """
    count, device = len(conditioning.pictures), conditioning.pictures.device
    shape = (2, count, CHANNELS, _NOISE_PX, _NOISE_PX)
    noise = torch.randn(shape, generator=chance, device=device)
    if config.camera_jitter:
        conditioning = by_other_cameras(conditioning, config.camera_jitter, noise[0])
    kind = kinds(count, chance)
    bright = relit(conditioning.pictures[:, :3], chance)
    conditioning = replace(conditioning, shown=spoiled(bright, kind, noise[1]))
    last = torch.full((count,), _LAST_STEP, device=device)
    nothing = torch.zeros(count, CHANNELS, 1, 1, device=device)
    taught = network(nothing, last, conditioning, samples.goals, told)
    marks, seen, arm = taught.prediction.marks, taught.prediction.seen, conditioning.arm
    assert marks is not None and seen is not None and arm is not None
    assert taught.answer is not None
    parts = _motion_losses(taught.answer, told)
    parts["places"] = places_loss(marks, samples.places.to(device), arm)
    parts["witness"] = witness_loss(seen, arm, kind)
    loss = parts["places"] + config.motion_weight * parts["motion"]
    loss = loss + config.gripper_weight * parts["gripper"]
    return {"loss": loss + config.witness_weight * parts["witness"], **parts}


def _motion_losses(answer: Float[Tensor, "n 8"], told: Told) -> dict[str, Tensor]:
    wanted = answer_for(told.q, told.q_target, told.gripper_open)
    joints = slice(0, CHANNELS - 1)
    motion = smooth_l1_loss(answer[:, joints], wanted[:, joints], beta=_SMOOTH)
    opened = told.gripper_open.to(answer.dtype)
    gripper = binary_cross_entropy_with_logits(answer[:, CHANNELS - 1], opened)
    return {"motion": motion, "gripper": gripper}
