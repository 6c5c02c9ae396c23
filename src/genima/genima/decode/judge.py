# SPDX-License-Identifier: Apache-2.0
"""How well a configuration explains a drawing."""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float, Int, UInt8
from genima.decode.body import centres_and_axes
from genima.decode.palette import Label
from genima.decode.scene import Sampler, Scene
from genima.decode.stripes import match

_SAMPLES = 160
# The rim of a sphere is left out, and what lies next to the edge of a stripe: there a pixel may be
# of either colour however good the configuration.
_REACH = 0.9
_MARGIN_PX = 0.75
# Fewer samples than this say nothing about a sphere.
_MIN_COUNT = 12
_GRIPPER = 3


def sphere_labels(gripper_open: bool) -> UInt8[Array, "4"]:
    """Colours of the four spheres."""
    gripper = Label.OPEN if gripper_open else Label.CLOSED
    return np.array([Label.BASE, Label.ELBOW, Label.WRIST, gripper], np.uint8)


@dataclass(frozen=True, eq=False)
class Judgement:
    """Agreement of one configuration with a drawing.

    Attributes:
        shares: Share of the samples on each sphere that have the colour they should, 0 to 1.
        counts: Number of samples on each sphere that are in view.
    """

    shares: Float[Array, "4"]
    counts: Int[Array, "4"]

    @property
    def fit(self) -> float:
        """Agreement of the worst sphere that is in view, 0 to 1.

        The worst and not the mean: one sphere in the wrong place is a wrong configuration.
        """
        told = self.counts > _MIN_COUNT
        # Two spheres do not make an arm, and a hand that no camera sees may be anywhere.
        enough = told[_GRIPPER] and told.sum() > 2
        return float(self.shares[told].min()) if enough else 0.0

    @property
    def rank(self) -> float:
        """For comparing configurations: also of two with the same worst sphere one is better."""
        told = self.counts > _MIN_COUNT
        return self.fit + float(self.shares[told].mean()) if told.any() else 0.0


class Judge:
    """Compares configurations with the labelled images.

    Args:
        scene: The drawing.
    """

    def __init__(self, scene: Scene) -> None:
        self._sampler = Sampler(scene, _SAMPLES, _REACH)

    def __call__(self, q: Float[Array, "7"], gripper_open: bool) -> Judgement:
        """Judge one configuration [rad]."""
        centres, axes = centres_and_axes(q[None])
        samples = self._sampler(centres)
        shares, counts = match(samples, axes, sphere_labels(gripper_open), _MARGIN_PX)
        return Judgement(shares[0], counts[0].astype(int))
