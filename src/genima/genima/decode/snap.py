# SPDX-License-Identifier: Apache-2.0
"""Moves a configuration so that its spheres have given centres and stripe axes."""

import numpy as np

from genima.arrays import Array, Float
from genima.decode.body import body_at
from genima.limits import JointLimits

# Outlines tell centres to a few millimetres, the bank of directions tells axes to a few degrees.
_CENTRE_SIGMA_M = 0.01
_AXIS_SIGMA = 0.06
_STEPS = 8
_DAMPING = 0.02


def snapped(
    q: Float[Array, "7"],
    centres: "Float[Array, '4 3']",
    axes: "Float[Array, '4 3']",
    limits: JointLimits,
) -> Float[Array, "7"]:
    """Least squares from `q` [rad]; rows of NaN in `axes` are unknown."""
    known = np.isfinite(axes[:, 0])
    for _ in range(_STEPS):
        body = body_at(q)
        residual = np.concatenate(
            [
                ((body.centres - centres) / _CENTRE_SIGMA_M).ravel(),
                ((body.axes - axes)[known] / _AXIS_SIGMA).ravel(),
            ]
        )
        jacobian = np.concatenate(
            [
                body.dcentres.reshape(-1, 7) / _CENTRE_SIGMA_M,
                body.daxes[known].reshape(-1, 7) / _AXIS_SIGMA,
            ]
        )
        hessian = jacobian.T @ jacobian
        hessian[np.diag_indices(7)] += _DAMPING * float(np.trace(hessian)) / 7
        q = limits.clamp(q - np.linalg.solve(hessian, jacobian.T @ residual))
    return q
