# SPDX-License-Identifier: Apache-2.0
"""Windows without images: what would be read of their spheres is told to the first guess.

From readings to a chunk there is nothing to be seen, so `genima.act.readings` learns that from
many more windows than images can be drawn and looked at in the same time. What is told is off by
as much as what the network reads in the same step, reading by reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genima.act.auxiliary import AuxiliaryOutput, SphereView
from genima.act.config import ActConfig
from genima.act.normalisation import Normaliser
from genima.act.sphere_truth import sphere_view
from genima.act.variation import Variation
from genima.data.demonstration import Demonstration
from genima.data.targets import Windows
from genima.policy import Policy

#: Windows of each demonstrated step. They are made once, 0.6 ms each, and told again and again
#: with other errors.
_VARIANTS = 4


@dataclass(frozen=True, eq=False)
class Told:
    """Some windows.

    Attributes:
        spheres: What is drawn in each view.
        state: Joint positions, normalised, and the gripper, as of `ActInput`.
        joints: Normalised actions.
        gripper_open: 1 open, 0 closed.
        padded: Actions that do not count.
    """

    spheres: SphereView
    state: Float[Tensor, "n 8"]
    joints: Float[Tensor, "n k 7"]
    gripper_open: Float[Tensor, "n k"]
    padded: Bool[Tensor, "n k"]

    def values(self, read: AuxiliaryOutput, truth: SphereView) -> Float[Tensor, "n c r"]:
        """What the network would read, as `AuxiliaryOutput.values`.

        Each reading of a visible sphere is as wrong as that of the same sphere in the same view in
        a window that was truly looked at; of one that is not visible it is what was read there.

        Args:
            read: Of a batch that was looked at.
            truth: What is drawn in that batch.
        """
        seen = self.spheres.visible
        alike = (seen[:, None] == truth.visible).permute(0, 2, 3, 1).float()  # n c s b
        none = alike.sum(dim=-1) == 0
        chosen = torch.multinomial((alike + none[..., None]).flatten(0, 2), 1)
        row = chosen.view(seen.shape)
        each = torch.arange(seen.shape[1], device=row.device)[:, None]
        sphere = torch.arange(seen.shape[2], device=row.device)
        example = _geometry(read)[row, each, sphere]
        error = example - _geometry(truth)[row, each, sphere]
        exact = none[..., None]
        visible = _geometry(self.spheres) + error.masked_fill(exact, 0.0)
        values = torch.where(seen[..., None], visible, example.masked_fill(exact, 0.0))
        chance = torch.sigmoid(read.visible_logit.float())[row, each, sphere]
        chance = torch.where(none, seen.float(), chance)
        parts = (values[..., :2].flatten(2), values[..., 2], values[..., 3:].flatten(2), chance)
        return torch.cat(parts, dim=-1)


def _geometry(of: AuxiliaryOutput | SphereView) -> Float[Tensor, "b c 4 6"]:
    return torch.cat([of.pixel, of.log_depth[..., None], of.axis], dim=-1).detach().float()


class ToldWindows:
    """Varied windows of some demonstrations, to be chosen from by chance.

    Args:
        demonstrations: Their images are not looked at.
        policy: Cameras and time scale.
        config: How windows are varied; the drawing's own errors are among what is read.
        normaliser: Of the network, on its device.
        seed: Of all chance in the windows.
    """

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        policy: Policy,
        config: ActConfig,
        normaliser: Normaliser,
        seed: int,
    ) -> None:
        vary, rng = Variation(config, policy.step_s), np.random.default_rng(seed)
        windows, views = [], []
        for steps in _VARIANTS * [Windows(one, policy) for one in demonstrations]:
            windows += (varied := [vary(step, rng) for step in steps])
            views += [sphere_view(one, steps.cameras, policy.sphere_radii_m) for one in varied]
        self._spheres = SphereView.stacked(views)
        self._q = torch.from_numpy(np.stack([one.q for one in windows])).float()
        self._open = torch.tensor([float(one.gripper_open) for one in windows])
        self._chunk = torch.from_numpy(np.stack([one.q_chunk for one in windows])).float()
        self._gripper = torch.from_numpy(np.stack([one.gripper_chunk for one in windows])).float()
        self._padded = torch.from_numpy(np.stack([one.padded for one in windows]))
        self._normaliser = normaliser

    def draw(self, count: int, device: torch.device) -> Told:
        """Some windows, by the chance of torch's own generator."""
        rows = torch.randint(len(self._q), (count,))
        q = self._q[rows].to(device)
        return Told(
            self._spheres.at(rows).to(device),
            self._normaliser.state(q, self._open[rows].to(device)),
            self._normaliser.joints(self._chunk[rows].to(device), q),
            self._gripper[rows].to(device),
            self._padded[rows].to(device),
        )
