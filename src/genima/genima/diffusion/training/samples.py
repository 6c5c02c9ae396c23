# SPDX-License-Identifier: Apache-2.0
"""Training samples: what a model is given at a step, and what it should draw there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from jaxtyping import UInt8 as Bytes
from torch import Tensor

from genima.arrays import Array, UInt8
from genima.data.demonstration import Demonstration
from genima.data.drawing import observed
from genima.data.stops import places_ahead
from genima.data.targets import Window
from genima.data.targets_torch import WindowDataset
from genima.decode.palette import Label
from genima.diffusion.conditioning import GREY, ArmState, DrawInput, arranged, draw_input
from genima.diffusion.config import DrawConfig, Output, Present
from genima.intrinsics import square_image
from genima.spheres import SphereLayer, draw_spheres, render_spheres, sphere_poses
from genima.view import CameraView


@dataclass(frozen=True, eq=False)
class Sample:
    """One step of a demonstration.

    Attributes:
        given: What the model is given.
        target: What it should draw, as `DrawInput.pictures`; of no size for `Output.SPHERES`.
        labels: `genima.decode.palette.Label` of each of its pixels.
        places: Where the arm is to go, as of `places_ahead` [m]; none but for `Output.SPHERES`.
        goal: What the arm is to do.
    """

    given: DrawInput
    target: UInt8[Array, "b h w 3"]
    labels: UInt8[Array, "b h w"]
    places: Float[Array, "p 2"]
    goal: str


@dataclass(frozen=True, eq=False)
class Samples:
    """Several samples. The pictures of all of them lie one after the other.

    Attributes:
        given: As in `Sample`.
        target: From 0 to 1.
        labels: As in `Sample`.
        places: As in `Sample`.
        goals: One for each picture.
    """

    given: list[DrawInput]
    target: Float[Tensor, "b 3 h w"]
    labels: Bytes[Tensor, "b h w"]
    places: Float[Tensor, "n p 2"]
    goals: list[str]

    def parts(self, count: int) -> list["Samples"]:
        """So many parts of about the same size, none of them empty."""
        size = -(-len(self.given) // count)
        each = len(self.target) // len(self.given)
        return [
            Samples(
                self.given[first : first + size],
                self.target[first * each : (first + size) * each],
                self.labels[first * each : (first + size) * each],
                self.places[first : first + size],
                self.goals[first * each : (first + size) * each],
            )
            for first in range(0, len(self.given), size)
        ]


def collate(samples: Sequence[Sample]) -> Samples:
    """Put samples side by side."""
    target = torch.from_numpy(np.concatenate([sample.target for sample in samples]))
    return Samples(
        [sample.given for sample in samples],
        target.permute(0, 3, 1, 2).float() / 255.0,
        torch.from_numpy(np.concatenate([sample.labels for sample in samples])),
        torch.from_numpy(np.stack([sample.places for sample in samples])).float(),
        [sample.goal for sample in samples for _ in sample.target],
    )


class DrawingSamples(WindowDataset):
    """Steps of some demonstrations.

    Args:
        demonstrations: With their images.
        config: Of the model that is trained, with the policy of the data.
        jitter_rad: Largest error of the joint positions that the model is told.
        seed: Of everything random.
        every: Of how many steps one is taken.
    """

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        config: DrawConfig,
        jitter_rad: float = 0.0,
        seed: int = 0,
        every: int = 1,
    ) -> None:
        super().__init__(demonstrations, config.policy, seed)
        self._taken = [
            (episode, step)
            for episode, windows in enumerate(self._windows)
            for step in range(episode % every, len(windows), every)
        ]
        self._frames = [
            {name: demonstration.images[name] for name in config.policy.cameras}
            for demonstration in demonstrations
        ]
        taught = config.output is Output.SPHERES
        self._places = [
            places_ahead(one.q, one.gripper_open) if taught else np.empty((len(one), 0, 2))
            for one in demonstrations
        ]
        self._config, self._jitter_rad = config, jitter_rad

    def __len__(self) -> int:
        return len(self._taken)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        episode, step = self._taken[index]
        rng = self._rng(index)
        windows = self._windows[episode]
        window = windows[step]
        images = observed(self._frames[episode], step, windows.cameras)
        views = {camera.name: camera.view(window.q) for camera in windows.cameras}
        reach = self._jitter_rad * rng.random()
        arm = ArmState(window.q + rng.uniform(-reach, reach, 7), window.gripper_open, views)
        return Sample(
            draw_input(images, arm, self._config),
            *self._drawing(window, images, views),
            self._places[episode][step],
            self._instruction(episode, rng),
        )

    def _drawing(
        self,
        window: Window,
        images: Mapping[str, UInt8[Array, "s s 3"]],
        views: dict[str, CameraView],
    ) -> tuple[UInt8[Array, "b h w 3"], UInt8[Array, "b h w"]]:
        """What should be drawn, and the labels of its pixels."""
        if self._config.output is Output.SPHERES:  # taught by places, not by pixels
            return np.zeros((1, 0, 0, 3), np.uint8), np.zeros((1, 0, 0), np.uint8)
        layers = self._layers(window.q_target, window.gripper_target, views)
        cells = self._canvas(images)
        drawn = {name: draw_spheres(cells[name], layers[name]) for name in layers}
        labels = {name: _labels(layer, window.gripper_target) for name, layer in layers.items()}
        planes = arranged({n: np.dstack([x] * 3) for n, x in labels.items()}, self._config)
        return arranged(drawn, self._config), planes[..., 0]

    def _canvas(
        self, images: Mapping[str, UInt8[Array, "s s 3"]]
    ) -> dict[str, UInt8[Array, "c c 3"]]:
        """What the target is drawn on: what the model is given, less the present spheres."""
        side = self._config.cell_px
        cells = {name: square_image(image, side) for name, image in images.items()}
        if self._config.present is Present.CELL:
            cells[self._config.virtual_camera] = np.full((side, side, 3), GREY, np.uint8)
        return cells

    def _layers(
        self, q: Float[Array, "7"], gripper_open: bool, views: dict[str, CameraView]
    ) -> dict[str, SphereLayer]:
        """The spheres of joint positions in the model's cells."""
        side, poses = self._config.cell_px, sphere_poses(q)
        return {
            name: render_spheres(
                poses,
                gripper_open,
                replace(view, intrinsics=view.intrinsics.resize(side, side)),
                self._policy.sphere_radii_m[name],
            )
            for name, view in views.items()
        }


def _labels(layer: SphereLayer, gripper_open: bool) -> UInt8[Array, "h w"]:
    """What each pixel shows."""
    colour = layer.index.astype(np.uint8) + np.uint8(Label.BASE)
    if not gripper_open:
        colour[layer.index == Label.OPEN - Label.BASE] = Label.CLOSED
    colour[layer.mask & ~layer.rgb.any(axis=2)] = Label.BLACK
    return np.where(layer.mask, colour, np.uint8(Label.OTHER))
