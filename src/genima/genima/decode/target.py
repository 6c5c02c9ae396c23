# SPDX-License-Identifier: Apache-2.0
"""What decoding a drawn tile gives."""

from dataclasses import dataclass
from enum import Enum

from genima.arrays import Array, Float


class Verdict(Enum):
    """What a consumer may conclude about a drawn tile."""

    OK = "ok"
    NO_SPHERES = "no spheres"
    IMPOSSIBLE = "the spheres belong to no configuration of the arm"
    POOR_FIT = "the drawing fits badly"


@dataclass(frozen=True, eq=False)
class DecodedTarget:
    """The configuration that a tile shows.

    Attributes:
        q: Joint positions within the limits [rad]; None where no sphere was found.
        gripper_open: Whether the gripper is to be open; without meaning where `q` is None.
        verdict: Whether to act on it.
        fit: Agreement of the drawing with the spheres of `q`, 0 to 1.
        residual_px: Median distance of the drawn outlines and stripes from those of `q` [px].
        sphere_centers: Centres of the spheres of `q` in the base [m]; NaN where `q` is None.
    """

    q: "Float[Array, '7'] | None"
    gripper_open: bool
    verdict: Verdict
    fit: float
    residual_px: float
    sphere_centers: "Float[Array, '4 3']"

    @property
    def usable(self) -> bool:
        """Whether the arm may be moved to `q`."""
        return self.verdict is Verdict.OK
