# SPDX-License-Identifier: Apache-2.0
"""Draws the targets of a simulated world's expert: the perfect diffusion agent."""

from collections.abc import Callable

from genima.cameras import CameraRig
from genima.diffusion.agent import Drawing, DrawRequest
from genima.policy import Policy
from genima.sim.world import ExpertChunk
from genima.spheres import draw_targets
from genima.tiles import tile_images


class OracleAgent:
    """Paints the expert's configuration K steps ahead on the live images.

    Args:
        policy: Tile layout, sphere radii and K.
        rig: The cameras as the images show them: squared to the policy's image size.
        ask_expert: Gives the expert's next K joint positions from the world's present state.
    """

    def __init__(
        self, policy: Policy, rig: CameraRig, ask_expert: Callable[[int], ExpertChunk]
    ) -> None:
        self._policy = policy
        self._rig = rig
        self._ask_expert = ask_expert

    def draw(self, request: DrawRequest) -> Drawing:
        """Draw the expert's target, with the wrist camera where it was for its image."""
        expert = self._ask_expert(self._policy.horizon_steps)
        drawn = draw_targets(
            request.images,
            expert.q[-1],
            bool(expert.gripper_open[-1]),
            self._rig.views(request.q),
            self._policy,
        )
        return Drawing(tile_images(drawn, self._policy.cameras), "oracle")
