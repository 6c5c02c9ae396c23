# SPDX-License-Identifier: Apache-2.0
"""Factors that change how a compiled scene looks: colours, lights, textures and cameras."""

import mujoco
import numpy as np

from genima.arrays import Array, UInt8
from genima.sim.perturbation import Perturbation, PlacedScene
from genima.sim.perturbation_textures import PALETTE, random_texture
from genima.sim.props import VISUAL_GROUP
from genima.sim.scene import BACKDROP_TEXTURE, BEAUTY_CAMERA, LIGHTS, TABLE_TEXTURE

# Colosseum's ranges.
_LIGHT_RANGE = (0.0, 0.5)
_CAMERA_SHIFT_M = 0.1
_CAMERA_TURN_RAD = 0.05


class ObjectColours(Perturbation):
    """Each part of the task's objects gets one of twenty colours."""

    def change(self, scene: PlacedScene, rng: np.random.Generator) -> None:
        """Paint over materials and their textures."""
        model = scene.model
        colours = list(PALETTE.values())
        parts: dict[tuple[int, int], tuple[float, float, float]] = {}
        for geom in np.flatnonzero(model.geom_group == VISUAL_GROUP):
            material = int(model.geom_matid[geom])
            part = int(model.geom_bodyid[geom]), material
            if part not in parts:
                parts[part] = colours[rng.integers(len(colours))]
            model.geom_rgba[geom, :3] = parts[part]  # goes before that of the material
            if material >= 0:
                model.mat_texid[material] = -1


class LightColours(Perturbation):
    """Every light gets a colour of its own, from none to half of white."""

    def change(self, scene: PlacedScene, rng: np.random.Generator) -> None:
        """Leaves the light that is everywhere, so that it is never dark."""
        for name in LIGHTS:
            scene.model.light(name).diffuse[:] = rng.uniform(*_LIGHT_RANGE, 3)


class TableTexture(Perturbation):
    """Another surface of the table."""

    def change(self, scene: PlacedScene, rng: np.random.Generator) -> None:
        """Draw it over the wood."""
        texture = scene.model.texture(TABLE_TEXTURE)
        _draw_over(scene.model, texture.id, random_texture(rng, int(texture.width[0])))


class BackgroundTexture(Perturbation):
    """Another room: one picture for the walls, one for floor and ceiling."""

    def change(self, scene: PlacedScene, rng: np.random.Generator) -> None:
        """Draw it over the backdrop."""
        texture = scene.model.texture(BACKDROP_TEXTURE)
        size_px = int(texture.width[0])
        wall, floor = random_texture(rng, size_px), random_texture(rng, size_px)
        faces = np.concatenate([wall, wall, floor, floor, wall, wall])
        _draw_over(scene.model, texture.id, faces)


class CameraPoses(Perturbation):
    """Cameras that stand in the room are moved and turned; the one on the hand stays."""

    def change(self, scene: PlacedScene, rng: np.random.Generator) -> None:
        """Move each along, and turn it about, the axes of the room."""
        model = scene.model
        for camera in np.flatnonzero(model.body_weldid[model.cam_bodyid] == 0):
            if model.camera(camera).name == BEAUTY_CAMERA:
                continue
            model.cam_pos[camera] += rng.uniform(-_CAMERA_SHIFT_M, _CAMERA_SHIFT_M, 3)
            angles = rng.uniform(-_CAMERA_TURN_RAD, _CAMERA_TURN_RAD, 3)
            turn, turned = np.empty(4), np.empty(4)
            mujoco.mju_euler2Quat(turn, angles, "xyz")
            mujoco.mju_mulQuat(turned, turn, model.cam_quat[camera])
            model.cam_quat[camera] = turned


def _draw_over(model: mujoco.MjModel, texture: int, pixels: UInt8[Array, "h w 3"]) -> None:
    start = int(model.tex_adr[texture])
    model.tex_data[start : start + pixels.size] = pixels.reshape(-1)
