# SPDX-License-Identifier: Apache-2.0
"""The Panda with its hand as a MuJoCo specification: the wheel's MJCF, our meshes and our drives.

The base, panda_link0, lies at the origin of the MuJoCo world. The arm has ideal gravity
compensation and position drives with the robot's own torque limits; it follows a moving command
with a delay of about 20 ms.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from genima.limits import RobotModel, limits_of
from genima.sim.panda_meshes import MeshPart, build_cache, load_parts

ARM_JOINTS = tuple(f"panda_joint{i}" for i in range(1, 8))
FINGER_JOINTS = ("panda_finger_joint1", "panda_finger_joint2")
ARM_ACTUATORS = tuple(f"drive{i}" for i in range(1, 8))
GRIPPER_ACTUATOR = "gripper"
GRIPPER_STROKE_M = 0.08
TCP_M = 0.1034
"""From the hand's flange to the point between the fingertips [m]."""

ROBOT_GROUP = 2
COLLISION_GROUP = 3
"""Geoms that are felt but not seen."""


@dataclass(frozen=True)
class _Drive:
    """One joint's position drive.

    Attributes:
        kp: Stiffness [N m/rad].
        torque_max: Greatest torque [N m], from Franka's data sheet.
        armature: Inertia of motor and gear, seen from the joint [kg m^2].
        damping: Viscous friction [N m s/rad].
    """

    kp: float
    torque_max: float
    armature: float
    damping: float


# Joint 6's damping is negative in the wheel's file; 0.1 is like its neighbours'.
_DRIVES = (
    _Drive(6000.0, 87.0, 0.6, 0.1),
    _Drive(6000.0, 87.0, 0.6, 0.2),
    _Drive(5000.0, 87.0, 0.5, 0.1),
    _Drive(5000.0, 87.0, 0.4, 0.2),
    _Drive(2500.0, 12.0, 0.2, 0.1),
    _Drive(2500.0, 12.0, 0.2, 0.1),
    _Drive(2000.0, 12.0, 0.1, 0.1),
)
_VELOCITY_GAIN_S = 0.02
"""kv / kp: how far the arm lags behind a moving command [s]."""

_COLOURS = {
    "white": (0.93, 0.93, 0.92, 1.0),
    "dark": (0.17, 0.18, 0.20, 1.0),
    "grey": (0.62, 0.64, 0.66, 1.0),
    "blue": (0.15, 0.54, 0.80, 1.0),
    "green": (0.25, 0.75, 0.40, 1.0),
    "red": (0.80, 0.20, 0.18, 1.0),
}
_SHINE = {"white": (0.35, 0.6), "dark": (0.25, 0.4), "grey": (0.6, 0.7)}
"""Specular strength and shininess, where they are not MuJoCo's own."""

_BODY_OF = {"hand": ("panda_hand",), "finger": ("panda_leftfinger", "panda_rightfinger")}


def panda_spec() -> mujoco.MjSpec:
    """Arm, hand, drives and collision shapes; the scene comes on top.

    Raises:
        MissingDependency: The wheel with the meshes is not installed.
    """
    folder = build_cache()
    spec = _bare(mujoco.MjSpec.from_file(str(folder / "panda.xml")))
    # MuJoCo wants a prefix for what is attached: taken off here, it restores the file's names.
    hand_xml = (folder / "panda_hand.xml").read_text().replace('"panda_', '"')
    hand = _bare(mujoco.MjSpec.from_string(hand_xml))
    flange = spec.body("panda_link8")
    mount = flange.add_frame(quat=[np.cos(np.pi / 8), 0.0, 0.0, -np.sin(np.pi / 8)])
    mount.attach_body(hand.body("hand"), "panda_", "")
    spec.body("panda_hand").add_body(name="panda_hand_tcp", pos=[0.0, 0.0, TCP_M])
    spec.modelname = "panda"
    spec.compiler.degree = False
    _dress(spec, load_parts())
    _drive_arm(spec)
    _drive_gripper(spec)
    _add_collision_shapes(spec)
    return spec


