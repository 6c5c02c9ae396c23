# SPDX-License-Identifier: Apache-2.0
"""Everything in the world but the robot and the task: room, table, lights, cameras."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.cameras import Camera, CameraRig
from genima.geometry import rotation_x, transform
from genima.sim.panda import panda_spec
from genima.sim.textures import plaster, wood

TABLE_TOP_M = 0.0
"""Height of the table top in panda_link0, which is the MuJoCo world frame [m]."""
FLOOR_M = -0.76
SCENE_GROUP = 0
BEAUTY_CAMERA = "beauty"
"""For videos and pictures of the project; no policy sees it."""

_TABLE_MIN_XY_M = (-0.36, -0.70)
_TABLE_MAX_XY_M = (1.02, 0.70)
_TABLE_THICKNESS_M = 0.04
_ROOM_HALF_M = 3.2


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
    spec.stat.extent = 1.0  # clipping planes scale with it: the room would cut off the wrist view
    spec.stat.center = [0.45, 0.0, 0.2]
    spec.visual.map.znear = 0.01
    spec.visual.map.zfar = 12.0
    spec.visual.quality.shadowsize = 1024
    spec.visual.quality.offsamples = 4
    getattr(spec.visual, "global_").offwidth = 1280
    getattr(spec.visual, "global_").offheight = 960
    spec.visual.headlight.ambient = [0.28, 0.28, 0.30]
    spec.visual.headlight.diffuse = [0.18, 0.18, 0.18]
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]


def _add_room(spec: mujoco.MjSpec) -> None:
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.80, 0.86, 0.92],
        rgb2=[0.96, 0.96, 0.95],
        width=128,
        height=768,
    )
    _textured(spec, "floor", plaster((0.62, 0.64, 0.66), 0.02, seed=3), repeat=(4.0, 4.0))
    _textured(spec, "wall", plaster((0.78, 0.82, 0.83), 0.01, seed=5), repeat=(2.0, 2.0))
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[_ROOM_HALF_M, _ROOM_HALF_M, 0.1],
        pos=[0.4, 0.0, FLOOR_M],
        material="floor",
        group=SCENE_GROUP,
    )
    tilt = np.sqrt(0.5)
    walls = {
        "back": ([0.4 - _ROOM_HALF_M, 0.0, 0.0], [tilt, 0.0, tilt, 0.0]),
        "front": ([0.4 + _ROOM_HALF_M, 0.0, 0.0], [tilt, 0.0, -tilt, 0.0]),
        "left": ([0.4, _ROOM_HALF_M, 0.0], [tilt, tilt, 0.0, 0.0]),
        "right": ([0.4, -_ROOM_HALF_M, 0.0], [tilt, -tilt, 0.0, 0.0]),
    }
    for name, (position, quaternion) in walls.items():
        spec.worldbody.add_geom(
            name=f"wall_{name}",
            type=mujoco.mjtGeom.mjGEOM_PLANE,
            size=[_ROOM_HALF_M, _ROOM_HALF_M, 0.1],
            pos=position,
            quat=quaternion,
            material="wall",
            contype=0,
            conaffinity=0,
            group=SCENE_GROUP,
        )


def _add_table(spec: mujoco.MjSpec) -> None:
    _textured(spec, "wood", wood(), repeat=(1.0, 1.0))
    spec.add_material(name="steel", rgba=[0.30, 0.31, 0.33, 1.0], specular=0.5, shininess=0.6)
    low, high = np.array(_TABLE_MIN_XY_M), np.array(_TABLE_MAX_XY_M)
    centre, half = (low + high) / 2.0, (high - low) / 2.0
    spec.worldbody.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[*half, _TABLE_THICKNESS_M / 2.0],
        pos=[*centre, TABLE_TOP_M - _TABLE_THICKNESS_M / 2.0],
        material="wood",
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
            group=SCENE_GROUP,
        )


def _textured(
    spec: mujoco.MjSpec, name: str, pixels: Array, repeat: tuple[float, float]
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
    spec.worldbody.add_light(
        name="key",
        pos=[0.9, 1.2, 2.2],
        dir=[-0.35, -0.9, -1.75],
        diffuse=[0.55, 0.54, 0.51],
        specular=[0.35, 0.35, 0.33],
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        castshadow=True,
    )
    spec.worldbody.add_light(
        name="fill",
        pos=[0.4, -2.0, 2.0],
        dir=[0.0, 1.0, -0.8],
        diffuse=[0.20, 0.21, 0.24],
        specular=[0.1, 0.1, 0.1],
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
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
        principal_pixel=[k.width / 2.0 - k.cx, k.cy - k.height / 2.0],
    )


def _add_beauty_camera(spec: mujoco.MjSpec) -> None:
    spec.worldbody.add_camera(
        name=BEAUTY_CAMERA,
        pos=[1.45, -1.15, 0.95],
        xyaxes=[0.70, 0.71, 0.0, -0.33, 0.33, 0.88],
        fovy=40.0,
        resolution=[640, 480],
    )


def _quat_wxyz(rotation: Float[Array, "3 3"]) -> Float[Array, "4"]:
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(rotation).reshape(9))
    return quaternion
