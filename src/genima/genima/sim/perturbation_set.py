# SPDX-License-Identifier: Apache-2.0
"""Makes a scene different by factors, each with a random source of its own.

A factor therefore looks the same with a seed whichever others are there, and the objects of the
task lie where they would without any.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import mujoco
import numpy as np

from genima.sim.perturbation import Perturbation, PlacedScene
from genima.sim.perturbation_distractors import Distractors
from genima.sim.perturbation_looks import (
    BackgroundTexture,
    CameraPoses,
    LightColours,
    ObjectColours,
    TableTexture,
)
from genima.sim.scenery import Factor

_KINDS: Mapping[Factor, type[Perturbation]] = MappingProxyType(
    {
        Factor.OBJECT_COLOR: ObjectColours,
        Factor.DISTRACTORS: Distractors,
        Factor.LIGHT: LightColours,
        Factor.TABLE_TEXTURE: TableTexture,
        Factor.BACKGROUND_TEXTURE: BackgroundTexture,
        Factor.CAMERA_POSE: CameraPoses,
    }
)


class Perturbations:
    """The factors of one episode.

    Args:
        factors: Which.
        entropy: What makes this episode this one: its seed and variation.
    """

    def __init__(self, factors: Sequence[Factor], entropy: Sequence[int]) -> None:
        self._drawn = [
            (_KINDS[factor](), np.random.default_rng([*entropy, 1 + order]))
            for order, factor in enumerate(Factor)
            if factor in factors
        ]

    def add(self, spec: mujoco.MjSpec) -> None:
        """Add to a scene what it lacks, before it is compiled."""
        for perturbation, rng in self._drawn:
            perturbation.add(spec, rng)

    def change(self, scene: PlacedScene) -> None:
        """Change what is there, once the task's objects have been placed."""
        for perturbation, rng in self._drawn:
            perturbation.change(scene, rng)
