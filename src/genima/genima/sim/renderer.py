# SPDX-License-Identifier: Apache-2.0
"""Pictures of a MuJoCo world by OpenGL, in software where there is no graphics card.

A graphics context belongs to the thread that made it. It is made by the first `render`, and every
later call has to come from the same thread.
"""

import importlib
import os
import threading
from collections.abc import Sequence
from enum import Enum
from typing import Any

import cv2
import mujoco
import numpy as np

from genima.arrays import Array, UInt8
from genima.errors import MissingDependency, WorldError
from genima.sim.mujoco_world import MujocoSnapshot, MujocoWorld
from genima.sim.panda import ROBOT_GROUP
from genima.sim.props import VISUAL_GROUP
from genima.sim.scene import (
    BEAUTY_CAMERA,
    BEAUTY_HEIGHT_PX,
    BEAUTY_WIDTH_PX,
    ROOM_GROUP,
    SCENE_GROUP,
)

_INSTALL_HINT = "sudo apt-get install -y libegl1 libgl1-mesa-dri libgles2"
_MAX_GEOMS = 1000


class Quality(Enum):
    """How much work goes into a picture.

    Attributes:
        oversampling: How many times wider and higher than the picture it is drawn, against jagged
            edges. Unlike the graphics library's own way this smooths the shadows, too.
        shadow_px: Side of the shadow map [px]; 0 for no shadows.
        shadow_half_m: Half of the side of the square that it covers [m].
    """

    FAST = (1, 0, 1.15)
    SHADOWS = (1, 512, 1.15)
    BEST = (2, 4096, 4.0)

    def __init__(self, oversampling: int, shadow_px: int, shadow_half_m: float) -> None:
        self.oversampling = oversampling
        self.shadow_px = shadow_px
        self.shadow_half_m = shadow_half_m


class MujocoRenderer:
    """Draws snapshots of a `MujocoWorld`.

    Args:
        world: The world; only its rig is used, never its state.
        quality: Of the camera images.
    """

    def __init__(self, world: MujocoWorld, quality: Quality = Quality.SHADOWS) -> None:
        self._cameras = tuple(world.rig.cameras)
        sizes = [camera.intrinsics for camera in world.rig.cameras.values()]
        self._size_px = max(k.width for k in sizes), max(k.height for k in sizes)
        self._quality = quality
        self._thread: int | None = None
        self._gl: Any = None
        self._no_framebuffer = 0
        self._stages: dict[Quality, _Stage] = {}

    def render(self, snapshot: MujocoSnapshot) -> dict[str, UInt8[Array, "h w 3"]]:
        """RGB images of the rig's cameras, by name.

        Raises:
            MissingDependency: There is no OpenGL.
            WorldError: The call comes from another thread than the first one.
        """
        return self._stage(snapshot, self._quality, self._size_px).shoot_all(self._cameras)

    def beauty(self, snapshot: MujocoSnapshot) -> UInt8[Array, "h w 3"]:
        """A picture for people: larger, from the side, with smooth edges.

        Raises:
            MissingDependency: There is no OpenGL.
            WorldError: The call comes from another thread than the first one.
        """
        size_px = BEAUTY_WIDTH_PX, BEAUTY_HEIGHT_PX
        return self._stage(snapshot, Quality.BEST, size_px).shoot(BEAUTY_CAMERA)

    def close(self) -> None:
        """Let go of the graphics context; a later `render` makes a new one."""
        if self._gl is None:
            return
        self._enter()
        for stage in self._stages.values():
            stage.free()
        self._stages.clear()
        self._gl.free()
        self._gl = self._thread = None

    def _stage(
        self, snapshot: MujocoSnapshot, quality: Quality, size_px: tuple[int, int]
    ) -> "_Stage":
        self._enter()
        stage = self._stages.get(quality)
        if stage is None or stage.model is not snapshot.model:
            if stage is not None:
                stage.free()
            stage = _Stage(snapshot.model, quality, size_px, self._no_framebuffer)
            self._stages[quality] = stage
        stage.pose(snapshot)
        return stage

    def _enter(self) -> None:
        """Make the graphics context current, and make one where there is none."""
        if self._gl is None:
            self._gl = _gl_context()
            self._thread = threading.get_ident()
            self._gl.make_current()
            self._no_framebuffer = _framebuffer_without_memory()
        if self._thread != threading.get_ident():
            raise WorldError(
                "the renderer's graphics context belongs to the thread that rendered first; "
                "render and close in that thread, or use one renderer for each thread"
            )
        self._gl.make_current()


