# SPDX-License-Identifier: Apache-2.0
"""Pictures of a MuJoCo world by OpenGL, in software where there is no graphics card.

A graphics context belongs to the thread that made it. It is made by the first `render`, and every
later call has to come from the same thread.
"""

import os
import threading
from typing import Any

os.environ.setdefault("MUJOCO_GL", "egl")  # read once, when mujoco's GL parts are first imported

import mujoco
import numpy as np

from genima.arrays import Array, UInt8
from genima.errors import MissingDependency, WorldError
from genima.sim.mujoco_world import MujocoSnapshot, MujocoWorld
from genima.sim.panda import ROBOT_GROUP
from genima.sim.scene import BEAUTY_CAMERA, SCENE_GROUP

_INSTALL_HINT = "sudo apt-get install -y libegl1 libgl1-mesa-dri libgles2"
_MAX_GEOMS = 1000


class MujocoRenderer:
    """Draws snapshots of a `MujocoWorld`.

    Args:
        world: The world; only its rig is used, never its state.
        shadows: Whether camera images have shadows; they cost most of the time.
    """

    def __init__(self, world: MujocoWorld, shadows: bool = True) -> None:
        self._cameras = tuple(world.rig.cameras)
        self._shadows = shadows
        self._thread: int | None = None
        self._gl: Any = None
        self._stage: _Stage | None = None

    def render(self, snapshot: MujocoSnapshot) -> dict[str, UInt8[Array, "h w 3"]]:
        """RGB images of the rig's cameras, by name.

        Raises:
            MissingDependency: There is no OpenGL.
            WorldError: The call comes from another thread than the first one.
        """
        stage = self._set(snapshot)
        return {name: stage.shoot(name, self._shadows) for name in self._cameras}

    def beauty(self, snapshot: MujocoSnapshot) -> UInt8[Array, "480 640 3"]:
        """A picture for people: larger, from the side, with shadows."""
        return self._set(snapshot).shoot(BEAUTY_CAMERA, shadows=True)

    def close(self) -> None:
        """Let go of the graphics context; a later `render` makes a new one."""
        if self._gl is None:
            return
        self._require_own_thread()
        self._gl.make_current()
        if self._stage is not None:
            self._stage.free()
        self._gl.free()
        self._gl = self._stage = self._thread = None

    def _set(self, snapshot: MujocoSnapshot) -> "_Stage":
        if self._gl is None:
            self._gl = _gl_context()
            self._thread = threading.get_ident()
        self._require_own_thread()
        self._gl.make_current()
        if self._stage is None or self._stage.model is not snapshot.model:
            if self._stage is not None:
                self._stage.free()
            self._stage = _Stage(snapshot.model)
        self._stage.pose(snapshot)
        return self._stage

    def _require_own_thread(self) -> None:
        if self._thread != threading.get_ident():
            raise WorldError(
                "the renderer's graphics context belongs to the thread that rendered first; "
                "render and close in that thread, or use one renderer for each thread"
            )


class _Stage:
    """One model's meshes and textures in the graphics card, real or not."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model = model
        self._data = mujoco.MjData(model)
        mujoco.mj_forward(model, self._data)
        self._scene = mujoco.MjvScene(model, maxgeom=_MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 0
        self._option.geomgroup[[SCENE_GROUP, 1, ROBOT_GROUP]] = 1
        self._option.sitegroup[:] = 0
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)

    def pose(self, snapshot: MujocoSnapshot) -> None:
        """Move everything to where it is in the snapshot."""
        for name in ("geom_xpos", "geom_xmat", "cam_xpos", "cam_xmat"):
            getattr(self._data, name)[:] = getattr(snapshot, name)

    def shoot(self, camera: str, shadows: bool) -> UInt8[Array, "h w 3"]:
        """One camera's RGB image."""
        view = mujoco.MjvCamera()
        view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = self.model.camera(camera).id
        width, height = (int(n) for n in self.model.cam_resolution[view.fixedcamid])
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            self.model, self._data, self._option, None, view, everything, self._scene
        )
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        area = mujoco.MjrRect(0, 0, width, height)
        pixels = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_render(area, self._scene, self._context)
        mujoco.mjr_readPixels(pixels, None, area, self._context)
        return np.ascontiguousarray(pixels[::-1])

    def free(self) -> None:
        """Let go of the graphics memory; the context has to be current."""
        self._context.free()


def _gl_context() -> Any:
    try:
        from mujoco.rendering.classic import gl_context

        return gl_context.GLContext(64, 64)
    except Exception as error:  # PyOpenGL raises whatever its loader raised
        raise MissingDependency(
            f"camera images need OpenGL through EGL, which does not work here ({error}); "
            f"{_INSTALL_HINT}"
        ) from error
