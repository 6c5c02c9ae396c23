# SPDX-License-Identifier: Apache-2.0
"""Open the microwave."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import fittings, grips, props, shapes
from genima.sim.task import Task, Waypoint

_DEPTH_M, _WIDTH_M, _HEIGHT_M = 0.20, 0.30, 0.165
_WALL_M = 0.012
_DOOR_M = 0.215
_DOOR_HALF_M = 0.010
_BAR = (0.056, 0.185, 0.058)
_BAR_HALF_M = 0.024
_OPEN_RAD = np.radians(80.0)
_GOAL_RAD = np.radians(90.0)
_STOP_RAD = np.radians(110.0)
_FOLLOW = 0.5


class OpenMicrowave(Task):
    """A microwave oven with its hinge on the left; done when the door is 80 degrees open.

    The bar stands upright near the upper edge. The hand comes from above, stays over the oven,
    and the bar turns between its fingers.
    """

    name = "open_microwave"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return ("open microwave", "open the microwave door", "pull the microwave door open")

    def build(self, spec: mujoco.MjSpec) -> None:
        """The oven: +x is its front, whose middle on the table is the body's origin."""
        case = props.add_material(spec, "oven", (0.72, 0.72, 0.71), shininess=0.5)
        front = props.add_material(spec, "oven_front", (0.30, 0.31, 0.33), shininess=0.6)
        glass = props.add_material(
            spec, "oven_glass", (0.17, 0.20, 0.22), shininess=0.9, specular=0.9
        )
        metal = props.add_material(
            spec, "oven_metal", (0.78, 0.78, 0.79), shininess=0.8, specular=0.8
        )
        oven = spec.worldbody.add_body(name="oven")
        half = (_DEPTH_M / 2, _WIDTH_M / 2, _HEIGHT_M / 2)
        centre = (-_DEPTH_M / 2, 0, _HEIGHT_M / 2)
        fittings.add_shell(oven, half, _WALL_M, centre=centre, open_axis=0, material=case)
        self._build_panel(oven, front, metal)
        door = oven.add_body(name="oven_door", pos=(0.002, -_WIDTH_M / 2, _HEIGHT_M / 2))
        fittings.add_hinge(door, "oven_door_joint", (0, 0, -1), _STOP_RAD, friction_nm=0.25)
        self._build_door(spec, door, (front, glass, metal))

    def _build_panel(self, oven: mujoco.MjsBody, front: str, metal: str) -> None:
        """Two knobs beside the door."""
        box, cylinder = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER
        half = (_WIDTH_M - _DOOR_M) / 2
        y = _WIDTH_M / 2 - half
        size = (_DOOR_HALF_M, half - 0.0015, _HEIGHT_M / 2)
        props.add_collider(
            oven, box, size, pos=(_DOOR_HALF_M - 0.004, y, _HEIGHT_M / 2), material=front
        )
        for z in (0.055, 0.115):
            props.add_visual(
                oven,
                metal,
                shape=cylinder,
                size=(0.018, 0.008),
                pos=(2 * _DOOR_HALF_M, y, z),
                quat=props.ALONG_X,
            )

    def _build_door(
        self, spec: mujoco.MjSpec, door: mujoco.MjsBody, looks: tuple[str, str, str]
    ) -> None:
        """The door: its hinge is the body's origin, +y is across it."""
        front, glass, metal = looks
        half = (_DOOR_HALF_M, _DOOR_M / 2 - 0.001, _HEIGHT_M / 2 - 0.001)
        middle = (_DOOR_HALF_M, _DOOR_M / 2, 0.0)
        shapes.add_rounded_box(spec, "oven_door", half, 0.004)
        props.add_visual(door, front, mesh="oven_door", pos=middle)
        props.add_collider(door, mujoco.mjtGeom.mjGEOM_BOX, half, pos=middle, mass_kg=0.3)
        shapes.add_rounded_box(spec, "oven_window", (_DOOR_HALF_M + 0.001, 0.068, 0.052), 0.003)
        props.add_visual(
            door, glass, mesh="oven_window", pos=(_DOOR_HALF_M, _DOOR_M / 2 - 0.015, 0.0)
        )
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        props.add_collider(
            door, capsule, (0.007, _BAR_HALF_M), pos=_BAR, material=metal, friction=1.5
        )
        stud = (_BAR[0] - 2 * _DOOR_HALF_M) / 2
        for end in (-1, 1):
            props.add_visual(
                door,
                metal,
                shape=capsule,
                size=(0.005, stud),
                pos=(_BAR[0] - stud, _BAR[1], _BAR[2] + end * (_BAR_HALF_M - 0.003)),
                quat=props.ALONG_X,
            )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """At one side of the workspace, the front towards its middle."""
        side = rng.choice([-1.0, 1.0])
        # Sideways or somewhat towards the robot.
        yaw = -side * (np.pi / 2 + rng.uniform(-0.3, 0.6))
        x, y = rng.uniform(0.40, 0.56), side * rng.uniform(0.15, 0.26)
        props.fix_body(model, "oven", (x, y, 0.0), yaw)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the door's joint is at more than 80 degrees."""
        return bool(data.joint("oven_door_joint").qpos[0] > _OPEN_RAD)

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above the bar, around it, close, along the door's circle."""
        return grips.turn_by_handle(
            data, "oven_door", "oven_door_joint", _bar, _GOAL_RAD, follow=_FOLLOW
        )


def _bar(data: mujoco.MjData) -> Float[Array, "3"]:
    """Middle of the door's bar in panda_link0 [m]."""
    return grips.point_of(data, "oven_door", _BAR)