def _bare(spec: mujoco.MjSpec) -> mujoco.MjSpec:
    """Take away the wheel's meshes, materials, sensors, sites and finger boxes."""
    kinds = (spec.geoms, spec.sensors, spec.sites, spec.meshes, spec.materials, spec.textures)
    for item in [item for items in kinds for item in items]:
        spec.delete(item)
    return spec


def _dress(spec: mujoco.MjSpec, parts: tuple[MeshPart, ...]) -> None:
    for colour, rgba in _COLOURS.items():
        specular, shininess = _SHINE.get(colour, (0.4, 0.5))
        spec.add_material(
            name=f"panda_{colour}", rgba=rgba, specular=specular, shininess=shininess
        )
    for part in parts:
        name = f"{part.link}_{part.colour}"
        spec.add_mesh(
            name=name, file=str(part.file), inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
        )
        for body in _BODY_OF.get(part.link, (f"panda_{part.link}",)):
            spec.body(body).add_geom(
                type=mujoco.mjtGeom.mjGEOM_MESH,
                meshname=name,
                material=f"panda_{part.colour}",
                contype=0,
                conaffinity=0,
                mass=0.0,
                group=ROBOT_GROUP,
            )


def _drive_arm(spec: mujoco.MjSpec) -> None:
    limits = limits_of(RobotModel.PANDA)
    for i, (name, drive) in enumerate(zip(ARM_JOINTS, _DRIVES, strict=True)):
        joint = spec.joint(name)
        joint.range = [limits.q_min[i], limits.q_max[i]]
        joint.armature = drive.armature
        joint.damping[0] = drive.damping
        actuator = spec.add_actuator(
            name=ARM_ACTUATORS[i],
            target=name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            forcelimited=True,
            forcerange=[-drive.torque_max, drive.torque_max],
        )
        actuator.set_to_position(kp=drive.kp, kv=drive.kp * _VELOCITY_GAIN_S)


def _drive_gripper(spec: mujoco.MjSpec) -> None:
    """Command 0 is closed, 1 is open. The wheel's own 6 N a finger would let everything slip."""
    actuator = spec.actuator("panda_hand_actuator")
    actuator.name = GRIPPER_ACTUATOR
    actuator.gainprm[0] = 100.0
    actuator.biasprm[1:3] = [-2500.0, -120.0]


def _add_collision_shapes(spec: mujoco.MjSpec) -> None:
    """Boxes for hand and fingers, capsules for the links that can reach the table.

    Their contype is 0: they meet objects and the table, never one another.
    """
    box, capsule = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE
    _add_shape(spec, "panda_hand", box, [0.0, 0.0, 0.03], [0.031, 0.102, 0.035])
    _add_shape(spec, "panda_link7", capsule, [0.0, 0.0, 0.06], [0.045, 0.03, 0.0])
    _add_shape(spec, "panda_link6", capsule, [0.06, 0.02, 0.0], [0.055, 0.03, 0.0])
    _add_shape(spec, "panda_link5", capsule, [0.0, 0.06, -0.05], [0.05, 0.09, 0.0])
    for body in _BODY_OF["finger"]:
        knuckle = _add_shape(spec, body, box, [0.0, 0.0185, 0.027], [0.0105, 0.008, 0.027])
        pad = _add_shape(spec, body, box, [0.0, 0.0065, 0.045], [0.0095, 0.0065, 0.009])
        for geom in (knuckle, pad):
            geom.friction = [1.5, 0.05, 0.001]
            geom.condim = 4


def _add_shape(
    spec: mujoco.MjSpec,
    body: str,
    kind: mujoco.mjtGeom,
    position: list[float],
    size: list[float],
) -> mujoco.MjsGeom:
    return spec.body(body).add_geom(
        type=kind,
        pos=position,
        size=size,
        contype=0,
        conaffinity=1,
        mass=0.0,
        group=COLLISION_GROUP,
        rgba=[1.0, 0.6, 0.1, 0.4],
    )
