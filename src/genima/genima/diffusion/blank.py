# SPDX-License-Identifier: Apache-2.0
"""Draws nothing: for controllers that look at camera images, and to show that others do not."""

from genima.diffusion.agent import Drawing, DrawRequest
from genima.policy import Policy
from genima.tiles import tile_images


class BlankAgent:
    """Passes the camera images on as they are.

    Args:
        policy: Tile layout.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def draw(self, request: DrawRequest) -> Drawing:
        """Make a tile of the images."""
        return Drawing(tile_images(dict(request.images), self._policy.cameras), "blank")
