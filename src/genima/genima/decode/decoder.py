# SPDX-License-Identifier: Apache-2.0
"""From a drawn tile to the joint configuration it shows."""

from dataclasses import replace
from itertools import product
import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.cameras import CameraRig
from genima.decode.body import body_at, centres_and_axes
from genima.decode.chain import twin, with_hand_flipped, with_wrist_axes
from genima.decode.palette import Label
from genima.decode.refine import edge_rays, refine
from genima.decode.scene import Sampler, Scene
from genima.decode.snap import snapped
from genima.decode.starts import Start, gather, sphere_labels, starts
from genima.decode.stripes import match, read_axes, read_turn, signs_of
from genima.decode.target import DecodedTarget, Verdict
from genima.limits import JointLimits, RobotModel, limits_of
from genima.policy import Policy
from genima.tiles import untile

_START_SAMPLES = 40
_FIT_SAMPLES = 160
_TURNS = np.linspace(-np.pi, np.pi, 120, endpoint=False)
_OUTLINE_SCALES = (6.0, 4.0, 3.0, 2.0, 1.5)
_STRIPE_SCALES = (4.0, 3.0, 2.0, 1.5, 1.0, 1.0)
_TRIED = 3
_ROUNDS = 2
_CLEAR_SHARE = 0.98
_CLEAR_COUNT = 85
_TWIN_GAIN = 0.03
_GOOD = 0.93


class TargetDecoder:
    def __init__(self, rig: CameraRig, policy: Policy, limits: JointLimits | None = None) -> None:
        self._rig = rig
        self._policy = policy
        self._limits = limits or limits_of(RobotModel.PANDA)

    def decode(self, tile: UInt8[Array, "2s 2s 3"], q_now: Float[Array, "7"]) -> DecodedTarget:
        images = untile(tile, self._policy.cameras)
        views = self._rig.views(q_now)
        found = self.decode_images(images, views, q_now)
        if found.fit < 0.8:
            blended = self.decode_images(images, views, q_now, True)
            if blended.fit > found.fit: found = blended
        return found

    def decode_images(self, images, views, q_now, blended=False, debug=None):
        scene = Scene.from_images(images, views, self._policy.sphere_radii_m, blended)
        sampler = Sampler(scene, _START_SAMPLES)
        judge = Sampler(scene, _FIT_SAMPLES, 0.9)
        best = None
        for start in starts(gather(scene, sampler), sampler, self._limits)[:_TRIED]:
            found = self._follow(scene, sampler, judge, start)
            if debug is not None: debug.append((start, found))
            if best is None or found.fit > best.fit:
                best = found
            if best.fit > _GOOD:
                break
        if best is None:
            return DecodedTarget(None, True, Verdict.NO_SPHERES, 0.0, float("inf"), np.full((4, 3), np.nan))
        best = self._untwinned(best, scene, judge, q_now)
        return replace(best, verdict=Verdict.OK if best.fit > 0.8 else Verdict.POOR_FIT)

    def _follow(self, scene: Scene, sampler: Sampler, judge, start: Start) -> DecodedTarget:
        q, best = start.q, None
        for round_ in range(_ROUNDS):
            rays = edge_rays(scene, centres_and_axes(q)[0], start.gripper_open)
            q = refine(rays, q, self._limits, _OUTLINE_SCALES, with_stripes=False).q
            q = self._with_hand(q, start.gripper_open, sampler, round_ > 0)
            found = self._finished(scene, judge, q, start.gripper_open)
            q, fit = found.q, found.fit
            if best is None or fit > best.fit: best = found
            if fit > _GOOD: break
        return best

    def _untwinned(self, found, scene, judge, q_now):
        """Base sphere hidden or half hidden: is it the other configuration with the same spheres?"""
        share, count = self._shares(found, judge)
        if share[0] > _CLEAR_SHARE and count[0] > _CLEAR_COUNT: return found
        other = twin(found.q)
        if not self._limits.within(other): return found
        other = self._finished(scene, judge, other, found.gripper_open)
        other_share, _ = self._shares(other, judge)
        gain = other_share[0] - share[0] if count[0] else 0.0
        if abs(gain) < _TWIN_GAIN:
            gain = np.abs(found.q - q_now).max() - np.abs(other.q - q_now).max()
        return other if gain > 0 and other.fit > found.fit - _TWIN_GAIN else found

    def _shares(self, found, judge):
        centres, axes = centres_and_axes(found.q[None])
        share, count = match(judge(centres), axes, sphere_labels(found.gripper_open), 0.75)
        return share[0], count[0]

    def _finished(self, scene, judge, q, gripper_open):
        rays = edge_rays(scene, centres_and_axes(q)[0], gripper_open)
        refined = refine(rays, q, self._limits, _STRIPE_SCALES, with_stripes=True)
        q = refined.q
        centres, axes = centres_and_axes(q[None])
        share, count = match(judge(centres), axes, sphere_labels(gripper_open), 0.75)
        fit = float(share[0][count[0]>12].min())
        return DecodedTarget(q, gripper_open, Verdict.OK, fit, refined.residual_px, centres[0])

    def _with_hand(self, q, gripper_open: bool, sampler: Sampler, thorough):
        """Read joints 5 to 7 from the stripes of wrist and gripper sphere."""
        label_of = sphere_labels(gripper_open)
        centres, _ = centres_and_axes(q[None])
        samples = sampler(centres)
        signs = signs_of(samples.labels[0, 2], samples.seen[0, 2], Label.WRIST).ravel()
        axes, _ = read_axes(samples.normals[0, 2].reshape(-1, 3), signs)
        options = q[None]
        if thorough:
            options = np.concatenate([options, self._snapped(q, samples, label_of)])
        if len(axes):
            options = np.concatenate([options, with_wrist_axes(q, axes)])
        options = np.concatenate([options, with_hand_flipped(options[:1])])
        options = options[self._limits.within(options, -0.1)]
        options = self._limits.clamp(options)
        options[:, 6] = 0
        turned = options.copy()
        turned[:, 6] = np.pi / 2
        centres, axes = centres_and_axes(options)
        _, axes90 = centres_and_axes(turned)
        samples = sampler(centres)
        allowed = _TURNS[(_TURNS > self._limits.q_min[6]) & (_TURNS < self._limits.q_max[6])]
        for i in range(len(options)):
            signs = signs_of(samples.labels[i, 3], samples.seen[i, 3], label_of[3]).ravel()
            normals = samples.normals[i, 3].reshape(-1, 3)
            agreement = read_turn(normals, signs, axes[i, 3], axes90[i, 3], allowed)
            options[i, 6] = allowed[np.argmax(agreement)]
        _, axes = centres_and_axes(options)
        share, _ = match(samples, axes, label_of)
        return options[np.argmax(share.sum(axis=1))]

    def _snapped(self, q, samples, label_of):
        modes = []
        for k in range(3):
            signs = signs_of(samples.labels[0, k], samples.seen[0, k], label_of[k]).ravel()
            axes, _ = read_axes(samples.normals[0, k].reshape(-1, 3), signs)
            modes.append(axes[:2] if len(axes) else np.full((1, 3), np.nan))
        c = centres_and_axes(q)[0]
        unknown = np.full(3, np.nan)
        return np.array([snapped(q, c, np.stack([*combo, unknown]), self._limits) for combo in product(*modes)])
