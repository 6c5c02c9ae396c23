# SPDX-License-Identifier: Apache-2.0
"""Materials, geoms and poses that the tasks' objects are made of."""

from collections.abc import Sequence

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.geometry import rotation_x, rotation_z

VISUAL_GROUP = 1
"""Geoms that are only seen: they touch nothing and weigh nothing."""

COLLISION_GROUP = 3
"""Geoms that are only felt: the renderer leaves this group out."""

ALONG_X = (np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0)
ALONG_Y = (np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0)
"""Turn what lies along z, as cylinders and capsules do, to x or y."""


def top_down(position: Sequence[float] | Float[Array, "3"], yaw_rad: float) -> Float[Array, "4 4"]:
    """Pose of the TCP that points straight down; at yaw 0 the fingers open along y.

    Args:
        position: Where the TCP is [m], (3,).
        yaw_rad: Turn about the vertical [rad].
    """
    pose = np.eye(4)
    pose[:3, :3] = rotation_z(yaw_rad) @ rotation_x(np.pi)
    pose[:3, 3] = position
    return pose


def yaw_quaternion(yaw_rad: float) -> Float[Array, "4"]:
    """MuJoCo's quaternion (w first) of a turn about the vertical."""
    return np.array([np.cos(yaw_rad / 2), 0.0, 0.0, np.sin(yaw_rad / 2)])


def yaw_of(data: mujoco.MjData, body: str) -> float:
    """Turn of a body about the vertical [rad]."""
    xmat = data.body(body).xmat
    return float(np.arctan2(xmat[3], xmat[0]))


def wrap(angle_rad: float, period_rad: float) -> float:
    """The angle's equal nearest to zero, for something that repeats every `period_rad`."""
    return float((angle_rad + period_rad / 2) % period_rad - period_rad / 2)


def fix_body(model: mujoco.MjModel, body: str, position: Sequence[float], yaw_rad: float) -> None:
    """Put a body that has no joint somewhere else in a compiled model."""
    model.body(body).pos[:] = position
    model.body(body).quat[:] = yaw_quaternion(yaw_rad)


def face_robot(
    model: mujoco.MjModel,
    body: str,
    rng: np.random.Generator,
    low: tuple[float, float],
    high: tuple[float, float],
    turn_rad: float,
) -> None:
    """Put a body that has no joint anywhere in an area, its +x more or less towards the robot.

    Args:
        model: The compiled scene.
        body: Which.
        rng: Source of the pose.
        low: Least x and y [m].
        high: Greatest x and y [m].
        turn_rad: How far it may be turned away [rad].
    """
    x, y = rng.uniform(low, high)
    yaw = np.arctan2(-y, -x) + rng.uniform(-turn_rad, turn_rad)
    fix_body(model, body, (x, y, 0.0), yaw)


def free_body(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    joint: str,
    position: Sequence[float],
    yaw_rad: float,
) -> None:
    """Put a free body somewhere, at rest."""
    data.joint(joint).qpos[:] = [*position, *yaw_quaternion(yaw_rad)]
    data.joint(joint).qvel[:] = 0.0


def add_material(
    spec: mujoco.MjSpec,
    name: str,
    rgb: tuple[float, float, float],
    *,
    shininess: float = 0.3,
    specular: float = 0.3,
    reflectance: float = 0.0,
    texture: str = "",
) -> str:
    """A material; returns its name."""
    material = spec.add_material(
        name=name,
        rgba=[*rgb, 1.0],
        shininess=shininess,
        specular=specular,
        reflectance=reflectance,
    )
    if texture:
        role = mujoco.mjtTextureRole.mjTEXROLE_RGB
        material.textures = [texture if i == role else "" for i in range(len(material.textures))]
    return name


def add_wood(spec: mujoco.MjSpec, name: str, rgb: tuple[float, float, float]) -> str:
    """A material with a grain; returns its name."""
    texture = f"{name}_wood"
    _add_wood_texture(spec, texture, rgb)
    return add_material(spec, name, (1.0, 1.0, 1.0), texture=texture)


def add_visual(
    body: mujoco.MjsBody,
    material: str,
    *,
    mesh: str = "",
    shape: mujoco.mjtGeom = mujoco.mjtGeom.mjGEOM_MESH,
    size: Sequence[float] = (0.0, 0.0, 0.0),
    pos: Sequence[float] = (0.0, 0.0, 0.0),
    quat: Sequence[float] = (1.0, 0.0, 0.0, 0.0),
) -> None:
    """A geom that is only seen."""
    body.add_geom(
        type=shape,
        meshname=mesh,
        size=_three(size),
        pos=pos,
        quat=quat,
        material=material,
        contype=0,
        conaffinity=0,
        mass=0.0,
        group=VISUAL_GROUP,
    )


def add_collider(
    body: mujoco.MjsBody,
    shape: mujoco.mjtGeom,
    size: Sequence[float],
    *,
    pos: Sequence[float] = (0.0, 0.0, 0.0),
    quat: Sequence[float] = (1.0, 0.0, 0.0, 0.0),
    mass_kg: float = 0.05,
    friction: float = 1.0,
    material: str = "",
) -> None:
    """A geom that is felt, and seen too where it has a material."""
    body.add_geom(
        type=shape,
        size=_three(size),
        pos=pos,
        quat=quat,
        mass=mass_kg,
        friction=[friction, 0.01, 0.0005],
        condim=4,
        material=material,
        rgba=[0.5, 0.5, 0.5, 1.0],
        group=VISUAL_GROUP if material else COLLISION_GROUP,
    )


def _three(size: Sequence[float]) -> list[float]:
    return [*size, 0.0, 0.0, 0.0][:3]


def _add_wood_texture(spec: mujoco.MjSpec, name: str, rgb: tuple[float, float, float]) -> None:
    """Grain along the width, made here, the same on every face of a box."""
    size = 128
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[0:size, 0:size] / size
    bend = 0.02 * np.sin(2 * np.pi * columns) + 0.01 * np.sin(4 * np.pi * columns + 1.0)
    rings = np.zeros((size, size))
    for cycles, weight in ((7, 0.5), (17, 0.3), (41, 0.2)):
        rings += weight * np.sin(2 * np.pi * (cycles * (rows + bend) + rng.random()))
    shade = 1.0 + 0.07 * rings + 0.015 * rng.standard_normal((size, 1))
    face = np.clip(255 * shade[..., None] * np.array(rgb), 0, 255).astype(np.uint8)
    texture = spec.add_texture(
        name=name,
        type=mujoco.mjtTexture.mjTEXTURE_CUBE,
        width=size,
        height=6 * size,
        nchannel=3,
    )
    texture.data = np.tile(face, (6, 1, 1)).tobytes()
