# SPDX-License-Identifier: Apache-2.0
"""Training samples: drawn windows with what the auxiliary head is to find in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from genima.act.augmentations import Augmentations
from genima.act.auxiliary import SphereView
from genima.act.config import ActConfig
from genima.act.images import pixels, values
from genima.act.sphere_truth import sphere_view
from genima.cameras import Camera
from genima.data.targets import Window
from genima.data.targets_torch import ControllerWindows


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows side by side.

    Attributes:
        images: Views in the order of the policy's cameras.
        q: Measured joint positions [rad].
        gripper_open: Whether the gripper is open, 0 or 1.
        q_chunk: Actions [rad].
        gripper_chunk: Whether the gripper is told to be open, 0 or 1.
        padded: Actions that do not count.
        spheres: What is drawn.
        instructions: What the arm is to do.
    """

    images: UInt8[Tensor, "b c 3 h w"]
    q: Float[Tensor, "b 7"]
    gripper_open: Float[Tensor, "b"]
    q_chunk: Float[Tensor, "b k 7"]
    gripper_chunk: Float[Tensor, "b k"]
    padded: Bool[Tensor, "b k"]
    spheres: SphereView
    instructions: list[str]


def describe(
    window: Window, cameras: Sequence[Camera], radii_m: Mapping[str, float]
) -> dict[str, Any]:
    """What the auxiliary head learns from a window; `radii_m` are the policy's."""
    return {"spheres": sphere_view(window, cameras, radii_m)}


def collate(items: Sequence[dict[str, Any]]) -> Batch:
    """Put samples side by side."""

    def stacked(name: str) -> Tensor:
        return torch.stack([item[name] for item in items])

    return Batch(
        stacked("images"),
        stacked("q"),
        stacked("gripper_open").float(),
        stacked("q_chunk"),
        stacked("gripper_chunk").float(),
        stacked("padded"),
        SphereView.stacked([item["spheres"] for item in items]),
        [item["instruction"] for item in items],
    )


class AugmentedWindows(Dataset[dict[str, Any]]):
    """Windows whose images are changed at random, where they are drawn: in the workers.

    Args:
        windows: The windows.
        config: The strengths of the changes.
        seed: Of everything random.
    """

    def __init__(self, windows: ControllerWindows, config: ActConfig, seed: int) -> None:
        self._windows, self._config, self._seed = windows, config, seed
        # In shared memory, because workers may outlive an epoch.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def __len__(self) -> int:
        return len(self._windows)

    def set_epoch(self, epoch: int) -> None:
        """Another epoch, other chances. Call it before the loader's iteration begins."""
        self._windows.set_epoch(epoch)
        self._epoch[0] = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self._windows[index]
        chance = torch.Generator()
        chance.manual_seed(hash((self._seed, int(self._epoch[0]), index)) % 2**62)
        changed = Augmentations(self._config, chance)(values(item["images"][None]))[0]
        return item | {"images": pixels(changed)}
