# SPDX-License-Identifier: Apache-2.0
"""Camera images of a table full of things that are coloured like spheres."""

import os

os.environ.setdefault("MUJOCO_GL", "egl")

import mujoco
import numpy as np
from decode_cases import POLICY, PROP_RGB, RIG

from genima.sim.panda import ARM_JOINTS
from genima.sim.scene import scene_spec

PROPS = 12
SHAPES = (
    mujoco.mjtGeom.mjGEOM_BOX,
    mujoco.mjtGeom.mjGEOM_SPHERE,
    mujoco.mjtGeom.mjGEOM_CYLINDER,
)


class Scenes:
    """The real arm in the real room with up to twelve random props, all in random light."""

    def __init__(self) -> None:
        spec = scene_spec(RIG, 0.002)
        for i in range(PROPS):
            # Compiled away from the origin: MuJoCo would take those there to stay there.
            spec.worldbody.add_geom(
                name=f"prop{i}",
                type=SHAPES[i % 3],
                size=[0.03] * 3,
                pos=[0.5, 0.0, 0.1],
                contype=0,
                conaffinity=0,
            )
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._props = [self._model.geom(f"prop{i}").id for i in range(PROPS)]
        self._arm = [int(self._model.joint(name).qposadr[0]) for name in ARM_JOINTS]
        self._light = self._model.light_diffuse.copy()
        self._option = mujoco.MjvOption()
        self._option.geomgroup[3:] = 0
        size = POLICY.image_size_px
        self._renderer = mujoco.Renderer(self._model, size, size)

    def shoot(self, q_now: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Images of all cameras while the arm is at `q_now` [rad]."""
        model = self._model
        for prop in self._props:
            size = rng.uniform(0.015, 0.08, 3)
            height = size[2] if rng.uniform() < 0.7 else rng.uniform(0, 0.4)
            model.geom_size[prop] = size
            model.geom_rbound[prop] = np.linalg.norm(size)
            model.geom_pos[prop] = [rng.uniform(0.15, 0.9), rng.uniform(-0.55, 0.55), height]
            rgb = np.array(PROP_RGB[rng.integers(len(PROP_RGB))]) / 255
            model.geom_rgba[prop] = [*rgb, float(rng.uniform() < 0.6)]
        model.light_diffuse[:] = self._light * rng.uniform(0.6, 1.2)
        self._data.qpos[self._arm] = q_now
        mujoco.mj_forward(model, self._data)
        return {name: self._shot(name) for name in POLICY.cameras}

    def _shot(self, camera: str) -> np.ndarray:
        self._renderer.update_scene(self._data, camera=camera, scene_option=self._option)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        return self._renderer.render().copy()

    def close(self) -> None:
        """Let go of the graphics context."""
        self._renderer.close()
