# SPDX-License-Identifier: Apache-2.0
"""The learned controller behind the controller node's interface, and a check of what it plans."""

import numpy as np

from genima.act.predictor import ActPredictor
from genima.arrays import Array, UInt8
from genima.control.planner import Plan, Seen, refused
from genima.decode import TargetDecoder


class ActPlanner:
    """Predicts the chunk, and compares its end with what is drawn.

    The comparison is made by `genima.decode`, which has learned nothing: a drawing that it cannot
    read is not followed, and a chunk that ends elsewhere than the drawing says comes with a
    warning. That is the paper's "controller fails to follow targets". A controller that was
    trained on camera images gets tiles without spheres; there is nothing to compare then.

    Args:
        predictor: The trained controller.
        decoder: Reads the drawing.
        tolerance_rad: How far apart the two may be at any joint [rad].
        check: Whether to compare at all; without, whatever is drawn is followed.
    """

    def __init__(
        self,
        predictor: ActPredictor,
        decoder: TargetDecoder,
        tolerance_rad: float,
        check: bool = True,
    ) -> None:
        self._predictor = predictor
        self._decoder = decoder
        self._tolerance_rad = tolerance_rad
        self._check = check and predictor.reads_spheres

    def plan(self, tile: UInt8[Array, "t t 3"], seen: Seen) -> Plan:
        """Read a drawn tile."""
        if not self._check:
            chunk = self._predictor.predict(tile, seen)
            return Plan(chunk.q[-1], bool(chunk.gripper_open[-1]), fit=-1.0, chunk=chunk)
        decoded = self._decoder.decode(tile, seen.q)
        if not decoded.usable or decoded.q is None:
            return refused(decoded)
        chunk = self._predictor.predict(tile, seen)
        warning = ""
        apart = np.abs(chunk.q[-1] - decoded.q)
        if apart.max() > self._tolerance_rad:
            joint = int(np.argmax(apart))
            warning = (
                f"the planned motion ends {np.rad2deg(apart[joint]):.1f} deg from the drawn "
                f"target at joint {joint + 1}; "
                f"{np.rad2deg(self._tolerance_rad):.0f} deg are expected"
            )
        return Plan(
            chunk.q[-1], bool(chunk.gripper_open[-1]), decoded.fit, chunk=chunk, warning=warning
        )
