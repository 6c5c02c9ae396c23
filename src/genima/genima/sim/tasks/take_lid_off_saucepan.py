# SPDX-License-Identifier: Apache-2.0
"""Take the lid off the saucepan."""

import mujoco
import numpy as np

from genima.sim import grips, props, shapes
from genima.sim.readings import PandaReadings
from genima.sim.task import Task, Waypoint

_PAN_RADIUS_M = 0.095
_PAN_HEIGHT_M = 0.080
_KNOB_HEIGHT_M = 0.040  # of its middle, over the pan's rim
_LIFT_M = 0.17
_LIFTED_M = 0.10
_ASIDE_M = 0.12


class TakeLidOffSaucepan(Task):
    """A pan with a lid; done when the gripper holds the lid in the zone above the pan."""

    name = "take_lid_off_saucepan"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return (
            "take lid off the saucepan",
            "using the handle, lift the lid off of the pan",
            "remove the lid from the pan",
            "grip the saucepan's lid and remove it from the pan",
            "leave the pan open",
            "uncover the saucepan",
        )

    def build(self, spec: mujoco.MjSpec) -> None:
        """A steel pan with a long handle, fixed, and a free lid with a knob."""
        steel = props.add_material(
            spec, "pan_steel", (0.62, 0.63, 0.65), shininess=0.8, specular=0.9, reflectance=0.05
        )
        inside = props.add_material(
            spec, "pan_lid", (0.72, 0.73, 0.75), shininess=0.8, specular=0.8
        )
        dark = props.add_material(spec, "pan_dark", (0.13, 0.12, 0.12), shininess=0.5)
        self._build_pan(spec, steel, dark)
        self._build_lid(spec, inside, dark)

    def _build_pan(self, spec: mujoco.MjSpec, steel: str, dark: str) -> None:
        r, h = _PAN_RADIUS_M, _PAN_HEIGHT_M
        shapes.add_lathe(
            spec,
            "pan",
            (
                (0.0, 0.0005),
                (r - 0.012, 0.0005),
                (r - 0.004, 0.003),
                (r, 0.012),
                (r, h - 0.005),
                (r + 0.004, h - 0.002),
                (r + 0.003, h),
                (r - 0.004, h - 0.002),
                (r - 0.004, 0.012),
                (r - 0.012, 0.005),
                (0.0, 0.005),
            ),
        )
        pan = spec.worldbody.add_body(name="pan")
        props.add_visual(pan, steel, mesh="pan")
        cylinder, capsule = mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_CAPSULE
        props.add_collider(pan, cylinder, (r, h / 2), pos=(0, 0, h / 2))
        props.add_collider(
            pan,
            capsule,
            (0.006, 0.018),
            pos=(r + 0.018, 0, h - 0.016),
            quat=props.ALONG_X,
            material=steel,
        )
        props.add_collider(
            pan,
            capsule,
            (0.0115, 0.055),
            pos=(r + 0.095, 0, h - 0.016),
            quat=props.ALONG_X,
            material=dark,
        )

    def _build_lid(self, spec: mujoco.MjSpec, steel: str, dark: str) -> None:
        r = _PAN_RADIUS_M
        shapes.add_lathe(
            spec,
            "lid",
            (
                (0.0, 0.0),
                (r - 0.006, 0.0),
                (r + 0.004, 0.001),
                (r + 0.005, 0.003),
                (r, 0.005),
                (0.85 * r, 0.0085),
                (0.6 * r, 0.0135),
                (0.3 * r, 0.0165),
                (0.0, 0.0175),
            ),
        )
        shapes.add_lathe(
            spec,
            "knob",
            (
                (0.008, 0.0),
                (0.0075, 0.010),
                (0.0100, 0.014),
                (0.0155, 0.0165),
                (0.0165, 0.020),
                (0.0165, 0.036),
                (0.0140, 0.0395),
                (0.0060, 0.041),
                (0.0, 0.041),
            ),
            segments=32,
        )
        lid = spec.worldbody.add_body(name="lid")
        lid.add_freejoint(name="lid_joint")
        props.add_visual(lid, steel, mesh="lid")
        props.add_visual(lid, dark, mesh="knob", pos=(0, 0, 0.0155))
        cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
        props.add_collider(lid, cylinder, (r + 0.004, 0.0025), pos=(0, 0, 0.0025), mass_kg=0.12)
        props.add_collider(lid, cylinder, (0.5 * r, 0.005), pos=(0, 0, 0.010), mass_kg=0.03)
        props.add_collider(
            lid, cylinder, (0.0165, 0.011), pos=(0, 0, 0.0445), mass_kg=0.02, friction=1.5
        )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Anywhere in the workspace, at any yaw, the lid on the pan."""
        x, y = rng.uniform(0.36, 0.58), rng.uniform(-0.20, 0.20)
        yaw = rng.uniform(-np.pi, np.pi)
        props.fix_body(model, "pan", (x, y, 0.0), yaw)
        props.free_body(model, data, "lid_joint", (x, y, _PAN_HEIGHT_M + 0.0005), yaw)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the lid is grasped, and in a zone above the pan."""
        lid, pan = data.body("lid").xpos, data.body("pan").xpos
        lifted = lid[2] - _PAN_HEIGHT_M > _LIFTED_M
        above = np.linalg.norm(lid[:2] - pan[:2]) < _ASIDE_M
        return bool(lifted and above and PandaReadings(model).grasps(data, "lid"))

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above the knob, down, close, lift."""
        knob = _knob(data)
        # The knob is round: whatever the pan's yaw, grasp it across the line to the base.
        yaw = float(np.arctan2(knob[1], knob[0]))
        return grips.pick_up(_knob, data, yaw, _LIFT_M)


def _knob(data: mujoco.MjData) -> np.ndarray:
    """Middle of the knob in panda_link0 [m]."""
    lid = data.body("lid")
    return np.array(lid.xpos + lid.xmat.reshape(3, 3) @ (0.0, 0.0, _KNOB_HEIGHT_M + 0.0045))
