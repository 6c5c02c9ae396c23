# SPDX-License-Identifier: Apache-2.0
"""What experts and success conditions measure in a compiled model that holds the Panda."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.kinematics import base_T_tcp
from genima.sim.panda import ARM_JOINTS, FINGER_JOINTS

FINGER_BODIES = ("panda_leftfinger", "panda_rightfinger")


class PandaReadings:
    """Joint positions, gripper width and grasp contacts, by name.

    Args:
        model: The compiled scene.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._arm = [int(model.joint(name).qposadr[0]) for name in ARM_JOINTS]
        self._fingers = [int(model.joint(name).qposadr[0]) for name in FINGER_JOINTS]
        self._finger_bodies = [model.body(name).id for name in FINGER_BODIES]

    def q(self, data: mujoco.MjData) -> Float[Array, "7"]:
        """Measured positions of the arm's joints [rad]."""
        return np.array(data.qpos[self._arm])

    def gripper_width_m(self, data: mujoco.MjData) -> float:
        """Distance between the two fingertips [m]."""
        return float(data.qpos[self._fingers].sum())

    def tcp_distance_m(self, data: mujoco.MjData, point: Float[Array, "3"]) -> float:
        """Distance from the TCP to a point in the base [m]."""
        return float(np.linalg.norm(base_T_tcp(self.q(data))[:3, 3] - point))

    def grasps(self, data: mujoco.MjData, body: str) -> bool:
        """Whether both fingers touch a geom of `body`."""
        wanted = self._model.body(body).id
        touching = set()
        for contact in data.contact[: data.ncon]:
            pair = {int(self._model.geom_bodyid[g]) for g in contact.geom}
            if wanted in pair:
                touching |= pair
        return all(finger in touching for finger in self._finger_bodies)
