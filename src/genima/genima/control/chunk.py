# SPDX-License-Identifier: Apache-2.0
"""The K actions that a controller answers one drawn target with."""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Bool, Float
from genima.errors import InvalidCommand


@dataclass(frozen=True, eq=False)
class ActionChunk:
    """Where the joints and the gripper should be at K coming steps; read-only.

    Attributes:
        q: Joint positions [rad]; `q[i]` is reached at `start_s + (i + 1) * step_s`.
        gripper_open: Whether the gripper is to be open on the way to `q[i]`, as a demonstration's
            commands are filed.
        start_s: When the first step begins [s].
        step_s: Time between two steps [s].

    Raises:
        InvalidCommand: A shape does not fit or a number is not finite.
    """

    q: Float[Array, "K 7"]
    gripper_open: Bool[Array, "K"]
    start_s: float
    step_s: float

    def __post_init__(self) -> None:
        q = np.array(self.q, float)
        gripper_open = np.array(self.gripper_open)
        if q.ndim != 2 or q.shape[1] != 7 or not len(q):
            raise InvalidCommand(f"chunk: q has shape {q.shape}; it must be (K, 7), K at least 1")
        if gripper_open.shape != (len(q),) or gripper_open.dtype != np.bool_:
            raise InvalidCommand(
                f"chunk: gripper_open is {gripper_open.dtype} of shape {gripper_open.shape}; "
                f"it must be bool of shape ({len(q)},), one for each step of q"
            )
        if not np.isfinite(q).all():
            row, joint = np.argwhere(~np.isfinite(q))[0]
            raise InvalidCommand(
                f"chunk: step {row} of joint {joint + 1} is {q[row, joint]}; it must be finite"
            )
        if not (np.isfinite(self.start_s) and np.isfinite(self.step_s) and self.step_s > 0):
            raise InvalidCommand(
                f"chunk: start_s {self.start_s} must be finite and step_s {self.step_s} above 0"
            )
        for name, array in (("q", q), ("gripper_open", gripper_open)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def times_s(self) -> Float[Array, "K"]:
        """When each step is reached [s]."""
        return self.start_s + self.step_s * np.arange(1, len(self.q) + 1)

    @property
    def end_s(self) -> float:
        """When the last step is reached [s]."""
        return self.start_s + self.step_s * len(self.q)
