# SPDX-License-Identifier: Apache-2.0
"""Turn the lamp on."""

import mujoco
import numpy as np

from genima.sim import fittings, grips, props, shapes
from genima.sim.task import Task, Waypoint

_BASE_M = 0.030
_HALF_BASE_M = (0.105, 0.060, _BASE_M / 2)
_BUTTON_X_M, _STEM_X_M = 0.050, -0.075
_STEM_M = 0.27
_SHADE_X_M = -0.115
_OFF_RGB, _ON_RGB = (0.55, 0.54, 0.52), (1.0, 0.97, 0.88)


class LampOn(Task):
    """A table lamp with a button on its foot; done when the button is more than 3 mm down."""

    name = "lamp_on"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return (
            "turn on the light",
            "press the button to turn on the lamp",
            "press the light switch",
            "turn the lamp on",
            "close the gripper and press on the button until the light turns on",
        )

    def build(self, spec: mujoco.MjSpec) -> None:
        """The lamp: +x is in front, where its button is; the foot's middle is the origin."""
        foot = props.add_material(spec, "lamp_foot", (0.27, 0.33, 0.37), shininess=0.5)
        brass = props.add_material(
            spec, "lamp_brass", (0.66, 0.55, 0.36), shininess=0.7, specular=0.7
        )
        shade = props.add_material(spec, "lamp_shade", (0.80, 0.74, 0.64), specular=0.1)
        dark = props.add_material(spec, "lamp_dark", (0.16, 0.16, 0.17))
        button = props.add_material(spec, "lamp_button", (0.82, 0.81, 0.78), shininess=0.6)
        bulb = props.add_material(spec, "lamp_bulb", _OFF_RGB, shininess=0.9)
        lamp = spec.worldbody.add_body(name="lamp")
        shapes.add_rounded_box(spec, "lamp_foot", _HALF_BASE_M, 0.008)
        props.add_visual(lamp, foot, mesh="lamp_foot", pos=(0, 0, _BASE_M / 2))
        at = (_BUTTON_X_M, 0, _BASE_M)
        fittings.add_button(spec, lamp, "lamp_button", at, button, dark)
        half_x, half_y, half_z = _HALF_BASE_M
        # Lower than it looks, so that the cap alone is felt over its whole travel.
        props.add_collider(
            lamp,
            mujoco.mjtGeom.mjGEOM_BOX,
            (half_x, half_y, half_z - 0.004),
            pos=(0, 0, half_z - 0.004),
        )
        self._build_head(spec, lamp, (brass, shade, bulb))

    def _build_head(
        self, spec: mujoco.MjSpec, lamp: mujoco.MjsBody, looks: tuple[str, str, str]
    ) -> None:
        """A stem, and a shade with a bulb that looks out below it."""
        brass, shade, bulb = looks
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        middle = (_STEM_X_M, 0, _BASE_M + _STEM_M / 2)
        props.add_collider(lamp, capsule, (0.007, _STEM_M / 2), pos=middle, material=brass)
        top = _BASE_M + _STEM_M
        arm = (_STEM_X_M - _SHADE_X_M) / 2
        props.add_visual(
            lamp,
            brass,
            shape=capsule,
            size=(0.006, arm),
            pos=(_STEM_X_M - arm, 0, top),
            quat=props.ALONG_X,
        )
        outside = ((0.070, -0.085), (0.068, -0.080), (0.040, -0.012), (0.036, -0.010))
        inside = ((0.034, -0.014), (0.066, -0.085), (0.070, -0.085))
        shapes.add_lathe(spec, "lamp_shade", (*outside, *inside))
        props.add_visual(lamp, shade, mesh="lamp_shade", pos=(_SHADE_X_M, 0, top))
        props.add_collider(
            lamp,
            mujoco.mjtGeom.mjGEOM_CYLINDER,
            (0.060, 0.037),
            pos=(_SHADE_X_M, 0, top - 0.048),
        )
        for radius, z, look in ((0.010, -0.030, brass), (0.026, -0.078, bulb)):
            props.add_visual(
                lamp,
                look,
                shape=mujoco.mjtGeom.mjGEOM_ELLIPSOID,
                size=(radius, radius, 1.2 * radius if look == bulb else 0.04),
                pos=(_SHADE_X_M, 0, top + z),
            )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Anywhere in the workspace, the button more or less towards the robot."""
        props.face_robot(model, "lamp", rng, (0.42, -0.24), (0.62, 0.24), 0.8)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the button's joint is more than 3 mm down."""
        return bool(data.joint("lamp_button_joint").qpos[0] > fittings.BUTTON_PRESSED_M)

    def react(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """The bulb lights up and stays lit, and its light is seen through the shade."""
        if self.success(model, data):
            bulb = model.material("lamp_bulb")
            bulb.rgba[:3], bulb.emission[:] = _ON_RGB, 0.8
            model.material("lamp_shade").emission[:] = 0.5

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above the button with closed fingers, down, and up again."""
        top = (_BUTTON_X_M, 0, _BASE_M + fittings.BUTTON_CAP_M)
        yaw = props.wrap(props.yaw_of(data, "lamp"), np.pi)
        return grips.press(grips.point_of(data, "lamp", top), yaw)
