# SPDX-License-Identifier: Apache-2.0
"""What the training minimises: L1 on joints, cross-entropy on the gripper, KL, spheres."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from genima.act.auxiliary import SphereView
from genima.act.config import ActConfig
from genima.act.model import ActOutput, Latent


@dataclass(frozen=True, eq=False)
class Losses:
    """The parts, not weighted, and their weighted sum.

    Attributes:
        joints: Mean absolute error of normalised joint actions.
        gripper: Cross-entropy of the gripper.
        kl: Of the CVAE's posterior to a unit normal; 0 without one.
        auxiliary: Of all that was read of the spheres; 0 if nothing was.
        total: What is minimised.
    """

    joints: Float[Tensor, ""]
    gripper: Float[Tensor, ""]
    kl: Float[Tensor, ""]
    auxiliary: Float[Tensor, ""]
    total: Float[Tensor, ""]


def losses(
    output: ActOutput,
    joints: Float[Tensor, "b k 7"],
    gripper_open: Float[Tensor, "b k"],
    padded: Bool[Tensor, "b k"],
    spheres: SphereView | None,
    config: ActConfig,
) -> Losses:
    """Compare chunks with demonstrated ones; padded steps do not count.

    Args:
        output: The network's.
        joints: Normalised actions.
        gripper_open: 1 open, 0 closed.
        padded: Steps behind the end of the demonstration.
        spheres: What was drawn, for the auxiliary head.
        config: The weights.
    """
    there = (~padded).to(output.joints.dtype)
    steps = there.sum().clamp(min=1.0)
    joint_loss = ((output.joints - joints).abs().mean(-1) * there).sum() / steps
    gripper = nn.functional.binary_cross_entropy_with_logits(
        output.gripper_logit, gripper_open, reduction="none"
    )
    gripper_loss = (gripper * there).sum() / steps
    kl = joint_loss.new_zeros(()) if output.latent is None else _kl(output.latent)
    auxiliary = joint_loss.new_zeros(())
    if spheres is not None:
        for read in output.auxiliary:
            auxiliary = auxiliary + read.loss(spheres)
    total = (
        joint_loss
        + config.gripper_weight * gripper_loss
        + config.kl_weight * kl
        + config.auxiliary_weight * auxiliary
    )
    return Losses(joint_loss, gripper_loss, kl, auxiliary, total)


def _kl(latent: Latent) -> Float[Tensor, ""]:
    """Summed over dimensions, averaged over the batch."""
    mean, log_variance = latent.mean, latent.log_variance
    return -0.5 * (1.0 + log_variance - mean.square() - log_variance.exp()).sum(-1).mean()
