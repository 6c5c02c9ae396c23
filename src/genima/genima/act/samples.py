# SPDX-License-Identifier: Apache-2.0
"""Training samples: drawn windows with what the auxiliary head is to find in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Sampler

from genima.act.auxiliary import SphereView
from genima.act.sphere_truth import sphere_view
from genima.cameras import Camera
from genima.data.targets import Window


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


def describe(window: Window, cameras: Sequence[Camera]) -> dict[str, Any]:
    """What the auxiliary head learns from a window."""
    return {"spheres": sphere_view(window, cameras)}


def collate(items: Sequence[dict[str, Any]]) -> Batch:
    """Put samples side by side."""

    def stacked(name: str) -> Tensor:
        return torch.stack([item[name] for item in items])

    views = [item["spheres"] for item in items]
    spheres = SphereView(
        *(
            torch.stack([getattr(view, name) for view in views])
            for name in ("pixel", "log_depth", "axis", "visible")
        )
    )
    return Batch(
        stacked("images"),
        stacked("q"),
        stacked("gripper_open").float(),
        stacked("q_chunk"),
        stacked("gripper_chunk").float(),
        stacked("padded"),
        spheres,
        [item["instruction"] for item in items],
    )


class StepSampler(Sampler[list[int]]):
    """The samples of each step of an epoch: a permutation that only seed and epoch decide.

    Args:
        samples: How many there are.
        batch_size: How many make a step, over all processes together.
        seed: Of the permutations.
        process: Which of the processes this is.
        processes: How many there are.
    """

    def __init__(
        self, samples: int, batch_size: int, seed: int, process: int = 0, processes: int = 1
    ) -> None:
        self._samples, self._batch_size, self._seed = samples, batch_size, seed
        self._process, self._processes = process, processes
        self.epoch, self.first_step = 0, 0

    @property
    def steps(self) -> int:
        """Steps of an epoch; a rest that fills no batch is left out."""
        return max(1, self._samples // self._batch_size)

    def __len__(self) -> int:
        return self.steps - self.first_step

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self.epoch)
        order = torch.randperm(self._samples, generator=generator).tolist()
        for step in range(self.first_step, self.steps):
            batch = order[step * self._batch_size : (step + 1) * self._batch_size]
            yield batch[self._process :: self._processes]
