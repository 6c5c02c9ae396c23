# SPDX-License-Identifier: Apache-2.0
"""How good drawings are: what `genima.decode` reads in them, against what should be there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from genima.arrays import Array, Bool, Float, UInt8
from genima.decode import DecodedTarget, TargetDecoder
from genima.diffusion.conditioning import ArmState
from genima.diffusion.training.questions import COUNTED_JOINTS, Question, motion_deg
from genima.kinematics import base_T_tcp
from genima.policy import Policy
from genima.spheres import draw_targets, render_spheres, sphere_colours, sphere_poses
from genima.tiles import tile_images, untile
from genima.view import CameraView

#: A sphere counts as missing where less than this of its coloured pixels has its colour.
_MISSING_SHARE = 0.2
#: Spheres with fewer coloured pixels than this are not looked for.
_LEAST_PX = 60
_COLOUR_TOLERANCE = 60
#: What a camera image may change by where nothing was drawn.
_SAME_COLOUR = 25
#: How far from its centre the colour of a sphere is looked for, in radii.
_REACH = 1.5
#: What an unusable drawing counts [deg].
_UNUSABLE_DEG = 90.0

#: Of one drawing, what `DrawingErrors` says of all.
_Row = tuple[float, Float[Array, "7"], float, bool, bool, bool, float]


class Draws(Protocol):
    """What a `Drawer` does."""

    def draw(
        self, images: Mapping[str, UInt8[Array, "s s 3"]], arm: ArmState, goal: str, seed: int
    ) -> UInt8[Array, "t t 3"]:
        """Draw where the arm should be."""
        ...


@dataclass(frozen=True, eq=False)
class DrawingErrors:
    """Errors of drawings, one row each.

    Attributes:
        motion_deg: By how much the target moves joints 1 to 6 on average, which is the error of
            drawing where the arm is [deg].
        joints_deg: Of each joint that was read [deg]; NaN where nothing could be read.
        tip_cm: Of the fingertips' place that these joints make [cm]; likewise.
        gripper_right: Whether the gripper's state was read, and is right.
        usable: Whether the decoder would act on the drawing.
        missing: Whether a sphere is missing in some view.
        psnr_db: Likeness to the true drawing [dB].
    """

    motion_deg: Float[Array, "n"]
    joints_deg: Float[Array, "n 7"]
    tip_cm: Float[Array, "n"]
    gripper_right: Bool[Array, "n"]
    usable: Bool[Array, "n"]
    missing: Bool[Array, "n"]
    psnr_db: Float[Array, "n"]

    @property
    def each_deg(self) -> Float[Array, "7"]:
        """Mean error of each joint over the usable drawings [deg]; NaN if there are none."""
        usable = self.joints_deg[self.usable]
        return usable.mean(axis=0) if len(usable) else np.full(7, np.nan)

    @property
    def summary(self) -> dict[str, float]:
        """The numbers that matter most, by the names that curves give them."""
        return {
            "error_deg": float(self.each_deg[:COUNTED_JOINTS].mean()),
            "tip_cm": float(self.tip_cm[self.usable].mean()) if self.usable.any() else np.nan,
            "skill": self.skill,
            "gripper_accuracy": float(self.gripper_right.mean()),
            "usable": float(self.usable.mean()),
            "missing": float(self.missing.mean()),
            "psnr_db": float(self.psnr_db.mean()),
        }

    @property
    def rank(self) -> float:
        """By which checkpoints are compared, the lower the better: unusable drawings count 90."""
        error = self.joints_deg[:, :COUNTED_JOINTS].mean(axis=1)
        return float(np.where(self.usable, error, _UNUSABLE_DEG).mean())

    @property
    def skill(self) -> float:
        """1 for drawings without an error, 0 for as much as drawing where the arm is makes."""
        return float(1.0 - self.rank / max(float(self.motion_deg.mean()), 1e-6))


def errors_of(
    drawer: Draws, asked: Sequence[Question], policy: Policy
) -> tuple[DrawingErrors, list[UInt8[Array, "t t 3"]]]:
    """Have drawings made and look at them.

    Returns:
        What is wrong with them, and the drawings.
    """
    rows: list[_Row] = []
    tiles = []
    decoders: dict[int, TargetDecoder] = {}
    for question in asked:
        tile = drawer.draw(question.images, question.arm, question.goal, 0)
        decoder = decoders.setdefault(id(question.rig), TargetDecoder(question.rig, policy))
        rows.append(_row(tile, question, decoder, policy))
        tiles.append(tile)
    return DrawingErrors(*(np.array(part) for part in zip(*rows, strict=True))), tiles


def truth(question: Question, policy: Policy) -> UInt8[Array, "t t 3"]:
    """The tile that should be drawn."""
    window, views = question.window, question.arm.views
    drawn = draw_targets(
        question.images, window.q_target, window.gripper_target, dict(views), policy
    )
    return tile_images(drawn, policy.cameras)


def _row(
    tile: UInt8[Array, "t t 3"], question: Question, decoder: TargetDecoder, policy: Policy
) -> _Row:
    window = question.window
    decoded = decoder.decode(tile, window.q)
    joints, tip_cm = np.full(7, np.nan), np.nan
    if decoded.q is not None:
        joints = np.rad2deg(np.abs(decoded.q - window.q_target))
        gap_m = base_T_tcp(decoded.q)[:3, 3] - base_T_tcp(window.q_target)[:3, 3]
        tip_cm = 100.0 * float(np.linalg.norm(gap_m))
    right = decoded.q is not None and decoded.gripper_open == window.gripper_target
    gap = tile.astype(float) - truth(question, policy)
    psnr = 10.0 * np.log10(255.0**2 / max(float((gap**2).mean()), 1e-3))
    missing = _lacks_sphere(tile, question, decoded, policy)
    return motion_deg(window), joints, tip_cm, right, decoded.usable, missing, psnr


def _lacks_sphere(
    tile: UInt8[Array, "t t 3"], question: Question, decoded: DecodedTarget, policy: Policy
) -> bool:
    """Whether some view has almost nothing in the colour of a sphere that should be there.

    What the camera image shows in that colour is no sphere. One that was drawn at another place is
    not missing, as long as the decoder finds it there.
    """
    window, poses = question.window, sphere_poses(question.window.q_target)
    colours = sphere_colours(window.gripper_target)
    # Whether the gripper is open is another question than whether its sphere is there.
    others = sphere_colours(not window.gripper_target)
    for name, image in untile(tile, policy.cameras).items():
        radius_m, view = policy.sphere_radii_m[name], question.arm.views[name]
        layer = render_spheres(poses, window.gripper_target, view, radius_m)
        camera = question.images[name]
        should_show = layer.rgb.any(axis=2) & ~_near(camera, layer.rgb, _SAME_COLOUR)
        drawn = ~_near(image, camera, _SAME_COLOUR)
        for index, (colour, other) in enumerate(zip(colours, others, strict=True)):
            wanted = np.count_nonzero((layer.index == index) & should_show)
            if wanted < _LEAST_PX:
                continue
            there = _near(image, colour) | _near(image, other)
            centres = (poses[index, :3, 3], decoded.sphere_centers[index])
            there &= drawn & _around(centres, view, radius_m)
            if np.count_nonzero(there) < _MISSING_SHARE * wanted:
                return True
    return False


def _around(
    centres: Iterable[Float[Array, "3"]], view: CameraView, radius_m: float
) -> Bool[Array, "s s"]:
    """Pixels near spheres; centres that are NaN or behind the camera are left out."""
    near = np.zeros((view.intrinsics.height, view.intrinsics.width), bool)
    rows, columns = np.indices(near.shape) + 0.5
    for centre in centres:
        (u, v), depth_m = view.project(centre)
        if depth_m > 0:
            reach_px = _REACH * radius_m * view.intrinsics.fx / depth_m
            near |= np.hypot(columns - u, rows - v) < reach_px
    return near


def _near(
    image: UInt8[Array, "s s 3"], colours: UInt8[Array, "*s 3"], tolerance: int = _COLOUR_TOLERANCE
) -> Bool[Array, "s s"]:
    gap = np.abs(image.astype(np.int16) - colours.astype(np.int16)).max(axis=2)
    return np.asarray(gap < tolerance)
