# SPDX-License-Identifier: Apache-2.0
"""From a drawn tile to the joint configuration it shows."""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.cameras import CameraRig
from genima.decode.body import centres_and_axes
from genima.decode.palette import Reading
from genima.decode.pursuit import FAIR_FIT, Found, Pursuit
from genima.decode.scene import Sampler, Scene
from genima.decode.starts import Evidence, gather, starts
from genima.decode.target import DecodedTarget, Verdict
from genima.errors import InvalidCommand, InvalidImage
from genima.limits import JointLimits, RobotModel, limits_of
from genima.policy import Policy
from genima.tiles import untile

#: Drawings whose worst sphere agrees less than this are not acted on.
MIN_FIT = 0.8
# Below this the best configuration leaves a sphere out: it is not merely drawn badly.
_MISPLACED_FIT = 0.3
_SAMPLES = 40
_STARTS = 3


@dataclass(frozen=True, eq=False)
class _Result:
    found: Found | None
    evidence: Evidence


class TargetDecoder:
    """Decodes drawn tiles. Keeps nothing between calls: the same tile gives the same answer.

    Args:
        rig: The cameras.
        policy: Order and size of the images in the tile, radii of the spheres.
        limits: Joint limits; the Panda's by default.

    Raises:
        PolicyError: The rig's cameras are not the policy's.
    """

    def __init__(self, rig: CameraRig, policy: Policy, limits: JointLimits | None = None) -> None:
        policy.require_cameras([name for name in rig.cameras if name in policy.cameras])
        self._rig = rig
        self._policy = policy
        self._limits = limits_of(RobotModel.PANDA) if limits is None else limits

    def decode(self, tile: UInt8[Array, "2s 2s 3"], q_now: Float[Array, "7"]) -> DecodedTarget:
        """Find the configuration that a tile shows.

        Args:
            tile: Drawn RGB tile.
            q_now: Joint positions when its images were taken [rad], which say where the wrist
                camera was. Of two configurations that look the same, the closer one is taken.

        Raises:
            InvalidImage: The tile is not of the policy's size.
            InvalidCommand: `q_now` is not seven finite numbers.
        """
        size = 2 * self._policy.image_size_px
        if tile.shape != (size, size, 3):
            raise InvalidImage(
                f"tile of shape {tile.shape}: the policy's are ({size}, {size}, 3); resize it"
            )
        q_now = np.asarray(q_now, float)
        if q_now.shape != (7,) or not np.isfinite(q_now).all():
            raise InvalidCommand(f"q_now is {q_now}; give seven finite joint positions")
        best = None
        for reading in Reading:
            result = self._read(tile, q_now, reading)
            if best is None or _fit(result) > _fit(best):
                best = result
            if _fit(best) > FAIR_FIT:
                break
        assert best is not None  # there is at least one reading
        return _target(best)

    def _read(self, tile: UInt8[Array, "2s 2s 3"], q_now: Array, reading: Reading) -> _Result:
        images = untile(tile, self._policy.cameras)
        views = self._rig.views(q_now)
        scene = Scene.from_images(images, views, self._policy.sphere_radii_m, reading)
        sampler = Sampler(scene, _SAMPLES)
        evidence = gather(scene, sampler)
        pursuit = Pursuit(scene, sampler, self._limits)
        best = None
        for start in starts(evidence, sampler, self._limits)[:_STARTS]:
            found = pursuit.follow(start)
            if best is None or found.judgement.rank > best.judgement.rank:
                best = found
            if best.fit > FAIR_FIT:
                break
        if best is not None and best.fit > MIN_FIT:
            best = pursuit.settle_twin(best, q_now)
        return _Result(best, evidence)


def _fit(result: _Result) -> float:
    return 0.0 if result.found is None else result.found.fit


def _target(result: _Result) -> DecodedTarget:
    found = result.found
    if found is None or (found.fit < MIN_FIT and not result.evidence.convincing):
        verdict = Verdict.IMPOSSIBLE if result.evidence.convincing else Verdict.NO_SPHERES
        return DecodedTarget(None, True, verdict, 0.0, float("inf"), np.full((4, 3), np.nan))
    verdict = Verdict.OK
    if found.fit < MIN_FIT:
        verdict = Verdict.IMPOSSIBLE if found.fit < _MISPLACED_FIT else Verdict.POOR_FIT
    centres, _ = centres_and_axes(found.q)
    return DecodedTarget(
        found.q, found.gripper_open, verdict, found.fit, found.residual_px, centres
    )
