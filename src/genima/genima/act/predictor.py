# SPDX-License-Identifier: Apache-2.0
"""A trained controller at work: a drawn tile in, a chunk out."""

from pathlib import Path

import numpy as np
import torch

from genima.act.checkpoint import ActCheckpoint
from genima.act.config import Input
from genima.act.images import standardise, values
from genima.act.language import LanguageEncoder
from genima.act.model import ActInput
from genima.act.normalisation import Normaliser
from genima.arrays import Array, UInt8
from genima.control.planner import PlannedChunk, Seen
from genima.errors import InvalidImage, PolicyError
from genima.intrinsics import square_image
from genima.policy import Policy
from genima.tiles import untile


class ActPredictor:
    """Predicts one chunk at a time. The same input gives the same chunk.

    Args:
        checkpoint: The trained controller.
        policy: Whose tiles it will read.
        text_model: Folder of the text model, for instructions that it was not trained on.
        device: Where to compute.

    Raises:
        PolicyError: It was trained for another policy.
    """

    def __init__(
        self,
        checkpoint: ActCheckpoint,
        policy: Policy,
        text_model: Path | None = None,
        device: str = "cpu",
    ) -> None:
        config, trained = checkpoint.config, checkpoint.policy
        _require_same("cameras", sorted(trained.cameras), sorted(policy.cameras))
        for name in ("horizon_steps", "step_s", "image_size_px"):
            _require_same(name, getattr(trained, name), getattr(policy, name))
        radii = [
            {name: used.sphere_radii_m[name] for name in sorted(policy.cameras)}
            for used in (trained, policy)
        ]
        _require_same("sphere_radii_m", *radii)
        self._config, self._policy, self._device = config, policy, torch.device(device)
        self._network = checkpoint.network().to(self._device)
        self._normaliser = Normaliser(checkpoint.statistics, config.actions, self._device)
        self._language = LanguageEncoder(config.language, text_model, checkpoint.goals)

    @property
    def reads_spheres(self) -> bool:
        """Whether it was trained on drawn spheres, rather than on plain camera images."""
        return self._config.input is not Input.CAMERAS

    def warm_up(self) -> None:
        """Predict once, so that the first prediction that counts is as fast as the others."""
        side = 2 * self._policy.image_size_px
        goal = next(iter(self._language.known), "push the button")
        self.predict(np.zeros((side, side, 3), np.uint8), Seen(np.zeros(7), True, goal))

    @torch.inference_mode()
    def predict(self, tile: UInt8[Array, "t t 3"], seen: Seen) -> PlannedChunk:
        """The chunk for a drawn tile.

        Raises:
            InvalidImage: The tile is not of the policy's size.
            MissingDependency, PolicyError: The instruction is new and cannot be embedded.
        """
        side = 2 * self._policy.image_size_px
        if tile.shape != (side, side, 3):
            raise InvalidImage(
                f"tile: got shape {tile.shape}, the policy's tiles have {(side, side, 3)}"
            )
        views = untile(tile, self._policy.cameras)
        size_px = self._config.source_size_px
        stacked = np.stack([square_image(views[name], size_px) for name in self._config.cameras])
        pixels = torch.from_numpy(stacked).permute(0, 3, 1, 2)[None].to(self._device)
        images = standardise(values(pixels))
        q_now = torch.tensor(seen.q, dtype=torch.float32, device=self._device)[None]
        gripper = torch.tensor([float(seen.gripper_open)], device=self._device)
        language = self._language(seen.instruction).to(self._device)[None]
        state = self._normaliser.state(q_now, gripper)
        output = self._network(ActInput(images, state, language))
        positions = self._normaliser.positions(output.joints, q_now)[0]
        return PlannedChunk(
            positions.double().cpu().numpy(), (output.gripper_logit[0] > 0).cpu().numpy()
        )


def _require_same(name: str, trained: object, wanted: object) -> None:
    if trained != wanted:
        raise PolicyError(
            f"controller: it was trained with {name} {trained}, the policy has {wanted}; use a "
            "controller and a policy that belong together"
        )
