# SPDX-License-Identifier: Apache-2.0
"""Steps of demonstrations without their images: the places that a network should find are told.

From places to the motion of the joints there is nothing to be seen, so it is learned from many
more steps than images can be looked at in the same time. The places that are told are off by as
much as those that are found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genima.arrays import Array
from genima.arrays import Float as Reals
from genima.data.demonstration import Demonstration
from genima.data.stops import places_ahead
from genima.data.targets import Windows
from genima.diffusion.conditioning import state_of
from genima.diffusion.config import DrawConfig

#: From this mean motion of the joints on, a step is one that moves [rad].
_MOVING_RAD = 0.06


@dataclass(frozen=True, eq=False)
class Told:
    """Some steps.

    Attributes:
        q: Present joint positions, as they are told [rad].
        state: The same and the gripper, as of `DrawInput`.
        ground: Places, as of `places_ahead`, but for the error that they are told with [m].
        q_target: What should be drawn [rad].
        gripper_open: Whether the gripper is to be open.
        goals: What the arm is to do.
    """

    q: Float[Tensor, "n 7"]
    state: Float[Tensor, "n 15"]
    ground: Float[Tensor, "n p 2"]
    q_target: Float[Tensor, "n 7"]
    gripper_open: Bool[Tensor, "n"]
    goals: list[str]


class ToldSteps:
    """All steps of some demonstrations, to be chosen from by chance.

    Args:
        demonstrations: Their images are not looked at.
        config: Of the model that is trained, with the policy of the data.
        moving_weight: How often steps that move are chosen, relative to those that hardly do.
    """

    def __init__(
        self, demonstrations: Sequence[Demonstration], config: DrawConfig, moving_weight: float
    ) -> None:
        self._config = config
        windows = [Windows(one, config.policy) for one in demonstrations]
        every = [window for each in windows for window in each]
        self._q = np.stack([window.q for window in every])
        self._q_target = np.stack([window.q_target for window in every])
        self._gripper_open = np.array([window.gripper_open for window in every])
        self._gripper_target = np.array([window.gripper_target for window in every])
        self._ground = np.concatenate(
            [places_ahead(one.q, one.gripper_open) for one in demonstrations]
        )
        self._wordings = [one.descriptions for one in demonstrations]
        self._episode = np.repeat(np.arange(len(windows)), [len(each) for each in windows])
        moves = np.abs(self._q_target - self._q).mean(axis=1) > _MOVING_RAD
        weight = np.where(moves, moving_weight, 1.0)
        self._share = weight / weight.sum()

    def draw(
        self, count: int, q_error_rad: float, place_error_m: float, chance: torch.Generator
    ) -> Told:
        """Some steps.

        Args:
            count: How many.
            q_error_rad: Largest error of the joint positions (uniform up to it).
            place_error_m: Largest standard deviation of a step's places (uniform up to it).
            chance: Decides about everything random.
        """
        device = chance.device
        seed = int(torch.randint(2**62, (1,), generator=chance, device=device))
        rng = np.random.default_rng(seed)
        rows: Int[Array, "n"] = rng.choice(len(self._q), count, p=self._share)
        reach = q_error_rad * rng.random((count, 1))
        q = self._q[rows] + reach * rng.uniform(-1.0, 1.0, (count, 7))
        spread = place_error_m * rng.random((count, 1, 1))
        ground = self._ground[rows] + spread * rng.standard_normal((count, 2, 2))
        wordings = [self._wordings[episode] for episode in self._episode[rows]]

        def tensor(values: Reals[Array, "*n"]) -> Float[Tensor, "*n"]:
            return torch.from_numpy(values).float().to(device)

        return Told(
            tensor(q),
            tensor(state_of(q, self._gripper_open[rows], self._config)),
            tensor(ground),
            tensor(self._q_target[rows]),
            torch.from_numpy(self._gripper_target[rows]).to(device),
            [words[rng.integers(len(words))] for words in wordings],
        )
