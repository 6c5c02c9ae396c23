# SPDX-License-Identifier: Apache-2.0
"""A function of tensors as one CUDA graph: the device is told once, and asked to do it again."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

#: Calls before the capture, in which libraries choose their algorithms.
_REHEARSALS = 3


class Captured:
    """Replays what a function does to its inputs. All sizes stay those of the first inputs.

    Args:
        function: Must not look at values, and must keep all other tensors where they are.
        inputs: On the device.
    """

    def __init__(self, function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> None:
        self._inputs = [value.clone() for value in inputs]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_REHEARSALS):
                function(*self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = function(*self._inputs)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The result, which the next call overwrites."""
        for place, value in zip(self._inputs, inputs, strict=True):
            place.copy_(value)
        self._graph.replay()
        return self._output
