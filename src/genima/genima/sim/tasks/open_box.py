# SPDX-License-Identifier: Apache-2.0
"""Open the box."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import fittings, grips, props
from genima.sim.task import Task, Waypoint

_DEPTH_M, _WIDTH_M, _HEIGHT_M = 0.15, 0.22, 0.09
_WALL_M = 0.007
_LID_M = 0.008
_EDGE = (_DEPTH_M + 0.002, 0.0, _LID_M / 2 + 0.001)
_OPEN_RAD = np.radians(90.0)
_GOAL_RAD = np.radians(102.0)
_STOP_RAD = np.radians(115.0)


class OpenBox(Task):
    """A box with a hinged lid; done when the lid stands more than upright.

    The fingers close along the hinge, so that the tab can turn between them and the hand need not.
    """

    name = "open_box"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return ("open box", "open the box lid", "open the box", "grasp the lid and open the box")

    def build(self, spec: mujoco.MjSpec) -> None:
        """The box: +x is its front, the middle of its bottom is the body's origin."""
        look = props.add_wood(spec, "box", (0.45, 0.31, 0.22))
        lid_look = props.add_wood(spec, "box_lid", (0.56, 0.40, 0.29))
        brass = props.add_material(
            spec, "box_brass", (0.66, 0.55, 0.36), shininess=0.7, specular=0.7
        )
        box = spec.worldbody.add_body(name="box")
        half = (_DEPTH_M / 2, _WIDTH_M / 2, _HEIGHT_M / 2)
        fittings.add_shell(
            box, half, _WALL_M, centre=(0, 0, _HEIGHT_M / 2), open_axis=2, material=look
        )
        lid = box.add_body(name="box_lid", pos=(-_DEPTH_M / 2, 0, _HEIGHT_M))
        fittings.add_hinge(lid, "box_lid_joint", (0, -1, 0), _STOP_RAD, friction_nm=0.25)
        props.add_collider(
            lid,
            mujoco.mjtGeom.mjGEOM_BOX,
            (_EDGE[0] / 2, _WIDTH_M / 2 + 0.003, _LID_M / 2),
            pos=(_EDGE[0] / 2, 0, _EDGE[2]),
            material=lid_look,
            mass_kg=0.12,
        )
        fittings.add_tab(spec, lid, _EDGE, brass)

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Anywhere in the workspace, the front more or less towards the robot."""
        props.face_robot(model, "box", rng, (0.38, -0.20), (0.56, 0.20), 0.7)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the lid's joint is at more than 90 degrees."""
        return bool(data.joint("box_lid_joint").qpos[0] > _OPEN_RAD)

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above the tab, around it, close, up and over."""
        return grips.turn_by_handle(data, "box", "box_lid_joint", _tab, _GOAL_RAD)


def _tab(data: mujoco.MjData) -> Float[Array, "3"]:
    """Middle of the lid's tab in panda_link0 [m]."""
    return grips.point_of(data, "box_lid", fittings.tab_of(_EDGE))
