# SPDX-License-Identifier: Apache-2.0
"""In which order samples are learned from."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler


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
