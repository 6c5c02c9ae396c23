# SPDX-License-Identifier: Apache-2.0
"""How well a network predicts windows that it has not seen, in degrees."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from genima.act.images import standardise, values
from genima.act.language import LanguageEncoder
from genima.act.model import Act, ActInput
from genima.act.normalisation import Normaliser
from genima.act.samples import Batch
from genima.arrays import Array, Float


@dataclass(frozen=True, eq=False)
class ChunkErrors:
    """Mean errors over held-out windows.

    Attributes:
        joints_deg: Of each step and joint [deg].
        gripper_accuracy: Share of steps with the right gripper action.
        windows: How many windows.
    """

    joints_deg: Float[Array, "k 7"]
    gripper_accuracy: float
    windows: int

    @property
    def end_deg(self) -> float:
        """Mean over the joints at the last step [deg]."""
        return float(self.joints_deg[-1].mean())


@dataclass(frozen=True, eq=False)
class Validation:
    """How well held-out windows are predicted.

    Attributes:
        clean: As they were demonstrated.
        jittered: From a start beside the path; None where that cannot be seen.
    """

    clean: ChunkErrors
    jittered: ChunkErrors | None

    @property
    def summary(self) -> dict[str, float]:
        """The numbers that matter most, by the names that curves and checkpoints give them."""
        values = {
            "clean_end_deg": self.clean.end_deg,
            "gripper_accuracy": self.clean.gripper_accuracy,
        }
        if self.jittered is not None:
            values["jittered_end_deg"] = self.jittered.end_deg
        return values


@torch.inference_mode()
def chunk_errors(
    network: Act,
    batches: Iterable[Batch],
    normaliser: Normaliser,
    language: LanguageEncoder,
) -> ChunkErrors:
    """Measure a network in its state for use; padded steps do not count."""
    total, counted = torch.zeros(1, dtype=torch.double), torch.zeros(1, dtype=torch.double)
    right, windows = 0.0, 0
    for batch in batches:
        goals = torch.stack([language(goal) for goal in batch.instructions])
        images = standardise(values(batch.images))
        state = normaliser.state(batch.q, batch.gripper_open)
        output = network(ActInput(images, state, goals))
        positions = normaliser.positions(output.joints, batch.q)
        there = (~batch.padded).double()
        error = (positions - batch.q_chunk).abs().double()
        total = total + (error * there[..., None]).sum(dim=0)
        counted = counted + there.sum(dim=0)
        hits = (output.gripper_logit > 0) == (batch.gripper_chunk > 0.5)
        right += float((hits.double() * there).sum())
        windows += len(batch.q)
    joints_deg = np.rad2deg((total / counted[:, None]).numpy())
    return ChunkErrors(joints_deg, right / float(counted.sum()), windows)