class _Stage:
    """One model's meshes and textures in the graphics card, real or not."""

    def __init__(
        self,
        model: mujoco.MjModel,
        quality: Quality,
        size_px: tuple[int, int],
        no_framebuffer: int,
    ) -> None:
        self.model = model
        self._no_framebuffer = no_framebuffer
        self._data = mujoco.MjData(model)
        mujoco.mj_forward(model, self._data)
        self._scene = mujoco.MjvScene(model, maxgeom=_MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._quality = quality
        # The context takes its sizes from the model, at this moment only.
        visual = model.vis
        frame = getattr(visual, "global_")  # noqa: B009 - mypy's stub lacks the name
        frame.offwidth, frame.offheight = (n * quality.oversampling for n in size_px)
        visual.quality.offsamples = 0
        visual.quality.shadowsize = quality.shadow_px
        visual.map.shadowclip = quality.shadow_half_m / model.stat.extent
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)

    def pose(self, snapshot: MujocoSnapshot) -> None:
        """Move everything to where it is in the snapshot."""
        for name in ("geom_xpos", "geom_xmat", "cam_xpos", "cam_xmat"):
            getattr(self._data, name)[:] = getattr(snapshot, name)

    def shoot_all(self, cameras: Sequence[str]) -> dict[str, UInt8[Array, "h w 3"]]:
        """One RGB image of each camera, the same as `shoot` gives, but a quarter faster.

        Where shadows fall depends on the lights and not on who looks. Their map is drawn for the
        first camera; for the others MuJoCo is made to draw it into nothing, which OpenGL declines
        at once, and so they take the first one's.
        """
        shadow_map = self._context.shadowFBO
        images = {}
        try:
            for name in cameras:
                images[name] = self.shoot(name)
                if self._quality.shadow_px > 0:
                    self._context.shadowFBO = self._no_framebuffer
        finally:
            self._context.shadowFBO = shadow_map
            mujoco.mjr_getError()  # that it was declined is no error that anybody should find
        return images

    def shoot(self, camera: str) -> UInt8[Array, "h w 3"]:
        """One camera's RGB image."""
        view = mujoco.MjvCamera()
        view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = self.model.camera(camera).id
        n = self._quality.oversampling
        width, height = (n * int(k) for k in self.model.cam_resolution[view.fixedcamid])
        mujoco.mjv_updateScene(
            self.model,
            self._data,
            _shown(camera),
            None,
            view,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = self._quality.shadow_px > 0
        area = mujoco.MjrRect(0, 0, width, height)
        pixels = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        mujoco.mjr_render(area, self._scene, self._context)
        mujoco.mjr_readPixels(pixels, None, area, self._context)
        upright = np.ascontiguousarray(pixels[::-1])
        if n == 1:
            return upright
        return cv2.resize(upright, (width // n, height // n), interpolation=cv2.INTER_AREA)

    def free(self) -> None:
        """Let go of the graphics memory; the context has to be current."""
        self._context.free()


def _shown(camera: str) -> mujoco.MjvOption:
    """Robot, table top and objects; what is around them only where people look."""
    option = mujoco.MjvOption()
    option.geomgroup[:] = 0
    option.geomgroup[[SCENE_GROUP, VISUAL_GROUP, ROBOT_GROUP]] = 1
    option.geomgroup[ROOM_GROUP] = camera == BEAUTY_CAMERA
    option.sitegroup[:] = 0
    return option


def _gl_context() -> Any:
    """A context by the library that MUJOCO_GL names: egl (the default), osmesa or glfw.

    MuJoCo's own choice is made when it is first imported, which may be long before this module is.
    """
    library = os.environ.get("MUJOCO_GL") or "egl"
    try:
        return importlib.import_module(f"mujoco.{library}").GLContext(64, 64)
    except Exception as error:  # PyOpenGL raises whatever its loader raised
        raise MissingDependency(
            f"camera images need OpenGL, and {library!r} does not work here ({error}); "
            f"{_INSTALL_HINT}"
        ) from error


def _framebuffer_without_memory() -> int:
    """A framebuffer of the current context that nothing can be drawn into."""
    # Only now is it settled which library PyOpenGL has to speak to.
    from OpenGL import GL

    return int(GL.glGenFramebuffers(1))
