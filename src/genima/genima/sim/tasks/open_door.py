# SPDX-License-Identifier: Apache-2.0
"""Open the door."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import fittings, grips, props, shapes
from genima.sim.task import Task, Waypoint

_WIDTH_M, _HEIGHT_M, _HALF_DOOR_M = 0.28, 0.205, 0.010
_POST_M = 0.011
_BELOW_M = 0.016
_LATCH = "door_latch"
_LEVER = (2 * _HALF_DOOR_M + 0.046, _WIDTH_M - 0.050, 0.150)
"""Middle of the lever's pivot in the door [m], whose hinge is the origin."""
_LEVER_M, _LEVER_RADIUS_M = 0.100, 0.008
_PRESS_AT_M = 0.078  # from the pivot
_PRESS_FROM_M, _PRESS_TO_M = 0.09, -0.034
_TILT_RAD = np.radians(40.0)
_UNLOCKED_RAD = np.radians(25.0)
_OPEN_RAD = np.radians(25.0)
_STOP_RAD = np.radians(60.0)
_THROUGH_M = 0.080
"""How far the fingers go on behind the sill; straight, as the hand has to pass the posts."""


class OpenDoor(Task):
    """A low door between two posts, with a lever; done when it is pushed open by 25 degrees.

    Arm and hand reach over it. The latch lets go for good when the lever is 25 degrees down; the
    expert presses the lever with closed fingers and pushes on from there.
    """

    name = "open_door"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return (
            "open the door",
            "grip the handle and push the door open",
            "use the handle to open the door",
        )

    def build(self, spec: mujoco.MjSpec) -> None:
        """The frame: +x is the side of the lever; the middle of the sill is the body's origin."""
        white = props.add_material(spec, "door_frame", (0.84, 0.83, 0.80), specular=0.2)
        paint = props.add_material(spec, "door", (0.42, 0.50, 0.54), shininess=0.4)
        field = props.add_material(spec, "door_field", (0.36, 0.43, 0.47), shininess=0.4)
        steel = props.add_material(
            spec, "door_steel", (0.62, 0.62, 0.63), shininess=0.8, specular=0.8
        )
        frame = spec.worldbody.add_body(name="door_frame")
        self._build_frame(frame, white)
        hinge = (-_HALF_DOOR_M, -_WIDTH_M / 2, _BELOW_M)
        door = frame.add_body(name="door", pos=hinge)
        fittings.add_hinge(door, "door_joint", (0, 0, 1), _STOP_RAD, friction_nm=0.25)
        self._build_door(spec, door, paint, field)
        lever = door.add_body(name="door_lever", pos=_LEVER)
        self._build_lever(lever, steel)
        latch = spec.add_equality(name=_LATCH, type=mujoco.mjtEq.mjEQ_JOINT, name1="door_joint")
        latch.objtype = mujoco.mjtObj.mjOBJ_JOINT
        latch.data[:] = 0.0

    def _build_frame(self, frame: mujoco.MjsBody, look: str) -> None:
        box = mujoco.mjtGeom.mjGEOM_BOX
        half_height = (_HEIGHT_M + _BELOW_M) / 2 + 0.004
        aside = _WIDTH_M / 2 + 0.003 + _POST_M
        for side in (-1, 1):
            props.add_collider(
                frame,
                box,
                (0.014, _POST_M, half_height),
                pos=(0, side * aside, half_height),
                material=look,
            )
            props.add_collider(
                frame, box, (0.075, 0.018, 0.006), pos=(0, side * aside, 0.006), material=look
            )
        props.add_collider(
            frame, box, (0.014, aside - _POST_M, 0.006), pos=(0, 0, 0.006), material=look
        )

    def _build_door(
        self, spec: mujoco.MjSpec, door: mujoco.MjsBody, paint: str, field: str
    ) -> None:
        half = (_HALF_DOOR_M, _WIDTH_M / 2, _HEIGHT_M / 2)
        middle = (_HALF_DOOR_M, _WIDTH_M / 2, _HEIGHT_M / 2)
        box = mujoco.mjtGeom.mjGEOM_BOX
        props.add_collider(door, box, half, pos=middle, material=paint, mass_kg=0.4)
        for z, half_z in ((0.055, 0.035), (0.148, 0.038)):
            mesh = f"door_field{z}"
            size = (_HALF_DOOR_M + 0.0015, _WIDTH_M / 2 - 0.05, half_z)
            shapes.add_rounded_box(spec, mesh, size, 0.003)
            props.add_visual(door, field, mesh=mesh, pos=(_HALF_DOOR_M, middle[1] - 0.01, z))

    def _build_lever(self, lever: mujoco.MjsBody, steel: str) -> None:
        """The pivot along x, and the lever from it towards the hinge."""
        lever.add_joint(
            name="door_lever_joint",
            type=mujoco.mjtJoint.mjJNT_HINGE,
            axis=(1, 0, 0),
            range=(0.0, np.radians(45.0)),
            limited=True,
            stiffness=0.6,
            damping=0.05,
            armature=0.001,
        )
        cylinder, capsule = mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_CAPSULE
        stand = _LEVER[0] - 2 * _HALF_DOOR_M
        props.add_visual(
            lever,
            steel,
            shape=cylinder,
            size=(0.007, stand / 2),
            pos=(-stand / 2, 0, 0),
            quat=props.ALONG_X,
        )
        props.add_visual(
            lever,
            steel,
            shape=cylinder,
            size=(0.020, 0.003),
            pos=(-stand + 0.003, 0, 0),
            quat=props.ALONG_X,
        )
        props.add_collider(
            lever,
            capsule,
            (_LEVER_RADIUS_M, _LEVER_M / 2),
            pos=(0, -_LEVER_M / 2, 0),
            quat=props.ALONG_Y,
            material=steel,
            friction=0.5,
            mass_kg=0.04,
        )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """At one side of the workspace, the lever towards its middle."""
        side = rng.choice([-1.0, 1.0])
        # Sideways or somewhat towards the robot.
        yaw = -side * (np.pi / 2 + rng.uniform(-0.1, 0.7))
        position = (rng.uniform(0.42, 0.58), side * rng.uniform(0.08, 0.20), 0.0)
        props.fix_body(model, "door_frame", position, yaw)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the door's joint is at more than 25 degrees."""
        return bool(data.joint("door_joint").qpos[0] > _OPEN_RAD)

    def react(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """The latch lets go once the lever is down, as RLBench's does."""
        if data.joint("door_lever_joint").qpos[0] > _UNLOCKED_RAD:
            data.eq_active[model.equality(_LATCH).id] = 0

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above the lever with closed fingers, down, and on with the door."""
        frame = data.body("door_frame")
        out = frame.xmat.reshape(3, 3)[:, 0]
        press = grips.leaning(_lever(data), out, _TILT_RAD)
        above = grips.shifted(press, np.array([0.0, 0.0, _PRESS_FROM_M]))
        down = grips.shifted(press, np.array([0.0, 0.0, _PRESS_TO_M]))
        ahead_m = float((down[:3, 3] - frame.xpos) @ out) + _THROUGH_M
        push = grips.shifted(down, -ahead_m * out)
        still = grips.at_rest(_lever, _lever(data))
        return (
            Waypoint("above", above, gripper_open=False, holds=still),
            # From here on the door may give way at any time, and the push goes on all the same.
            Waypoint("press", down, False, speed_m_s=0.10, straight=True),
            Waypoint("push", push, False, speed_m_s=0.12, straight=True),
        )


def _lever(data: mujoco.MjData) -> Float[Array, "3"]:
    """Where the lever is pressed, while it is up, in panda_link0 [m]."""
    x, y, z = _LEVER
    return grips.point_of(data, "door", (x, y - _PRESS_AT_M, z))
