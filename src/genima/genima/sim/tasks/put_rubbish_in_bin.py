# SPDX-License-Identifier: Apache-2.0
"""Put the rubbish in the bin."""

import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.sim import fittings, grips, props, shapes
from genima.sim.draws import draw_until
from genima.sim.task import Task, Waypoint

_BIN_RADIUS_M, _BIN_HEIGHT_M, _BIN_WALL_M = 0.078, 0.145, 0.006
_HALF_RUBBISH_M = 0.021
_FRUIT_M = 0.024
_FRUITS = ("tomato1", "tomato2")
_APART_M, _APART_FROM_BIN_M = 0.13, 0.19
_OVER_M = 0.065
_DEEP_M = 0.10


class PutRubbishInBin(Task):
    """A ball of paper, two tomatoes and a bin; done when the paper lies in the bin."""

    name = "put_rubbish_in_bin"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return (
            "put rubbish in bin",
            "drop the rubbish into the bin",
            "pick up the rubbish and leave it in the trash can",
            "throw away the trash, leaving any other objects alone",
            "chuck way any rubbish on the table rubbish",
        )

    def build(self, spec: mujoco.MjSpec) -> None:
        """The bin is fixed, the rest is free."""
        self._build_bin(spec)
        paper = props.add_material(spec, "rubbish", (0.86, 0.85, 0.82), specular=0.05)
        shapes.add_crumpled_ball(spec, "rubbish", _HALF_RUBBISH_M + 0.004, seed=3)
        rubbish = spec.worldbody.add_body(name="rubbish")
        rubbish.add_freejoint(name="rubbish_joint")
        props.add_visual(rubbish, paper, mesh="rubbish")
        half = (_HALF_RUBBISH_M,) * 3
        box = mujoco.mjtGeom.mjGEOM_BOX
        props.add_collider(rubbish, box, half, mass_kg=0.02, friction=1.2)
        skin = props.add_material(spec, "tomato", (0.80, 0.38, 0.20), shininess=0.7, specular=0.5)
        stalk = props.add_material(spec, "tomato_stalk", (0.30, 0.38, 0.22), specular=0.1)
        for name in _FRUITS:
            self._build_fruit(spec, name, skin, stalk)

    def _build_bin(self, spec: mujoco.MjSpec) -> None:
        steel = props.add_material(spec, "bin", (0.46, 0.50, 0.54), shininess=0.5)
        r, h, t = _BIN_RADIUS_M, _BIN_HEIGHT_M, _BIN_WALL_M
        outside = ((0.0, 0.0005), (r - 0.006, 0.0005), (r - 0.003, 0.004), (r - 0.002, h - 0.008))
        rim = ((r + 0.002, h - 0.006), (r + 0.002, h - 0.001), (r, h), (r - t, h))
        shapes.add_lathe(spec, "bin", (*outside, *rim, (r - t, t), (0.0, t)))
        bin_body = spec.worldbody.add_body(name="bin")
        props.add_visual(bin_body, steel, mesh="bin")
        fittings.add_round_wall(bin_body, r, h, t)

    def _build_fruit(self, spec: mujoco.MjSpec, name: str, skin: str, stalk: str) -> None:
        fruit = spec.worldbody.add_body(name=name)
        fruit.add_freejoint(name=f"{name}_joint")
        ellipsoid = mujoco.mjtGeom.mjGEOM_ELLIPSOID
        size = (_FRUIT_M, _FRUIT_M, 0.85 * _FRUIT_M)
        props.add_visual(fruit, skin, shape=ellipsoid, size=size)
        props.add_visual(
            fruit, stalk, shape=ellipsoid, size=(0.009, 0.009, 0.003), pos=(0, 0, size[2])
        )
        # Felt as a low cylinder, so that it does not roll away.
        cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
        props.add_collider(fruit, cylinder, (0.9 * _FRUIT_M, size[2]), mass_kg=0.06)

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """The bin at one side, the rest anywhere, all apart from one another."""
        side = rng.choice([-1.0, 1.0])
        bin_at = np.array([rng.uniform(0.36, 0.58), side * rng.uniform(0.12, 0.24)])
        placed: list[Float[Array, "2"]] = []

        def is_clear(at: Float[Array, "2"]) -> bool:
            apart = [float(np.linalg.norm(at - other)) > _APART_M for other in placed]
            return all(apart) and bool(np.linalg.norm(at - bin_at) > _APART_FROM_BIN_M)

        for _ in range(3):
            placed.append(draw_until(is_clear, lambda: rng.uniform((0.33, -0.26), (0.62, 0.26))))
        props.fix_body(model, "bin", (*bin_at, 0.0), rng.uniform(-np.pi, np.pi))
        heights = (_HALF_RUBBISH_M, 0.85 * _FRUIT_M, 0.85 * _FRUIT_M)
        for name, at, height in zip(("rubbish", *_FRUITS), placed, heights, strict=True):
            yaw = rng.uniform(-np.pi, np.pi)
            props.free_body(model, data, f"{name}_joint", (*at, height + 0.0005), yaw)

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Like RLBench's sensor: the rubbish is in a zone inside the bin."""
        gap = data.body("rubbish").xpos - data.body("bin").xpos
        return bool(np.linalg.norm(gap[:2]) < _BIN_RADIUS_M and gap[2] < _DEEP_M)

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above the paper, down, close, over the bin, open."""
        # The ball of paper is felt as a cube, which looks the same after a quarter of a turn.
        yaw = props.wrap(props.yaw_of(data, "rubbish"), np.pi / 2)
        height = _BIN_HEIGHT_M + _OVER_M
        over = props.top_down((*data.body("bin").xpos[:2], height), yaw)
        lift_m = max(height - float(_paper(data)[2]), 0.0)
        held = grips.in_hand(_paper)
        return (
            *grips.pick_up(_paper, data, yaw, lift_m, lift_speed_m_s=0.12),
            Waypoint("carry", over, gripper_open=False, straight=True, holds=held),
            Waypoint("drop", over, gripper_open=True),
        )


def _paper(data: mujoco.MjData) -> Float[Array, "3"]:
    """Middle of the ball of paper in panda_link0 [m]."""
    return grips.point_of(data, "rubbish", (0.0, 0.0, 0.0))
