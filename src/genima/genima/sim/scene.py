# SPDX-License-Identifier: Apache-2.0
"""Everything in the world but the robot and the task: room, table, lights, cameras."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.cameras import Camera, CameraRig
from genima.geometry import rotation_x, transform
from genima.sim.panda import panda_spec
from genima.sim.textures import BACKDROP_PX, plaster, room, wood

TABLE_TOP_M = 0.0
"""Height of the table top in panda_link0, which is the MuJoCo world frame [m]."""
FLOOR_M = -0.76
SCENE_GROUP = 0
ROOM_GROUP = 4
"""Floor and table legs, which only the beauty picture shows."""
BEAUTY_CAMERA = "beauty"
"""For videos and pictures of the project; no policy sees it."""
BEAUTY_WIDTH_PX, BEAUTY_HEIGHT_PX = 640, 480
TABLE_TEXTURE = "wood"
BACKDROP_TEXTURE = "backdrop"
LIGHTS = ("key", "fill")

_TABLE_MIN_XY_M = (-0.36, -0.70)
_TABLE_MAX_XY_M = (1.02, 0.70)
_TABLE_THICKNESS_M = 0.04
_FLOOR_HALF_M = 3.0
_WALL_RGB = (0.80, 0.83, 0.83)
_FLOOR_RGB = (0.56, 0.57, 0.58)


def scene_spec(rig: CameraRig, physics_dt_s: float) -> mujoco.MjSpec:
    """Robot, table, room, lights and the rig's cameras, ready for a task to add its objects.

    Args:
        rig: Cameras; where they are and what they see is taken from it.
        physics_dt_s: Length of a physics step [s].
    """
    spec = panda_spec()
    spec.modelname = "genima"
    _set_physics(spec, physics_dt_s)
    _set_visuals(spec)
    _add_room(spec)
    _add_table(spec)
    _add_lights(spec)
    for camera in rig.cameras.values():
        _add_camera(spec, camera)
    _add_beauty_camera(spec)
    return spec


def _set_physics(spec: mujoco.MjSpec, physics_dt_s: float) -> None:
    option = spec.option
    option.timestep = physics_dt_s
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Elliptic cones and a high impratio keep a grasped object from creeping out of the fingers.
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0
    # A diverged world has to say so instead of quietly starting over.
    option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET


def _set_visuals(spec: mujoco.MjSpec) -> None:
    spec.stat.extent = 1.0  # clipping planes scale with it: a large room would clip the wrist view
    spec.stat.center = [0.35, 0.0, 0.2]
    spec.visual.map.znear = 0.01
    spec.visual.map.zfar = 12.0
    spec.visual.map.shadowscale = 0.8
    spec.visual.quality.numquads = 1
    spec.visual.quality.numslices = 20
    spec.visual.quality.numstacks = 12
    spec.visual.headlight.ambient = [0.38, 0.38, 0.39]
    spec.visual.headlight.diffuse = [0.12, 0.12, 0.12]
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]


def _add_room(spec: mujoco.MjSpec) -> None:
    """A painted backdrop at infinity, and a real floor for the beauty picture.

    The cameras see too little of a floor to be worth a large plane in software rendering.
    """
    backdrop = spec.add_texture(
        name=BACKDROP_TEXTURE,
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        width=BACKDROP_PX,
        height=6 * BACKDROP_PX,
        nchannel=3,
    )
    backdrop.data = room(_WALL_RGB, _FLOOR_RGB).tobytes()
    _textured(spec, "floor", plaster(_FLOOR_RGB, 0.03, seed=3), repeat=(4.0, 4.0))
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[_FLOOR_HALF_M, _FLOOR_HALF_M, 0.1],
        pos=[0.0, 0.0, FLOOR_M],
        material="floor",
        group=ROOM_GROUP,
    )


def _add_table(spec: mujoco.MjSpec) -> None:
    _textured(spec, TABLE_TEXTURE, wood(), (1.0, 1.0))
    spec.add_material(name="steel", rgba=[0.30, 0.31, 0.33, 1.0], specular=0.5, shininess=0.6)
    low, high = np.array(_TABLE_MIN_XY_M), np.array(_TABLE_MAX_XY_M)
    centre, half = (low + high) / 2.0, (high - low) / 2.0
    spec.worldbody.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[*half, _TABLE_THICKNESS_M / 2.0],
        pos=[*centre, TABLE_TOP_M - _TABLE_THICKNESS_M / 2.0],
        material=TABLE_TEXTURE,
        friction=[0.8, 0.01, 0.0005],
        group=SCENE_GROUP,
    )
    leg_half = (TABLE_TOP_M - _TABLE_THICKNESS_M - FLOOR_M) / 2.0
    for corner in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        foot = centre + np.array(corner) * (half - 0.06)
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.03, 0.03, leg_half],
            pos=[*foot, FLOOR_M + leg_half],
            material="steel",
            contype=0,
            conaffinity=0,
            group=ROOM_GROUP,
        )


def _textured(
    spec: mujoco.MjSpec,
    name: str,
    pixels: Array,
    repeat: tuple[float, float],
) -> None:
    """A material `name` that shows a picture, repeated over the surface it is on."""
    height, width = pixels.shape[:2]
    texture = spec.add_texture(
        name=name,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        width=width,
        height=height,
        nchannel=3,
    )
    texture.data = pixels.tobytes()
    material = spec.add_material(name=name, texrepeat=repeat, specular=0.1, shininess=0.2)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def _add_lights(spec: mujoco.MjSpec) -> None:
    """A warm key light from the front left, which casts the shadows, and a cool fill opposite."""
    directional = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    key_name, fill_name = LIGHTS
    towards = np.array([0.35, 0.0, 0.1])
    key = np.array([1.0, 1.1, 2.4])
    spec.worldbody.add_light(
        name=key_name,
        pos=key,
        dir=towards - key,
        diffuse=[0.52, 0.51, 0.48],
        specular=[0.30, 0.30, 0.28],
        type=directional,
        castshadow=True,
    )
    fill = np.array([0.6, -2.0, 1.6])
    spec.worldbody.add_light(
        name=fill_name,
        pos=fill,
        dir=towards - fill,
        diffuse=[0.20, 0.21, 0.23],
        specular=[0.1, 0.1, 0.1],
        type=directional,
        castshadow=False,
    )


def _add_camera(spec: mujoco.MjSpec, camera: Camera) -> None:
    """MuJoCo looks along -z with y up: the optical frame turned by half a turn about x."""
    parent_T_mujoco = camera.parent_T_cam @ transform(rotation_x(np.pi), np.zeros(3))
    k = camera.intrinsics
    spec.body(camera.parent_frame).add_camera(
        name=camera.name,
        pos=parent_T_mujoco[:3, 3],
        quat=_quat_wxyz(parent_T_mujoco[:3, :3]),
        resolution=[k.width, k.height],
        # With a sensor of one metre a pixel, pixels are the unit of everything else.
        sensor_size=[k.width, k.height],
        focal_pixel=[k.fx, k.fy],
        principal_pixel=[k.width / 2.0 - k.cx, k.height / 2.0 - k.cy],
    )


def _add_beauty_camera(spec: mujoco.MjSpec) -> None:
    place, towards = np.array([1.60, -1.25, 0.92]), np.array([0.31, 0.03, 0.26])
    forward = towards - place
    right = np.cross(forward, [0.0, 0.0, 1.0])
    up = np.cross(right, forward)
    axes = np.stack([right, up, -forward], axis=1)
    spec.worldbody.add_camera(
        name=BEAUTY_CAMERA,
        pos=place,
        quat=_quat_wxyz(axes / np.linalg.norm(axes, axis=0)),
        fovy=36.0,
        resolution=[BEAUTY_WIDTH_PX, BEAUTY_HEIGHT_PX],
    )


def _quat_wxyz(rotation: Float[Array, "3 3"]) -> Float[Array, "4"]:
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(rotation).reshape(9))
    return quaternion
