# SPDX-License-Identifier: Apache-2.0
"""Pick up the red cup."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import grips, props, shapes
from genima.sim.draws import draw_until
from genima.sim.readings import PandaReadings
from genima.sim.task import Task, Waypoint

_RADIUS_M, _HEIGHT_M = 0.026, 0.085
_GRASP_M = 0.055
_APART_M = 0.15
_LIFT_M = 0.17
_LIFTED_M = 0.10
_RED = (0.80, 0.22, 0.17)
_OTHERS = ((0.22, 0.27, 0.42), (0.84, 0.80, 0.70), (0.45, 0.44, 0.30), (0.42, 0.30, 0.24))
"""Looks of the other cup: navy, cream, olive, brown."""


class PickUpCup(Task):
    """A red cup and another one; done when the gripper holds the red one above the table."""

    name = "pick_up_cup"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return ("pick up the red cup", "grasp the red cup and lift it", "lift the red cup")

    def build(self, spec: mujoco.MjSpec) -> None:
        """Two free cups of one shape."""
        r, h = _RADIUS_M, _HEIGHT_M
        outside = ((0.0, 0.0), (r - 0.004, 0.0), (r - 0.001, 0.003), (r, 0.008), (r, h - 0.001))
        inside = ((r - 0.001, h), (r - 0.0025, h - 0.001), (r - 0.003, 0.010), (0.0, 0.006))
        shapes.add_lathe(spec, "cup", outside + inside)
        for name, rgb in (("cup", _RED), ("other_cup", _OTHERS[0])):
            look = props.add_material(spec, name, rgb, shininess=0.6, specular=0.5)
            cup = spec.worldbody.add_body(name=name)
            cup.add_freejoint(name=f"{name}_joint")
            props.add_visual(cup, look, mesh="cup")
            props.add_collider(
                cup,
                mujoco.mjtGeom.mjGEOM_CYLINDER,
                (r, h / 2),
                pos=(0, 0, h / 2),
                mass_kg=0.12,
                friction=1.2,
            )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Anywhere in the workspace, apart from each other."""
        low, high = (0.34, -0.24), (0.60, 0.24)
        cup = rng.uniform(low, high)
        other = draw_until(
            lambda at: bool(np.linalg.norm(cup - at) >= _APART_M), lambda: rng.uniform(low, high)
        )
        for name, at in (("cup", cup), ("other_cup", other)):
            yaw = rng.uniform(-np.pi, np.pi)
            props.free_body(model, data, f"{name}_joint", (*at, 0.0005), yaw)
        model.material("other_cup").rgba[:3] = rng.choice(_OTHERS)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the red cup is grasped, and out of the zone where it stood."""
        lifted = data.body("cup").xpos[2] > _LIFTED_M
        return bool(lifted and PandaReadings(model).grasps(data, "cup"))

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above the cup, down, close, lift."""
        cup, other = data.body("cup").xpos, data.body("other_cup").xpos
        # The cup is round: the fingers open across the line to the other one.
        away = other - cup
        yaw = props.wrap(float(np.arctan2(away[1], away[0])), np.pi)
        return grips.pick_up(_grasp_point, data, yaw, _LIFT_M)


def _grasp_point(data: mujoco.MjData) -> Float[Array, "3"]:
    """Where the fingers hold the cup, in panda_link0 [m]."""
    return grips.point_of(data, "cup", (0.0, 0.0, _GRASP_M))
