# SPDX-License-Identifier: Apache-2.0
"""Turn the left tap."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import fittings, grips, props, shapes
from genima.sim.task import Task, Waypoint

_PLATE_M = 0.026
_HALF_PLATE_M = (0.034, 0.125, _PLATE_M / 2)
_TAP_Y_M = 0.088
_HALF_WING_M = (0.034, 0.008, 0.013)
_WING_M = 0.056
"""Middle of a tap's wing over the plate."""
_TURNED_RAD = 1.57
_GOAL_RAD = np.radians(104.0)
_STOP_RAD = np.radians(125.0)


class TurnTap(Task):
    """A mixer with two taps; done when the left one is a quarter of a turn further.

    Left is what is on the left of somebody before whom the spout ends.
    """

    name = "turn_tap"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return ("turn left tap", "rotate the left tap", "grasp the left tap and turn it")

    def build(self, spec: mujoco.MjSpec) -> None:
        """The mixer: the spout goes to +x, the middle of its plate is the body's origin."""
        chrome = props.add_material(
            spec, "mixer_chrome", (0.66, 0.67, 0.69), shininess=0.9, specular=0.9
        )
        dark = props.add_material(spec, "mixer_dark", (0.36, 0.37, 0.40), shininess=0.6)
        mixer = spec.worldbody.add_body(name="mixer")
        shapes.add_rounded_box(spec, "mixer_plate", _HALF_PLATE_M, 0.010)
        props.add_visual(mixer, chrome, mesh="mixer_plate", pos=(0, 0, _PLATE_M / 2))
        box = mujoco.mjtGeom.mjGEOM_BOX
        props.add_collider(mixer, box, _HALF_PLATE_M, pos=(0, 0, _PLATE_M / 2))
        self._build_spout(mixer, chrome)
        wing = shapes.add_rounded_box(spec, "mixer_wing", _HALF_WING_M, 0.005)
        for name, y in (("left", -_TAP_Y_M), ("right", _TAP_Y_M)):
            tap = mixer.add_body(name=f"tap_{name}", pos=(0, y, _PLATE_M))
            joint = f"tap_{name}_joint"
            fittings.add_hinge(tap, joint, (0, 0, 1), _STOP_RAD, friction_nm=0.15)
            height = _WING_M - _HALF_WING_M[2]
            cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
            props.add_collider(
                tap, cylinder, (0.013, height / 2), pos=(0, 0, height / 2), material=chrome
            )
            props.add_visual(tap, dark, mesh=wing, pos=(0, 0, _WING_M))
            props.add_collider(tap, box, _HALF_WING_M, pos=(0, 0, _WING_M), friction=1.5)

    def _build_spout(self, mixer: mujoco.MjsBody, chrome: str) -> None:
        """Lower than the hand is while it turns a tap."""
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        props.add_collider(
            mixer, capsule, (0.013, 0.032), pos=(0, 0, _PLATE_M + 0.028), material=chrome
        )
        # Level, then a short end that points down.
        props.add_collider(
            mixer,
            capsule,
            (0.011, 0.055),
            pos=(0.055, 0, _PLATE_M + 0.060),
            quat=props.ALONG_X,
            material=chrome,
        )
        props.add_collider(
            mixer, capsule, (0.011, 0.010), pos=(0.110, 0, _PLATE_M + 0.050), material=chrome
        )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Anywhere in the workspace, the spout more or less towards the robot."""
        props.face_robot(model, "mixer", rng, (0.38, -0.20), (0.60, 0.20), 0.8)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the left tap's joint is at more than 1.57 rad."""
        return bool(data.joint("tap_left_joint").qpos[0] > _TURNED_RAD)

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above the wing, around it, close, turn the hand."""
        return grips.turn_by_handle(
            data, "tap_left", "tap_left_joint", _wing, _GOAL_RAD, follow=1.0
        )


def _wing(data: mujoco.MjData) -> Float[Array, "3"]:
    """Middle of the left tap's wing in panda_link0 [m]."""
    return grips.point_of(data, "tap_left", (0.0, 0.0, _WING_M))
