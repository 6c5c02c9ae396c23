# SPDX-License-Identifier: Apache-2.0
"""Zero mean and unit variance for joints, each kind with statistics of its own.

The original normalises measured positions with the statistics of the actions, and its first chunk
not at all; here both are stored with the weights and used everywhere.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genima.act.config import Actions
from genima.arrays import Array
from genima.errors import PolicyError

#: Joints that hardly move in the training data are not blown up [rad].
_LEAST_DEVIATION_RAD = 0.01


@dataclass(frozen=True)
class Statistics:
    """Of the training data.

    Attributes:
        state_mean: Of the measured joint positions [rad].
        state_std: Their standard deviation [rad].
        action_mean: Of the joint actions: positions, or differences to the measured ones where
            those are learned at any step of a chunk [rad].
        action_std: Their standard deviation [rad].
    """

    state_mean: tuple[float, ...]
    state_std: tuple[float, ...]
    action_mean: tuple[float, ...]
    action_std: tuple[float, ...]

    @classmethod
    def of(cls, q: Float[Array, "n 7"], actions: Float[Array, "m 7"]) -> "Statistics":
        """Measure samples of states and of actions."""
        return cls(_mean(q), _deviation(q), _mean(actions), _deviation(actions))

    def to_json(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Statistics":
        """The inverse of `to_json`.

        Raises:
            PolicyError: A value is missing or not seven numbers.
        """
        try:
            parts = {name: tuple(map(float, values[name])) for name in cls.__annotations__}
        except (KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"statistics of the controller: {error!r} is wrong") from error
        if bad := [name for name, part in parts.items() if len(part) != 7]:
            raise PolicyError(f"statistics of the controller: {bad} must hold seven numbers each")
        return cls(**parts)


class Normaliser:
    """Between radians and what the network sees.

    Args:
        statistics: Of the training data.
        actions: What the joint outputs mean.
        device: Where the tensors are.
    """

    def __init__(
        self, statistics: Statistics, actions: Actions, device: torch.device | str = "cpu"
    ) -> None:
        self._actions = actions
        self._state_mean, self._state_std, self._action_mean, self._action_std = (
            torch.tensor(part, dtype=torch.float32, device=device)
            for part in asdict(statistics).values()
        )

    def state(
        self, q: Float[Tensor, "b 7"], gripper_open: Float[Tensor, "b"]
    ) -> Float[Tensor, "b 8"]:
        """What the network gets: joints, then the gripper as 0 or 1."""
        joints = (q - self._state_mean) / self._state_std
        return torch.cat([joints, gripper_open[:, None]], dim=-1)

    def joints(
        self, actions: Float[Tensor, "b k 7"], q: Float[Tensor, "b 7"]
    ) -> Float[Tensor, "b k 7"]:
        """Normalised actions from positions [rad], seen from the measured `q` [rad]."""
        middle, scale = self._frame(q, actions.shape[1])
        return (actions - middle) / scale

    def positions(
        self, joints: Float[Tensor, "b k 7"], q: Float[Tensor, "b 7"]
    ) -> Float[Tensor, "b k 7"]:
        """The inverse of `joints`."""
        middle, scale = self._frame(q, joints.shape[1])
        return joints * scale + middle

    def _frame(self, q: Float[Tensor, "b 7"], steps: int) -> tuple[Tensor, Tensor]:
        """What a normalised action of 0 means at each step, and how much 1 is [rad]."""
        if self._actions is Actions.ABSOLUTE:
            return self._action_mean, self._action_std
        if self._actions is Actions.RESIDUAL:
            return q[:, None] + self._action_mean, self._action_std
        # The first steps continue from where the arm is, the last ones only go where the spheres
        # are: an error made there is not the copy of an error of the state.
        near = 1.0 - torch.arange(1, steps + 1, device=q.device)[:, None] / steps
        middle = near * q[:, None] + (1.0 - near) * self._state_mean + self._action_mean
        return middle, near * self._action_std + (1.0 - near) * self._state_std


def _mean(values: Float[Array, "n 7"]) -> tuple[float, ...]:
    return tuple(float(value) for value in values.mean(axis=0))


def _deviation(values: Float[Array, "n 7"]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.maximum(values.std(axis=0), _LEAST_DEVIATION_RAD))
