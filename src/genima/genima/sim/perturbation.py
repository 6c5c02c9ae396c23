# SPDX-License-Identifier: Apache-2.0
"""What a factor is that makes a scene different from those that agents learn from."""

from dataclasses import dataclass

import mujoco
import numpy as np

from genima.arrays import Array, Float


@dataclass(frozen=True, eq=False)
class PlacedScene:
    """A compiled scene whose objects have been placed.

    Attributes:
        model: The compiled scene.
        data: Its state.
        way: Where the expert's TCP goes, in panda_link0 [m], (n, 3).
    """

    model: mujoco.MjModel
    data: mujoco.MjData
    way: Float[Array, "n 3"]


class Perturbation:
    """One factor in one episode."""

    def add(self, spec: mujoco.MjSpec, rng: np.random.Generator) -> None:
        """Add to a scene what it lacks, before it is compiled."""

    def change(self, scene: PlacedScene, rng: np.random.Generator) -> None:
        """Change what is there."""
