# SPDX-License-Identifier: Apache-2.0
"""A demonstration: what the arm did, what it was told, and what the cameras saw meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np

from genima.arrays import Array, Bool, Float, UInt8
from genima.cameras import CameraRig
from genima.errors import InvalidDataset


class Frames(Protocol):
    """The images of one camera, one for each step."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, index: int) -> UInt8[Array, "s s 3"]:
        """The RGB image of a step."""
        ...


@dataclass(frozen=True, eq=False)
class Demonstration:
    """One episode, sampled at a fixed rate. Row t of everything belongs to the same moment.

    A command is stored with the step that it led to, as RLBench does: `q_command[t]` was given
    after step t - 1 and should have been reached at step t.

    Attributes:
        task: Name of the task.
        variation: Which variation of it.
        descriptions: Wordings of the instruction, the instruction itself first.
        seed: Seed of a simulated episode.
        success: Whether the task was done; None if nobody said.
        source: Where it comes from, for people.
        step_s: Nominal time between two steps [s].
        stamps_s: When each step was [s].
        q: Measured joint positions [rad].
        dq: Measured joint velocities [rad/s].
        gripper_open: Whether the gripper is open; one that holds something is not.
        q_command: Commanded joint positions [rad]; NaN where none were given, as in row 0.
        gripper_command: Whether the gripper was told to be open. Where no command was given, it is
            what `gripper_open` is, whatever was passed.
        rig: The cameras, for images as they are here: square, all of one size.
        images: Images by camera name; empty for a demonstration whose images are kept elsewhere.
        gripper_width_m: Distance between the fingertips [m], if it was measured.
    """

    task: str
    variation: int
    descriptions: tuple[str, ...]
    seed: int | None
    success: bool | None
    source: str
    step_s: float
    stamps_s: Float[Array, "n"]
    q: Float[Array, "n 7"]
    dq: Float[Array, "n 7"]
    gripper_open: Bool[Array, "n"]
    q_command: Float[Array, "n 7"]
    gripper_command: Bool[Array, "n"]
    rig: CameraRig
    images: Mapping[str, Frames] = field(default_factory=dict)
    gripper_width_m: Float[Array, "n"] | None = None

    def __post_init__(self) -> None:
        if not self.descriptions or not all(self.descriptions):
            raise InvalidDataset(
                f"{self.task}: descriptions {self.descriptions} hold no instruction; give at "
                "least one, and none of them empty"
            )
        if not 0 < self.step_s < np.inf:
            raise InvalidDataset(f"{self.task}: step_s is {self.step_s}; it must be above 0")
        self._check_rows()
        self._check_images()
        given = self.commanded
        if given[0]:
            raise InvalidDataset(
                f"{self.task}: q_command has a command in row 0, which no step came before; "
                "fill row 0 with NaN"
            )
        told = np.where(given, self.gripper_command, self.gripper_open)
        object.__setattr__(self, "gripper_command", told)
        object.__setattr__(self, "images", MappingProxyType(dict(self.images)))

    def __len__(self) -> int:
        return len(self.q)

    @property
    def commanded(self) -> Bool[Array, "n"]:
        """Which steps a command led to."""
        return np.asarray(~np.isnan(self.q_command).any(axis=1))

    @property
    def instruction(self) -> str:
        """The instruction itself."""
        return self.descriptions[0]

    @property
    def image_size_px(self) -> int:
        """Side of the square images [px]."""
        return next(iter(self.rig.cameras.values())).intrinsics.width

    def _check_rows(self) -> None:
        n = len(self.q)
        if n == 0:
            raise InvalidDataset(f"{self.task}: the demonstration has no steps; it needs some")
        shapes = {
            "stamps_s": (self.stamps_s, (n,)),
            "q": (self.q, (n, 7)),
            "dq": (self.dq, (n, 7)),
            "gripper_open": (self.gripper_open, (n,)),
            "q_command": (self.q_command, (n, 7)),
            "gripper_command": (self.gripper_command, (n,)),
        }
        if self.gripper_width_m is not None:
            shapes["gripper_width_m"] = (self.gripper_width_m, (n,))
        for name, (array, shape) in shapes.items():
            if np.shape(array) != shape:
                raise InvalidDataset(
                    f"{self.task}: {name} has shape {np.shape(array)}; with {n} steps in q it "
                    f"must be {shape}"
                )
            object.__setattr__(self, name, np.asarray(array))
        for name in ("gripper_open", "gripper_command"):
            if getattr(self, name).dtype != np.bool_:
                raise InvalidDataset(f"{self.task}: {name} must be an array of bool")

    def _check_images(self) -> None:
        sizes = {
            (camera.intrinsics.width, camera.intrinsics.height)
            for camera in self.rig.cameras.values()
        }
        if len(sizes) != 1 or any(width != height for width, height in sizes):
            raise InvalidDataset(
                f"{self.task}: cameras with images of {sorted(sizes)} px; crop and resize them "
                "to squares of one size, together with their intrinsics"
            )
        if self.images and set(self.images) != set(self.rig.cameras):
            raise InvalidDataset(
                f"{self.task}: images of {sorted(self.images)} for cameras "
                f"{sorted(self.rig.cameras)}; give images of each camera and no others"
            )
        unequal = {name: len(frames) for name, frames in self.images.items()}
        if any(count != len(self.q) for count in unequal.values()):
            raise InvalidDataset(
                f"{self.task}: {unequal} images for {len(self.q)} steps; give one for each step"
            )
