# SPDX-License-Identifier: Apache-2.0
"""Bundle adjustment: camera, board and the errors of the joints, from all corners at once.

The joints are not exact: a tenth of a degree in the shoulder moves the hand by more than a pixel.
So each sample's joints may give way a little, at a price, which weighs every sample as the joints
deserve (`Noise`).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from genima.arrays import Array, Bool, Float
from genima.errors import CalibrationError
from genima.geometry import invert, transform
from genima.intrinsics import Intrinsics
from genima.kinematics import base_T_frame

_DIFFERENCE = 1e-6
_GLOBALS = 12
_MOST_STEPS = 60
#: Part of the cost; a step that wins less is the last one.
_ENOUGH = 1e-7
_SHARES = (1.0, 0.5, 0.25, 0.1, 0.01, 0.001)


def parent_T_mount(
    q: Float[Array, "*n 7"], parent_frame: str, board_frame: str
) -> Float[Array, "*n 4 4"]:
    """Poses of the frame that the board is fixed to, in the one that the camera is fixed to."""
    return np.asarray(invert(base_T_frame(q, parent_frame)) @ base_T_frame(q, board_frame))


@dataclass(frozen=True)
class Noise:
    """How exact the measurements are, as standard deviations.

    Attributes:
        corner_px: Of a corner in the image [px].
        joint_rad: Of each joint, kinematic errors of the arm included [rad]; 0: exact.
    """

    corner_px: float = 0.2
    joint_rad: float = float(np.deg2rad(0.1))


@dataclass(frozen=True, eq=False)
class Observations:
    """What was measured.

    Attributes:
        q: Joint positions of each sample [rad].
        uv: Corners [px]; NaN where one was not seen.
        corners: The same in the board's frame [m].
        intrinsics: Of the camera.
        parent_frame: The frame that the camera is fixed to.
        board_frame: The frame that the board is fixed to.
    """

    q: Float[Array, "n 7"]
    uv: Float[Array, "n c 2"]
    corners: Float[Array, "c 3"]
    intrinsics: Intrinsics
    parent_frame: str
    board_frame: str

    @property
    def seen(self) -> Bool[Array, "n c"]:
        """Which corners were seen."""
        return np.isfinite(self.uv[..., 0])

    def only(self, chosen: Bool[Array, "n"]) -> "Observations":
        """Some of the samples."""
        return replace(self, q=self.q[chosen], uv=self.uv[chosen])

    def parent_T_mount(self, q: Float[Array, "n 7"]) -> Float[Array, "n 4 4"]:
        """Poses of the board's frame in the camera's parent."""
        return parent_T_mount(q, self.parent_frame, self.board_frame)

    def errors_px(self, estimate: "Estimate", q: Float[Array, "n 7"]) -> Float[Array, "n c 2"]:
        """Where corners should be, less where they are [px]; 0 where one was not seen."""
        cam_T_board = (
            invert(estimate.parent_T_cam) @ self.parent_T_mount(q) @ estimate.mount_T_board
        )
        rotations = np.swapaxes(cam_T_board[:, :3, :3], 1, 2)
        xyz = (estimate.scale * self.corners) @ rotations + cam_T_board[:, None, :3, 3]
        k = self.intrinsics
        depth = np.maximum(xyz[..., 2:], 1e-3)
        uv = xyz[..., :2] / depth * (k.fx, k.fy) + (k.cx, k.cy)
        return np.where(self.seen[..., None], uv - np.nan_to_num(self.uv), 0.0)


@dataclass(frozen=True, eq=False)
class Estimate:
    """What is sought.

    Attributes:
        parent_T_cam: Pose of the camera in its parent.
        mount_T_board: Pose of the board in its frame.
        scale: True size of the board over its nominal one.
    """

    parent_T_cam: "Float[Array, '4 4']"
    mount_T_board: "Float[Array, '4 4']"
    scale: float = 1.0

    def moved(self, step: Float[Array, "m"]) -> "Estimate":
        """Turned and shifted in their own frames: 6 numbers each, and 1 for the scale."""
        scale = self.scale * (1.0 + float(step[_GLOBALS])) if len(step) > _GLOBALS else self.scale
        camera, board = self.parent_T_cam @ _pose(step[:6]), self.mount_T_board @ _pose(step[6:12])
        return Estimate(camera, board, scale)


@dataclass(frozen=True, eq=False)
class Adjustment:
    """A result of `adjust`.

    Attributes:
        estimate: The best.
        q: Joint positions as they must have been [rad].
        camera_m: Standard deviation of the camera's place, along its worst axis [m].
        camera_rad: Standard deviation of its orientation, about its worst axis [rad].
        scale_std: Standard deviation of the scale; 0 if it was not sought.
    """

    estimate: Estimate
    q: Float[Array, "n 7"]
    camera_m: float
    camera_rad: float
    scale_std: float


def adjust(
    observed: Observations, start: Estimate, noise: Noise, with_scale: bool = False
) -> Adjustment:
    """The most likely camera, board and joints.

    Gauss and Newton's steps; each sample's joints are eliminated from the equations of the rest,
    which is some hundred times faster than to solve for all at once.

    Args:
        observed: At least `closed_form.MIN_SAMPLES` samples without gross errors.
        start: About right.
        noise: How exact the measurements are.
        with_scale: Also seek the size of the board.

    Raises:
        CalibrationError: It does not settle: the samples contradict one another.
    """
    shared = _GLOBALS + with_scale
    state = _State(observed, noise, shared, start, np.zeros((len(observed.q), 7)))
    for _ in range(_MOST_STEPS):
        gain, state = _improved(state)
        if gain < _ENOUGH * state.cost:
            break
    else:
        raise CalibrationError(
            "the calibration does not settle; the samples contradict one another: check that the "
            "board was fixed and that joints and images are of the same moments"
        )
    freedom = max(2 * int(observed.seen.sum()) - shared, 1)
    # Where the residuals are larger than was supposed, so is the uncertainty.
    covariance = np.linalg.pinv(state.equations()[0]) * max(1.0, 2.0 * state.cost / freedom)
    turn, shift = (
        float(np.sqrt(np.linalg.eigvalsh(covariance[block, block])[-1]))
        for block in (slice(0, 3), slice(3, 6))
    )
    scale = float(np.sqrt(covariance[_GLOBALS, _GLOBALS])) if with_scale else 0.0
    return Adjustment(state.estimate, observed.q + state.dq, shift, turn, scale)


@dataclass(frozen=True, eq=False)
class _State:
    """Where the adjustment has got to."""

    observed: Observations
    noise: Noise
    shared: int
    estimate: Estimate
    dq: Float[Array, "n 7"]

    @cached_property
    def cost(self) -> float:
        """Half the sum of squares, in units of the standard deviations."""
        joints = self.dq / self.noise.joint_rad if self.noise.joint_rad else self.dq
        corners = self.corners(np.zeros(self.shared), np.zeros(7))
        return 0.5 * float(np.sum(corners**2) + np.sum(joints**2))

    def corners(self, step: Float[Array, "s"], dq: Float[Array, "7"]) -> Float[Array, "n k"]:
        """Errors of corners one step further, over their standard deviation."""
        q = self.observed.q + self.dq + dq
        errors = self.observed.errors_px(self.estimate.moved(step), q)
        return errors.reshape(len(q), -1) / self.noise.corner_px

    def moved(self, step: Float[Array, "s"], dq: Float[Array, "n 7"]) -> "_State":
        """One step further."""
        return replace(self, estimate=self.estimate.moved(step), dq=self.dq + dq)

    def slopes(self) -> tuple[Float[Array, "n k s"], Float[Array, "n k 7"]]:
        """How the errors change with what is shared and with each sample's joints."""
        still, rest = np.zeros(self.shared), np.zeros(7)
        shared = [
            (self.corners(e, rest) - self.corners(-e, rest)) / (2 * _DIFFERENCE)
            for e in _DIFFERENCE * np.eye(self.shared)
        ]
        joints = [
            (self.corners(still, e) - self.corners(still, -e)) / (2 * _DIFFERENCE)
            for e in _DIFFERENCE * np.eye(7)
        ]
        return np.stack(shared, -1), self.noise.joint_rad * np.stack(joints, -1)

    def equations(self) -> tuple[Array, Array, Any]:
        """Normal equations of what is shared, and how the joints follow from their solution."""
        shared, joints = self.slopes()
        errors = self.corners(np.zeros(self.shared), np.zeros(7))
        scaled = self.dq / self.noise.joint_rad if self.noise.joint_rad else self.dq
        own = np.linalg.inv(np.swapaxes(joints, 1, 2) @ joints + np.eye(7))
        own_gradient = np.einsum("nkj,nk->nj", joints, errors) + scaled
        mixed = np.einsum("nks,nkj->nsj", shared, joints)
        matrix = np.einsum("nks,nkt->st", shared, shared)
        matrix = matrix - np.einsum("nsi,nij,ntj->st", mixed, own, mixed)
        gradient = np.einsum("nks,nk->s", shared, errors)
        gradient = gradient - np.einsum("nsi,nij,nj->s", mixed, own, own_gradient)

        def joints_of(step: Array) -> Array:
            pull = own_gradient + np.einsum("nsj,s->nj", mixed, step)
            return -np.einsum("nij,nj->ni", own, pull) * self.noise.joint_rad

        return matrix, gradient, joints_of


def _improved(state: _State) -> tuple[float, _State]:
    """How much the cost falls by the best step, halved until it does fall, and where it leads."""
    matrix, gradient, joints_of = state.equations()
    step = -np.linalg.lstsq(matrix, gradient, rcond=None)[0]
    dq = joints_of(step)
    for share in _SHARES:
        there = state.moved(share * step, share * dq)
        if there.cost < state.cost:
            return state.cost - there.cost, there
    return 0.0, state


def _pose(step: Float[Array, "6"]) -> "Float[Array, '4 4']":
    return transform(Rotation.from_rotvec(step[:3]).as_matrix(), step[3:])
