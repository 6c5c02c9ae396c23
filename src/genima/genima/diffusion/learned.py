# SPDX-License-Identifier: Apache-2.0
"""Draws with a trained model: GENIMA's first stage."""

import torch

from genima.cameras import CameraRig
from genima.diffusion.agent import Drawing, DrawRequest
from genima.diffusion.conditioning import ArmState
from genima.diffusion.drawer import Drawer
from genima.errors import DrawingError, PolicyError
from genima.policy import Policy
from genima.tiles import tile_images

#: What a model is trained for. The order of the cameras counts, and so does the prompt.
_TRAINED_FOR = ("cameras", "horizon_steps", "step_s", "prompt_template")


class LearnedAgent:
    """Draws what a model has learned.

    Args:
        drawer: The model.
        rig: The cameras as the images show them: squared to the policy's image size.
        name: Of the model, for the messages.
    """

    def __init__(self, drawer: Drawer, rig: CameraRig, name: str) -> None:
        self._drawer = drawer
        self._rig = rig
        self._name = name

    def draw(self, request: DrawRequest) -> Drawing:
        """Draw where the arm should be.

        Raises:
            DrawingError: The device is out of memory.
        """
        if fault := self._unknown(request.instruction):
            # Words that it never learned still draw something.
            tile = tile_images(dict(request.images), self._drawer.config.policy.cameras)
            return Drawing(tile, self._name, fault=fault)
        views = self._rig.views(request.q)
        arm = ArmState(request.q, request.gripper_open, views)
        try:
            tile = self._drawer.draw(request.images, arm, request.instruction, request.seed)
            fault = self._drawer.contradiction(request.images, arm)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            reason = str(error).partition(".")[0]
            raise DrawingError(
                f"the drawing model is out of memory ({reason}); end what else uses the device, "
                "or give fewer pixels or a smaller decoder"
            ) from error
        remark = ""
        if self._drawer.cut_off(request.instruction):
            remark = (
                f"the instruction is too long, the model does not see its end: "
                f"{request.instruction!r}; say it in fewer words"
            )
        return Drawing(tile, self._name, remark, fault)

    def _unknown(self, instruction: str) -> str:
        """What is wrong with an instruction that the model does not know; empty if it does."""
        known = self._drawer.config.goals
        if not known or _as_read(instruction) in map(_as_read, known):
            return ""
        return (
            f"the model {self._name} does not know the instruction {instruction!r}; it knows: "
            f"{', '.join(known)}"
        )


def _as_read(instruction: str) -> str:
    """As tokenizers see it: neither capitals nor the number of blanks matter."""
    return " ".join(instruction.lower().split())


def require_trained_for(policy: Policy, drawer: Drawer) -> None:
    """Refuse a model that was trained for another policy.

    Raises:
        PolicyError: Which of its values differs, and both of them.
    """
    trained = drawer.config.policy
    for name in _TRAINED_FOR:
        _require_same(name, getattr(trained, name), getattr(policy, name))
    radii = [
        {name: used.sphere_radii_m[name] for name in sorted(policy.cameras)}
        for used in (trained, policy)
    ]
    _require_same("sphere_radii_m", *radii)


def _require_same(name: str, trained: object, wanted: object) -> None:
    if trained != wanted:
        raise PolicyError(
            f"drawing model: it was trained with {name} {trained}, the policy has {wanted}; use a "
            "model and a policy that belong together"
        )
