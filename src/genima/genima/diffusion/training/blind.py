# SPDX-License-Identifier: Apache-2.0
"""What can be drawn without looking: a small network that knows the arm and the task alone."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from genima.arrays import Array, Float, UInt8
from genima.data.demonstration import Demonstration
from genima.data.targets import Windows
from genima.diffusion.conditioning import ArmState
from genima.policy import Policy
from genima.spheres import draw_targets
from genima.tiles import tile_images

_WIDTH, _STEPS, _BATCH = 128, 2000, 256
_LEARNING_RATE, _WEIGHT_DECAY = 1e-3, 1e-2


class Blind:
    """Draws what a network says that has learned from joint positions and instructions.

    Args:
        demonstrations: To learn from.
        policy: Cameras, spheres, K.
        seed: Of everything random.
    """

    def __init__(
        self, demonstrations: Sequence[Demonstration], policy: Policy, seed: int = 0
    ) -> None:
        self._policy = policy
        self._goals = sorted({goal for one in demonstrations for goal in one.descriptions})
        asked, answers = [], []
        for demonstration in demonstrations:
            for window in Windows(demonstration, policy):
                goal = demonstration.instruction
                asked.append(self._asked(window.q, window.gripper_open, goal))
                answers.append([*(window.q_target - window.q), float(window.gripper_target)])
        given, wanted = _tensor(np.stack(asked)), _tensor(np.array(answers))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._network = _learned(given, wanted)

    def draw(
        self, images: Mapping[str, UInt8[Array, "s s 3"]], arm: ArmState, goal: str, seed: int
    ) -> UInt8[Array, "t t 3"]:
        """Draw; images are only drawn upon, and the seed does not matter."""
        with torch.inference_mode():
            given = _tensor(self._asked(arm.q, arm.gripper_open, goal))[None]
            answer = self._network(given)[0].double().numpy()
        q = arm.q + answer[:7]
        drawn = draw_targets(images, q, bool(answer[7] > 0.5), dict(arm.views), self._policy)
        return tile_images(drawn, self._policy.cameras)

    def _asked(self, q: Float[Array, "7"], gripper_open: bool, goal: str) -> Float[Array, "n"]:
        return np.array([*q, float(gripper_open), *(goal == known for known in self._goals)])


def _learned(given: Tensor, wanted: Tensor) -> nn.Module:
    network = nn.Sequential(
        nn.Linear(given.shape[1], _WIDTH),
        nn.SiLU(),
        nn.Linear(_WIDTH, _WIDTH),
        nn.SiLU(),
        nn.Linear(_WIDTH, wanted.shape[1]),
    )
    optimiser = torch.optim.AdamW(network.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    for _ in range(_STEPS):
        rows = torch.randint(len(given), (_BATCH,))
        loss = nn.functional.smooth_l1_loss(network(given[rows]), wanted[rows], beta=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network


def _tensor(values: Float[Array, "*n"]) -> Tensor:
    return torch.from_numpy(values).float()
