# SPDX-License-Identifier: Apache-2.0
"""Lift the toilet seat up."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import fittings, grips, props, shapes
from genima.sim.task import Task, Waypoint

_RIM_M = 0.150
_RADIUS_M = 0.085
_OVAL = 1.2
_HINGE_M = -0.100
_SEAT_M = 0.012
_EDGE = (_OVAL * (_RADIUS_M + 0.003) - _HINGE_M - 0.006, 0.0, _SEAT_M / 2 + 0.001)
_UP_RAD = 1.40
_GOAL_RAD = np.radians(90.0)
_STOP_RAD = np.radians(97.0)


class ToiletSeatUp(Task):
    """A small toilet with its cover up; done when the seat stands nearly upright.

    The seat has a tab in front, as hygienic seats do: an edge that lies on the bowl cannot be
    gripped from above.
    """

    name = "toilet_seat_up"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return (
            "lift toilet seat up",
            "put the toilet seat up",
            "leave the lid of the toilet seat in a upright position",
            "grip the edge of the toilet seat and lift it up to an upright position",
            "leave the toilet lid open",
            "raise the toilet seat",
        )

    def build(self, spec: mujoco.MjSpec) -> None:
        """The toilet: +x is its front, the middle of the bowl's foot is the body's origin."""
        china = props.add_material(
            spec, "toilet_china", (0.90, 0.90, 0.88), shininess=0.8, specular=0.6
        )
        grey = props.add_material(spec, "toilet_seat", (0.66, 0.70, 0.74), shininess=0.6)
        chrome = props.add_material(
            spec, "toilet_chrome", (0.55, 0.56, 0.58), shininess=0.9, specular=0.9
        )
        toilet = spec.worldbody.add_body(name="toilet")
        self._build_bowl(spec, toilet, china)
        self._build_tank(spec, toilet, china, chrome)
        self._build_cover(spec, toilet, grey)
        seat = toilet.add_body(name="toilet_seat", pos=(_HINGE_M, 0, _RIM_M))
        fittings.add_hinge(seat, "toilet_seat_joint", (0, -1, 0), _STOP_RAD, friction_nm=0.25)
        self._build_seat(spec, seat, grey)
        fittings.add_tab(spec, seat, _EDGE, grey)

    def _build_bowl(self, spec: mujoco.MjSpec, toilet: mujoco.MjsBody, china: str) -> None:
        r, h = _RADIUS_M, _RIM_M
        outside = ((0.0, 0.0005), (0.066, 0.0005), (0.064, 0.02), (0.058, 0.06), (0.066, 0.095))
        rim = ((0.080, 0.120), (r, 0.138), (r, h - 0.003), (r - 0.003, h), (r - 0.02, h))
        inside = ((r - 0.024, h - 0.004), (0.05, 0.105), (0.02, 0.085), (0.0, 0.083))
        shapes.add_lathe(spec, "toilet_bowl", outside + rim + inside, stretch=_OVAL)
        props.add_visual(toilet, china, mesh="toilet_bowl")
        cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
        props.add_collider(toilet, cylinder, (r, h / 2 - 0.004), pos=(0, 0, h / 2 - 0.004))

    def _build_tank(
        self, spec: mujoco.MjSpec, toilet: mujoco.MjsBody, china: str, chrome: str
    ) -> None:
        box = mujoco.mjtGeom.mjGEOM_BOX
        for name, half, z in (
            ("toilet_tank", (0.036, 0.098, 0.064), 0.206),
            ("toilet_tank_top", (0.040, 0.103, 0.009), 0.279),
        ):
            shapes.add_rounded_box(spec, name, half, 0.008)
            props.add_visual(toilet, china, mesh=name, pos=(-0.175, 0, z))
            props.add_collider(toilet, box, half, pos=(-0.175, 0, z))
        # What joins bowl and tank, down to the table.
        shapes.add_rounded_box(spec, "toilet_back", (0.075, 0.055, 0.073), 0.012)
        props.add_visual(toilet, china, mesh="toilet_back", pos=(-0.125, 0, 0.073))
        props.add_collider(toilet, box, (0.075, 0.055, 0.073), pos=(-0.125, 0, 0.073))
        props.add_visual(
            toilet,
            chrome,
            shape=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=(0.016, 0.003),
            pos=(-0.175, 0, 0.290),
        )

    def _build_cover(self, spec: mujoco.MjSpec, toilet: mujoco.MjsBody, look: str) -> None:
        """It leans against the tank."""
        r = _RADIUS_M + 0.003
        edge = ((0.0, 0.0), (r - 0.002, 0.0), (r, 0.002), (r, 0.006), (r - 0.003, 0.008))
        shapes.add_lathe(spec, "toilet_cover", (*edge, (0.0, 0.008)), stretch=_OVAL)
        lean = np.radians(98.0)
        # About -y: the disc's +x goes up, its +z towards the tank.
        quat = (np.cos(lean / 2), 0.0, -np.sin(lean / 2), 0.0)
        reach = _OVAL * r
        pos = (_HINGE_M - 0.016 + reach * np.cos(lean), 0, _RIM_M + 0.012 + reach * np.sin(lean))
        props.add_visual(toilet, look, mesh="toilet_cover", pos=pos, quat=quat)

    def _build_seat(self, spec: mujoco.MjSpec, seat: mujoco.MjsBody, look: str) -> None:
        r, low, high = _RADIUS_M + 0.003, 0.001, 0.001 + _SEAT_M
        hole = r - 0.030
        profile = (
            (hole, low),
            (r - 0.003, low),
            (r, low + 0.004),
            (r, high - 0.004),
            (r - 0.004, high),
            (hole + 0.004, high),
            (hole, high - 0.004),
            (hole, low),
        )
        shapes.add_lathe(spec, "toilet_seat", profile, stretch=_OVAL)
        props.add_visual(seat, look, mesh="toilet_seat", pos=(-_HINGE_M, 0, 0))
        box = mujoco.mjtGeom.mjGEOM_BOX
        for x, half in ((0.025, (0.014, 0.05)), (_EDGE[0] - 0.012, (0.012, 0.04))):
            props.add_collider(seat, box, (*half, _SEAT_M / 2), pos=(x, 0, _EDGE[2]), mass_kg=0.04)
        for side in (-1, 1):
            props.add_collider(
                seat,
                box,
                (0.055, 0.012, _SEAT_M / 2),
                pos=(-_HINGE_M, side * (_RADIUS_M - 0.012), _EDGE[2]),
                mass_kg=0.04,
            )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Anywhere in the workspace, the front more or less towards the robot."""
        props.face_robot(model, "toilet", rng, (0.42, -0.18), (0.58, 0.18), 0.7)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the seat's joint is at more than 1.4 rad."""
        return bool(data.joint("toilet_seat_joint").qpos[0] > _UP_RAD)

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above the tab, around it, close, up."""
        return grips.turn_by_handle(data, "toilet", "toilet_seat_joint", _tab, _GOAL_RAD)


def _tab(data: mujoco.MjData) -> Float[Array, "3"]:
    """Middle of the seat's tab in panda_link0 [m]."""
    return grips.point_of(data, "toilet_seat", fittings.tab_of(_EDGE))
