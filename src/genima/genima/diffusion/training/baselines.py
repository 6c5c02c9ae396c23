# SPDX-License-Identifier: Apache-2.0
"""What a drawing must beat: guesses that know nothing of the scene."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.data.demonstration import Demonstration
from genima.data.targets import Windows
from genima.diffusion.conditioning import ArmState
from genima.policy import Policy
from genima.spheres import draw_targets
from genima.tiles import tile_images


@dataclass(frozen=True)
class PresentSpheres:
    """Draws where the arm is."""

    policy: Policy

    def draw(
        self, images: Mapping[str, UInt8[Array, "s s 3"]], arm: ArmState, goal: str, seed: int
    ) -> UInt8[Array, "t t 3"]:
        """Draw; goal and seed do not matter."""
        drawn = draw_targets(images, arm.q, arm.gripper_open, dict(arm.views), self.policy)
        return tile_images(drawn, self.policy.cameras)


class NearestStep:
    """Draws the target of the training step of the same instruction with the nearest positions.

    Args:
        demonstrations: To choose from; steps with another state of the gripper are not.
        policy: Cameras, spheres, K.
    """

    def __init__(self, demonstrations: Sequence[Demonstration], policy: Policy) -> None:
        self._policy = policy
        self._steps: dict[tuple[str, bool], list[tuple[Float[Array, "7"], Float[Array, "8"]]]] = {}
        for demonstration in demonstrations:
            for window in Windows(demonstration, policy):
                target = np.append(window.q_target, window.gripper_target)
                key = (demonstration.instruction, window.gripper_open)
                self._steps.setdefault(key, []).append((window.q, target))

    def draw(
        self, images: Mapping[str, UInt8[Array, "s s 3"]], arm: ArmState, goal: str, seed: int
    ) -> UInt8[Array, "t t 3"]:
        """Draw; images are only drawn upon, and the seed does not matter."""
        steps = self._steps.get((goal, arm.gripper_open)) or list(chain(*self._steps.values()))
        positions = np.stack([q for q, _ in steps])
        target = steps[int(np.linalg.norm(positions - arm.q, axis=1).argmin())][1]
        drawn = draw_targets(images, target[:7], target[7] > 0.5, dict(arm.views), self._policy)
        return tile_images(drawn, self._policy.cameras)
