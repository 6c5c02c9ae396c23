# SPDX-License-Identifier: Apache-2.0
"""What the training minimises: L1 on joints, cross-entropy on the gripper, KL, spheres."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from genima.act.auxiliary import SphereView
from genima.act.config import ActConfig
from genima.act.model import ActOutput, Latent
from genima.act.told import Told


@dataclass(frozen=True, eq=False)
class Losses:
    """The parts, not weighted, and their weighted sum.

    Attributes:
        joints: Mean absolute error of normalised joint actions.
        gripper: Cross-entropy of the gripper.
        kl: Of the CVAE's posterior to a unit normal; 0 without one.
        auxiliary: Of all that was read of the spheres; 0 if nothing was.
        told: As of joints and gripper, of the first guess of windows that were told.
        total: What is minimised.
    """

    joints: Float[Tensor, ""]
    gripper: Float[Tensor, ""]
    kl: Float[Tensor, ""]
    auxiliary: Float[Tensor, ""]
    told: Float[Tensor, ""]
    total: Float[Tensor, ""]


def losses(
    output: ActOutput,
    joints: Float[Tensor, "b k 7"],
    gripper_open: Float[Tensor, "b k"],
    padded: Bool[Tensor, "b k"],
    spheres: SphereView | None,
    told: Told | None,
    config: ActConfig,
) -> Losses:
    """Compare chunks with demonstrated ones; padded steps do not count.

    Args:
        output: The network's.
        joints: Normalised actions.
        gripper_open: 1 open, 0 closed.
        padded: Steps behind the end of the demonstration.
        spheres: What was drawn, for the auxiliary head.
        told: The windows that were told.
        config: The weights.
    """
    joint_loss, gripper_loss = _of_chunks(
        output.joints, output.gripper_logit, joints, gripper_open, padded
    )
    kl = joint_loss.new_zeros(()) if output.latent is None else _kl(output.latent)
    auxiliary = joint_loss.new_zeros(())
    if spheres is not None:
        for read in output.auxiliary:
            auxiliary = auxiliary + read.loss(spheres)
    guess = joint_loss.new_zeros(())
    if told is not None and output.guess is not None:
        of_told = _of_chunks(
            output.guess[..., :7],
            output.guess[..., 7],
            told.joints,
            told.gripper_open,
            told.padded,
        )
        guess = of_told[0] + config.gripper_weight * of_told[1]
    total = (
        joint_loss
        + config.gripper_weight * gripper_loss
        + config.kl_weight * kl
        + config.auxiliary_weight * auxiliary
        + guess
    )
    return Losses(joint_loss, gripper_loss, kl, auxiliary, guess, total)


def _of_chunks(
    joints: Float[Tensor, "b k 7"],
    gripper_logit: Float[Tensor, "b k"],
    wanted: Float[Tensor, "b k 7"],
    gripper_open: Float[Tensor, "b k"],
    padded: Bool[Tensor, "b k"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Errors of the joints and of the gripper."""
    there = (~padded).to(joints.dtype)
    steps = there.sum().clamp(min=1.0)
    gripper = nn.functional.binary_cross_entropy_with_logits(
        gripper_logit, gripper_open, reduction="none"
    )
    joint = (joints - wanted).abs().mean(-1)
    return (joint * there).sum() / steps, (gripper * there).sum() / steps


def _kl(latent: Latent) -> Float[Tensor, ""]:
    """Summed over dimensions, averaged over the batch."""
    mean, log_variance = latent.mean, latent.log_variance
    return -0.5 * (1.0 + log_variance - mean.square() - log_variance.exp()).sum(-1).mean()
