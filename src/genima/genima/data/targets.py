# SPDX-License-Identifier: Apache-2.0
"""Which spheres belong to which step of a demonstration, and the actions that lead there.

The target of step t is step min(t + K, n - 1): its joint positions are drawn and its gripper's
state colours the gripper sphere, as the cameras of step t see it. So every step has a target, the
last ones all have the last step, and at the last step the arm is where it shall be. The original
drew t + K too, but never the last observation, nothing at all at the last step but one, and left
the last step out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genima.arrays import Array, Bool, Float, Int
from genima.cameras import Camera, CameraRig
from genima.data.demonstration import Demonstration
from genima.errors import InvalidDataset
from genima.policy import Policy

#: Relative difference in step length that is taken for rounding.
_STEP_TOLERANCE = 0.01

_ALL_DRAWN = np.ones((4, 4), bool)
_ALL_DRAWN.setflags(write=False)
_IN_PLACE = np.zeros((4, 4, 3))
_IN_PLACE.setflags(write=False)


def target_steps(length: int, horizon_steps: int) -> Int[Array, "n"]:
    """The step that is drawn at each of `length` steps."""
    return np.minimum(np.arange(length) + horizon_steps, length - 1)


@dataclass(frozen=True, eq=False)
class Window:
    """One step of a demonstration as the two stages learn it.

    Attributes:
        q: Joint positions at this step [rad].
        gripper_open: Whether the gripper is open at this step.
        q_target: Joint positions that are drawn [rad].
        gripper_target: Whether the gripper is open in the drawing.
        q_chunk: The K commands from this step on [rad], measured positions where there was no
            command; past the end the last one again.
        gripper_chunk: Whether the gripper is told to be open with each of these.
        padded: Which of these lie past the demonstration's end.
        drawn: Which spheres are drawn in which cameras of the policy.
        offsets_m: How far from its place each of them is drawn [m].
    """

    q: Float[Array, "7"]
    gripper_open: bool
    q_target: Float[Array, "7"]
    gripper_target: bool
    q_chunk: Float[Array, "k 7"]
    gripper_chunk: Bool[Array, "k"]
    padded: Bool[Array, "k"]
    drawn: Bool[Array, "4 4"]
    offsets_m: Float[Array, "4 4 3"]


class Windows(Sequence[Window]):
    """The window of every step of one demonstration, and the cameras they are drawn for.

    Attributes:
        cameras: Those of the policy, in its order, for images of its size.

    Args:
        demonstration: Its images are not looked at.
        policy: Cameras, image size, K and step length.

    Raises:
        InvalidDataset: The demonstration lacks a camera of the policy, or has another step length.
    """

    def __init__(self, demonstration: Demonstration, policy: Policy) -> None:
        where = f"a demonstration of {demonstration.task}"
        require_fit(where, demonstration.rig, demonstration.step_s, policy)
        self.cameras = squared_cameras(demonstration.rig, policy)
        self._q = demonstration.q
        self._gripper_open = demonstration.gripper_open
        commanded = demonstration.commanded
        self._q_action = np.where(commanded[:, None], demonstration.q_command, self._q)
        self._gripper_action = demonstration.gripper_command
        self._target = target_steps(len(demonstration), policy.horizon_steps)
        self._ahead = np.arange(1, policy.horizon_steps + 1)

    def __len__(self) -> int:
        return len(self._q)

    def __getitem__(self, step: int) -> Window:  # type: ignore[override]
        if not 0 <= step < len(self):
            raise IndexError(f"step {step} of {len(self)}")
        ahead = step + self._ahead
        chunk = np.minimum(ahead, len(self) - 1)
        target = self._target[step]
        return Window(
            q=self._q[step],
            gripper_open=bool(self._gripper_open[step]),
            q_target=self._q[target],
            gripper_target=bool(self._gripper_open[target]),
            q_chunk=self._q_action[chunk],
            gripper_chunk=self._gripper_action[chunk],
            padded=ahead > len(self) - 1,
            drawn=_ALL_DRAWN,
            offsets_m=_IN_PLACE,
        )


def require_fit(where: str, rig: CameraRig, step_s: float, policy: Policy) -> None:
    """Refuse a demonstration or a data set that does not fit the policy.

    Args:
        where: What it is, for the message.
        rig: Its cameras.
        step_s: The length of its steps [s].
        policy: What it is to fit.

    Raises:
        InvalidDataset: It lacks a camera, or its steps are not as long as the policy's.
    """
    missing = [name for name in policy.cameras if name not in rig.cameras]
    if missing:
        raise InvalidDataset(
            f"{where} has no camera {missing}; it has {sorted(rig.cameras)}, the policy draws on "
            f"{list(policy.cameras)}"
        )
    if abs(step_s / policy.step_s - 1) > _STEP_TOLERANCE:
        raise InvalidDataset(
            f"{where} has steps of {step_s:g} s, the policy of {policy.step_s:g} s; resample the "
            "data when importing them, or use a policy of their rate"
        )


def squared_cameras(rig: CameraRig, policy: Policy) -> tuple[Camera, ...]:
    """The policy's cameras in its order, for images of its size."""
    cameras = [rig.cameras[name] for name in policy.cameras]
    return tuple(
        replace(camera, intrinsics=camera.intrinsics.square(policy.image_size_px))
        for camera in cameras
    )
