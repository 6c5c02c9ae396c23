# SPDX-License-Identifier: Apache-2.0
"""An arm and its cameras as tensors."""

import numpy as np
import torch

from genima.arrays import Array, Float
from genima.diffusion.arm_view import ArmView, lenses
from genima.kinematics import Q_HOME

from . import decode_cases as cases

SIDE = cases.POLICY.image_size_px
HOME = np.array(Q_HOME)


def arm_at(q: Float[Array, "7"]) -> ArmView:
    """The arm at some joint positions [rad], before the cameras of these tests."""
    views = cases.RIG.views(q)
    poses = np.stack([views[name].cam_T_base for name in cases.POLICY.cameras])
    numbers = (q, poses, lenses(views, cases.POLICY))
    return ArmView(*(torch.from_numpy(part).float()[None] for part in numbers))
